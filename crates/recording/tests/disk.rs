//! A disk that is full, and how long clips are kept.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use camweave_message::Codec;
use camweave_outdir::Retention;
use camweave_recording::{Mode, Plan, Recorder, Report, Store, clips, loss};
use support::{Bench, Footage, hashes, names, recorded};

/// Tells the test that it has the small disk: its folder.
const DISK: &str = "CAMWEAVE_SMALL_DISK";
/// Less than half of the footage.
const MOUNT: &str = r#"mount -t tmpfs -o size=400k full "$CAMWEAVE_SMALL_DISK""#;
const UNSHARE: [&str; 6] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
];

/// Why this system has no file systems for us, if it has none.
fn refusal(disk: &Path) -> Option<String> {
    let output = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg(MOUNT)
        .env(DISK, disk)
        .output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("'{}': {error}", UNSHARE[0])),
    }
}

#[test]
fn a_full_disk_costs_clips_and_nothing_else() {
    if let Some(disk) = std::env::var_os(DISK) {
        return record_on_a_full_disk(Path::new(&disk));
    }
    let place = tempfile::tempdir().expect("a folder");
    if let Some(refusal) = refusal(place.path()) {
        eprintln!("skipped: no file system of a chosen size without root: {refusal}");
        return;
    }
    // The same test, with the disk that only it sees.
    let output = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg(format!("{MOUNT} && exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "a_full_disk_costs_clips_and_nothing_else",
            "--nocapture",
        ])
        .env(DISK, place.path())
        .output()
        .expect("unshare runs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        names(place.path()),
        Vec::<PathBuf>::new(),
        "it was that disk"
    );
}

fn record_on_a_full_disk(disk: &Path) {
    let footage = Footage::new(Codec::H264, 40, "320x240", 0);
    let size: usize = footage.units.iter().map(|it| it.data.len()).sum();
    assert!(size > 800 << 10, "{size}: more than the disk has");
    let units = footage.session("a", 1, 0);

    // Somebody makes room each time: what was not written meanwhile is still in memory.
    let (frames, reports) = record_all(disk, &units, Duration::from_secs(30), true);
    let last = 399 - lost(&reports);
    assert_eq!(frames, (0..=last).collect(), "{reports:?}");
    assert!(last > 370, "{last}: only the end may find the disk full");
    let failed: Vec<&String> = reports
        .iter()
        .filter_map(|it| match it {
            Report::Failed { error, .. } => Some(error),
            _ => None,
        })
        .collect();
    assert!(failed[0].contains("No space left on device"), "{failed:?}");
    // One try a pause, not one a frame.
    assert!((3..20).contains(&failed.len()), "{failed:?}");
    let recovered = |it: &Report| matches!(it, Report::Recovered { .. });
    assert!(reports.iter().any(recovered), "{reports:?}");

    // Nobody does: each frame is in a clip, or counted.
    let (frames, reports) = record_all(disk, &units, Duration::from_secs(6), false);
    assert!(lost(&reports) > 50, "{reports:?}");
    assert_eq!(frames.len() as u64 + lost(&reports), 400, "{reports:?}");
}

/// Units that are in no clip.
fn lost(reports: &[Report]) -> u64 {
    let lost = reports.iter().map(|it| match it {
        Report::Lost { reason, units, .. } => {
            assert_eq!(*reason, loss::NOT_WRITTEN);
            *units
        }
        _ => 0,
    });
    lost.sum()
}

/// Records them all the time, with so much in memory; where `makes_room`, the clips of a disk that stays
/// full are taken away. The frames of all clips, which play.
fn record_all(
    disk: &Path,
    units: &[camweave_message::Unit],
    ring: Duration,
    makes_room: bool,
) -> (BTreeSet<u64>, Vec<Report>) {
    let plan = Plan {
        folder: disk.join("clips"),
        mode: Mode::Continuous,
        longest: Duration::from_secs(4),
        ring,
        ..Plan::default()
    };
    let mut frames = BTreeSet::new();
    let mut take_away = || {
        for (clip, sidecar) in recorded(&plan.folder) {
            assert_eq!(hashes(&clip.path).len() as u64, sidecar.frame_count);
            frames.extend(sidecar.frames.iter().map(|it| it.frame.sequence));
            fs::remove_file(clip.sidecar_path()).expect("there");
            fs::remove_file(&clip.path).expect("there");
        }
    };
    let store = Store::open(&plan.folder, "test").expect("room");
    let mut recorder = Recorder::start(store, plan.clone(), || {}).expect("threads");
    let mut now = Instant::now();
    let mut reports = Vec::new();
    let mut failures = 0;
    for unit in units {
        recorder.unit(unit, now);
        while recorder.waiting_bytes() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        now += Duration::from_millis(100);
        recorder.tick(now);
        let new = recorder.take_reports();
        failures += new
            .iter()
            .filter(|it| matches!(it, Report::Failed { .. }))
            .count();
        reports.extend(new);
        if makes_room && failures >= 3 {
            failures = 0;
            // What was being written as well, once it has a name.
            while has_parts(&plan.folder) {
                take_away();
                std::thread::sleep(Duration::from_millis(20));
            }
            take_away();
        }
    }
    if makes_room {
        take_away();
    }
    // What could not be finished is tried again every few seconds, and at the end.
    assert!(recorder.close(Instant::now() + Duration::from_secs(20)));
    reports.extend(recorder.take_reports());
    drop(recorder);
    take_away();
    assert!(!makes_room || !has_parts(&plan.folder), "{reports:?}");
    // What had no room for its sidecar gets its name at the next start.
    let store = Store::open(&plan.folder, "test").expect("it has ended");
    for salvaged in store.salvage().expect("listed") {
        salvaged.expect("there is room");
    }
    take_away();
    (frames, reports)
}

