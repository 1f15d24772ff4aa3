//! The whole way of every frame, in both topologies, and how good the results are.

use std::collections::{BTreeMap, BTreeSet};

use camweave_tests::{Cameras, Pipeline, Results, Score, frame_of, score};

/// Both topologies see the same scenes, which no training has seen.
const SEED: &str = "11";

/// Every frame that was sent is detected, once, in order and at its time.
fn check_complete(cameras: &Cameras, results: &Results) {
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    let records = cameras.records();
    let mut lines = 0;
    for camera in &records {
        let summary = results.summary.camera(&camera.id);
        assert_eq!(summary.dropped, BTreeMap::new(), "camera '{}'", camera.id);
        assert_eq!(summary.errors, BTreeMap::new(), "camera '{}'", camera.id);
        summary.check_account();
        assert_eq!(summary.frames_sent, camera.frames_sent, "{summary:?}");
        assert_eq!(summary.frames_detected, camera.frames_sent, "{summary:?}");
        let found = results.lines_of(&camera.id);
        lines += found.len();
        let first = camera.first_frame_sent.expect("frames were sent") as usize;
        let last = camera.last_frame_sent.expect("frames were sent") as usize;
        let expected: Vec<usize> = (first..=last).collect();
        assert_eq!(expected.len() as u64, camera.frames_sent, "{camera:?}");
        let frames: Vec<usize> = found.iter().map(|line| frame_of(line, camera)).collect();
        assert_eq!(frames, expected, "frames of camera '{}'", camera.id);
        assert!(
            found.is_sorted_by(|a, b| a.pts_nanos < b.pts_nanos),
            "presentation times of camera '{}' do not rise",
            camera.id
        );
        for line in &found {
            assert_eq!(line.captured_clock, "sender-report", "{line:?}");
            assert_eq!((line.width, line.height), (640, 360), "{line:?}");
            assert!(
                line.detected_unix_nanos > line.captured_unix_nanos,
                "detected before it was captured: {line:?}"
            );
        }
    }
    assert_eq!(lines, results.lines.len(), "lines of unknown cameras");
    assert_eq!(records.len(), results.summary.cameras.len());
    for report in &results.reports {
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        assert_eq!(report.starts, 1, "{report:?}");
        assert_eq!(report.errors, BTreeMap::new(), "{report:?}");
    }
    check_tracks(results);
}

/// No two cameras share a track.
fn check_tracks(results: &Results) {
    let mut owner: BTreeMap<u64, &str> = BTreeMap::new();
    for line in &results.lines {
        for track in line.track_ids.iter().flatten() {
            let first = *owner.entry(*track).or_insert(&line.camera);
            assert_eq!(first, line.camera, "track {track} is on two cameras");
        }
    }
    let tracked: BTreeSet<&str> = owner.into_values().collect();
    assert_eq!(tracked.len(), results.summary.cameras.len());
}

fn check_score(score: &Score) {
    let detection = &score.detection;
    let tracking = &score.tracking;
    let reaches = |value: Option<f64>, least: f64| value.is_some_and(|value| value >= least);
    assert!(
        reaches(detection.ap50, 0.90)
            && reaches(detection.ap50_95, 0.65)
            && reaches(tracking.idf1, 0.85)
            && reaches(tracking.mota, 0.80),
        "{score:#?}"
    );
}

fn run(graph: &str, cameras: &Cameras) -> Results {
    // How fast this machine is must not decide whether frames are dropped: a hitch of seconds is
    // waited out.
    let mut run = Pipeline::of(graph)
        .cameras(cameras.yml())
        .set("MAX_WAIT_MS", "10000")
        .set("QUEUE", "64")
        .set("SLOTS", "64")
        // Nor whether a camera that has ended is called stalled before the last frame is through.
        .set("STALL_TIMEOUT_MS", "60000")
        .start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    cameras.wait_until_ended();
    run.wait_until_quiet();
    run.stop()
}

#[test]
fn four_cameras_in_batches() {
    let cameras = Cameras::start(&["--cameras", "4", "--seconds", "15", "--seed", SEED]);
    let results = run("cpu-batched.yml", &cameras);
    check_complete(&cameras, &results);
    check_score(&score(&cameras, &results));
    // Nobody has said that these cameras are simulated.
    let warned = results.log.matches("trained on rendered streets alone");
    assert_eq!(warned.count(), 1, "{}", results.log);
}

#[test]
fn four_cameras_one_frame_at_a_time() {
    let cameras = Cameras::start(&["--cameras", "4", "--seconds", "15", "--seed", SEED]);
    let results = run("cpu-sequential.yml", &cameras);
    check_complete(&cameras, &results);
    check_score(&score(&cameras, &results));
    assert!(
        !results
            .reports
            .iter()
            .any(|report| report.kind == "batcher"),
        "a batcher runs"
    );
}

#[test]
fn one_camera_by_its_cameras_yml_alone() {
    let cameras = Cameras::start(&["--cameras", "1", "--seconds", "6", "--seed", "13"]);
    let results = run("cpu-batched.yml", &cameras);
    check_complete(&cameras, &results);
}
