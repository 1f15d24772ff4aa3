//! Every frame has one place, however a run ends and whoever is told to end before.

use std::fs;

use camweave_telemetry::{Counters, StatsFile};
use camweave_tests::{CameraSummary, Cameras, Pipeline};
use rustix::process::Signal;

/// The nodes of `cpu-batched.yml`.
const NODES: [&str; 7] = [
    "source",
    "decode",
    "detect.batch",
    "detect.infer",
    "detect.nms",
    "track",
    "sink",
];

fn cameras(seed: &str) -> Cameras {
    let arguments = ["--cameras", "3", "--fps", "15", "--seconds", "8"];
    let more = ["--at-end", "loop", "--seed", seed];
    Cameras::start(&[arguments.as_slice(), more.as_slice()].concat())
}

/// Counters of a run that is over, in the folder that the next one counts in.
fn leave_another_run(folder: &std::path::Path) {
    for (stage, kind) in [("source", "rtsp-source"), ("gone", "sw-decode")] {
        let counters = Counters::new(stage, kind, None);
        for _ in 0..1000 {
            counters.received("cam1");
            counters.received("old");
        }
        let file = StatsFile::open(folder, stage).expect("our folder");
        file.write(&counters.report()).expect("our folder");
    }
}

#[test]
fn ctrl_c_in_the_middle_of_a_run() {
    let cameras = cameras("61");
    let stats = tempfile::tempdir().expect("a folder");
    leave_another_run(stats.path());
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .env("CAMWEAVE_STATS_DIR", stats.path())
        .start();
    // While it runs, nothing is detected that has not come.
    let mut seen = Vec::new();
    run.wait_until("a hundred frames", |run| {
        let summary = run.summary();
        seen.extend(summary.into_iter().flat_map(|summary| summary.cameras));
        let last = seen.iter().rev().take(3);
        last.map(|camera| camera.frames_detected).sum::<u64>() > 100
    });
    for camera in &seen {
        let places = camera.frames_detected + camera.dropped_in_all() + camera.under_way;
        assert_eq!(camera.frames_sent, places, "{camera:?}");
    }
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    let ids = results.summary.cameras.iter().map(|camera| &*camera.id);
    assert_eq!(ids.collect::<Vec<_>>(), ["cam1", "cam2", "cam3"]);
    let sent = cameras.records();
    for (camera, sent) in results.summary.cameras.iter().zip(sent) {
        assert_eq!(camera.lost_in_all(), 0, "no process died: {camera:?}");
        assert!(
            camera.frames_sent <= sent.frames_sent + 1,
            "{camera:?} of {sent:?}"
        );
    }
    // The run before is not there any more, where it has the same nodes.
    let names = fs::read_dir(stats.path()).expect("our folder").count();
    assert!(names >= NODES.len());
}

#[test]
fn a_node_that_is_terminated_alone_is_said_and_comes_back() {
    let cameras = cameras("62");
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    for nodes in [&NODES[..2], &NODES[2..4], &NODES[4..]] {
        for node in nodes {
            run.signal(node, Signal::TERM);
        }
        run.wait_until("the nodes come back", |run| {
            let mut reports = nodes.iter().map(|node| run.report(node));
            reports.all(|report| report.is_some_and(|it| it.starts == 2 && !it.closed))
        });
        let reached = run.detected_in_all();
        run.wait_until("frames go on", |run| run.detected_in_all() > reached + 10);
    }
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    for node in NODES {
        let report = results.report(node);
        assert_eq!(report.starts, 2, "{report:?}");
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        let line = format!("'{node}' got SIGTERM or SIGINT");
        assert!(results.log.contains(&line), "{line}: {}", results.log);
    }
}

#[test]
fn a_signal_to_all_processes_ends_the_run_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let cameras = cameras("63");
        let mut run = Pipeline::of("cpu-batched.yml")
            .cameras(cameras.yml())
            .start();
        run.wait_until("some frames", |run| run.detected_in_all() > 20);
        let results = run.stop_all_processes(signal);
        assert_eq!(results.exit_code, Some(0), "{}", results.log);
        results.check_accounts();
        for report in &results.reports {
            assert!(report.closed && report.starts == 1, "{report:?}");
        }
        let lost = results
            .summary
            .cameras
            .iter()
            .map(CameraSummary::lost_in_all);
        assert_eq!(lost.sum::<u64>(), 0, "{:?}", results.summary.cameras);
    }
}
