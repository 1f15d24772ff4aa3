//! Any node may die at any moment: the others go on, it comes back, nothing leaks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camweave_tests::{CameraSummary, Cameras, Line, Pipeline, is_alive, orphaned_shared_memory};
use rustix::process::Signal;

const NODES: [&str; 7] = [
    "source",
    "decode",
    "detect.batch",
    "detect.infer",
    "detect.nms",
    "track",
    "sink",
];
const KILLS: usize = 20;
const BETWEEN_KILLS: Duration = Duration::from_millis(2500);

fn unix_nanos() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is past 1970").as_nanos() as i64
}

#[test]
fn killed_nodes_come_back_and_leave_nothing() {
    let before = orphaned_shared_memory();
    let cameras = Cameras::start(&[
        "--cameras",
        "2",
        "--seconds",
        "20",
        "--at-end",
        "loop",
        "--seed",
        "41",
    ]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .start();
    run.wait_until("frames of both cameras", |run| {
        run.detected("cam1") > 5 && run.detected("cam2") > 5
    });
    let mut kills: Vec<(&str, i64)> = Vec::new();
    for node in NODES.into_iter().cycle().take(KILLS) {
        let victim = run.process(node).expect("the node has reported");
        assert!(
            is_alive(victim),
            "node '{node}' died by itself; {}",
            run.log()
        );
        let killed = Instant::now();
        kills.push((node, unix_nanos()));
        camweave_tests::kill(victim, Signal::KILL);
        run.wait_until(&format!("node '{node}' comes back"), |run| {
            run.process(node).is_some_and(|process| process != victim)
        });
        let reached = run.detected_in_all();
        run.wait_until(&format!("frames after the death of '{node}'"), |run| {
            run.detected_in_all() > reached
        });
        std::thread::sleep(BETWEEN_KILLS.saturating_sub(killed.elapsed()));
    }
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    let lost = |camera: &CameraSummary| camera.lost_in_all();
    let lost: u64 = results.summary.cameras.iter().map(lost).sum();
    assert!(lost > 0, "kills cost frames: {:?}", results.summary.cameras);

    // By the results themselves: a frame that was captured after the kill went the whole way.
    let recoveries: Vec<(&str, i64)> = kills
        .iter()
        .map(|(node, killed)| {
            let after = results
                .lines
                .iter()
                .filter(|line| line.captured_unix_nanos > *killed);
            let first = after.map(|line| line.detected_unix_nanos).min();
            (
                *node,
                first.map_or(i64::MAX, |first| (first - killed) / 1_000_000),
            )
        })
        .collect();
    println!("milliseconds from a kill to a new detection: {recoveries:?}");
    assert!(
        recoveries.iter().all(|(_, millis)| *millis < i64::MAX),
        "a frame that was captured after each kill is detected: {recoveries:?}"
    );

    // The tracker's tracks start over, and no id is given a second time.
    for (_, killed) in kills.iter().filter(|(node, _)| *node == "track") {
        let ids = |is_one: &dyn Fn(&Line) -> bool| -> BTreeSet<u64> {
            let lines = results.lines.iter().filter(|line| is_one(line));
            lines
                .flat_map(|line| line.track_ids.iter().flatten().copied())
                .collect()
        };
        let before = ids(&|line| line.detected_unix_nanos < *killed);
        let after = ids(&|line| line.captured_unix_nanos > *killed);
        assert!(!before.is_empty() && !after.is_empty());
        assert!(before.is_disjoint(&after), "{before:?} and {after:?}");
    }

    let mut starts: BTreeMap<&str, u64> = BTreeMap::new();
    for (node, _) in &kills {
        *starts.entry(node).or_insert(1) += 1;
    }
    for report in &results.reports {
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        assert_eq!(
            starts.get(&*report.stage),
            Some(&report.starts),
            "{report:?}"
        );
    }
    // Pools live in memory that goes with the last process that has it.
    let left = camweave_tests::processes_with(&results.folder.path().display().to_string());
    assert_eq!(left, Vec::<u32>::new(), "processes are left");
    // What another pipeline is only just opening is in one of two looks at most.
    let orphans = orphaned_shared_memory();
    std::thread::sleep(Duration::from_secs(1));
    let orphans = &orphaned_shared_memory() & &orphans;
    let left: Vec<&String> = orphans.difference(&before).collect();
    // dora itself leaves one file of zenoh's bookkeeping per run, also without kills; the
    // next run removes it. A killed node must not add its own: those are of 8 MiB.
    let bytes: u64 = left.iter().map(|file| shared_memory_bytes(file)).sum();
    assert!(
        left.len() <= 1 && bytes <= 64 * 1024,
        "{bytes} bytes are left in /dev/shm: {left:?}"
    );
}

fn shared_memory_bytes(file: &str) -> u64 {
    std::fs::metadata(Path::new("/dev/shm").join(file)).map_or(0, |file| file.len())
}