fn has_parts(folder: &Path) -> bool {
    let mut names = names(folder).into_iter();
    names.any(|it| it.to_string_lossy().ends_with(".part"))
}

/// Records clips of four seconds each.
fn record(folder: &Path, retention: Retention, sessions: std::ops::Range<i64>) -> Vec<Report> {
    let footage = Footage::new(Codec::H264, 12, "96x64", 0);
    let plan = Plan {
        folder: folder.to_owned(),
        mode: Mode::Continuous,
        longest: Duration::from_secs(4),
        retention,
        ..Plan::default()
    };
    let store = Store::open(folder, "test").expect("free");
    let mut bench = Bench::new(&Plan::default());
    bench.recorder = Recorder::start(store, plan, || {}).expect("threads");
    for session in sessions {
        for camera in ["a", "b"] {
            bench.units(&footage.session(camera, session, 20 * session));
        }
    }
    // Old clips are looked for at the start.
    std::thread::sleep(Duration::from_millis(500));
    bench.close().1
}

#[test]
fn the_oldest_clips_are_removed_and_nothing_of_others() {
    let place = tempfile::tempdir().expect("a folder");
    record(place.path(), Retention::default(), 1..2);
    let before = clips(place.path()).expect("listed");
    assert_eq!(before.len(), 6);
    // By age: the second half was written long ago.
    let old = SystemTime::now() - Duration::from_secs(10 * 86_400);
    for clip in &before[3..] {
        let file = fs::File::options().append(true).open(&clip.path);
        file.expect("there").set_modified(old).expect("our file");
    }
    // Files of others: beside, with a clip's name, and in the place of a clip.
    let day = before[0].path.parent().expect("a day");
    let theirs = [
        day.join("notes.txt"),
        day.join("a-20200101T000000.000Z.mp4"),
        day.join("a-20200101T000000.000Z.json"),
        day.join("a-20200101T000000.000Z.mp4.part"),
        place.path().join("a/2020-01-01.mp4"),
        before[5].path.clone(),
    ];
    for path in &theirs {
        drop(fs::remove_file(path));
        fs::write(path, "precious").expect("writable");
        let file = fs::File::options().append(true).open(path);
        file.expect("there").set_modified(old).expect("our file");
    }
    let keep = Retention {
        age: Some(Duration::from_secs(9 * 86_400)),
        ..Retention::default()
    };
    let reports = record(place.path(), keep, 5..5);
    let removed: Vec<&PathBuf> = reports
        .iter()
        .filter_map(|it| match it {
            Report::Removed { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    // Both were written at once, so the name decides.
    assert_eq!(removed, [&before[4].path, &before[3].path], "{reports:?}");
    for path in &theirs {
        assert_eq!(
            fs::read_to_string(path).expect("there"),
            "precious",
            "{path:?}"
        );
    }
    for clip in &before[..3] {
        assert!(
            clip.path.exists() && clip.sidecar_path().exists(),
            "{clip:?}"
        );
    }
    assert!(!before[3].sidecar_path().exists());
    // By size: those that were written first, of either camera, while there are more bytes.
    let size: u64 = before[..3].iter().map(|it| it.bytes).sum();
    let keep = Retention {
        bytes: Some(size - 1),
        ..Retention::default()
    };
    let reports = record(place.path(), keep, 5..5);
    let mut first = before[..3].to_vec();
    first.sort_by_key(|it| it.written);
    let gone: Vec<bool> = first.iter().map(|it| !it.path.exists()).collect();
    assert_eq!(gone, [true, false, false], "{reports:?}");
    for path in &theirs {
        assert!(path.exists(), "{path:?}");
    }
}
