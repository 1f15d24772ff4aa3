//! Five times more frames than the machine can take: latency stays, frames go, all are counted.

use camweave_telemetry::{CameraCounters, StageReport};
use camweave_tests::{CameraSummary, Cameras, Pipeline};

const CAMERAS: usize = 8;

#[test]
fn overload_costs_frames_and_not_latency() {
    let cameras = Cameras::start(&[
        "--cameras",
        "8",
        "--fps",
        "25",
        "--seconds",
        "15",
        "--seed",
        "21",
    ]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);

    let records = cameras.records();
    assert_eq!(
        (records.len(), results.summary.cameras.len()),
        (CAMERAS, CAMERAS)
    );
    let detected: u64 = results
        .summary
        .cameras
        .iter()
        .map(|it| it.frames_detected)
        .sum();
    let mean = detected as f64 / CAMERAS as f64;
    let dropped: u64 = results
        .summary
        .cameras
        .iter()
        .map(CameraSummary::dropped_in_all)
        .sum();
    assert!(
        dropped > 0,
        "the machine takes all frames: this is no overload"
    );

    for sent in &records {
        let camera = results.summary.camera(&sent.id);
        assert_eq!(camera.frames_sent, sent.frames_sent, "{camera:?}");
        camera.check_account();
        assert_eq!(camera.lost_in_all(), 0, "no process died: {camera:?}");
        let lines = results.lines_of(&sent.id);
        assert_eq!(lines.len() as u64, camera.frames_detected, "{camera:?}");
        assert!(
            lines.is_sorted_by(|a, b| a.sequence < b.sequence && a.pts_nanos < b.pts_nanos),
            "frames of camera '{}' are out of order",
            sent.id
        );
        assert!(
            camera.latency_ms.p99 <= 1000.0,
            "old frames win: {camera:?}"
        );
        let share = camera.frames_detected as f64 / mean;
        assert!(
            (share - 1.0).abs() <= 0.15,
            "camera '{}' has {share:.2} of a fair share; {:?}",
            sent.id,
            results.summary.cameras
        );
        // The newest wins: what was dropped lies between frames, not after them.
        let last = lines.last().expect("some frame is detected");
        let t0 = sent.t0_unix_nanos.expect("the camera has started");
        let end = t0 + (sent.last_frame_sent.expect("sent") as f64 / sent.fps * 1e9) as i64;
        assert!(
            end - last.captured_unix_nanos < 500_000_000,
            "the last of camera '{}' was dropped: {camera:?}",
            sent.id
        );
    }
}

/// A stop in the middle of it: what waits everywhere has a name, and it waits for nobody.
#[test]
fn a_stop_under_overload_leaves_no_frame_without_a_place() {
    let cameras = Cameras::start(&[
        "--cameras",
        "8",
        "--fps",
        "25",
        "--seconds",
        "4",
        "--at-end",
        "loop",
        "--seed",
        "22",
    ]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        // Long queues, and nothing is dropped in them.
        .set("MAX_WAIT_MS", "10000")
        .set("QUEUE", "64")
        .start();
    run.wait_until("frames wait", |run| {
        let waiting = |it: &StageReport| it.cameras.values().map(CameraCounters::inside).sum();
        let waiting: u64 = run.report("detect.infer").as_ref().map_or(0, waiting);
        waiting > 50
    });
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    let stopped = |camera: &CameraSummary| -> u64 {
        let stopped = camera.dropped.iter();
        let stopped = stopped.filter(|(name, _)| name.ends_with(".stopped"));
        stopped.map(|(_, count)| count).sum()
    };
    let stopped: u64 = results.summary.cameras.iter().map(stopped).sum();
    assert!(stopped > 50, "{:?}", results.summary.cameras);
    for camera in &results.summary.cameras {
        assert_eq!(camera.lost_in_all(), 0, "no process died: {camera:?}");
    }
}
