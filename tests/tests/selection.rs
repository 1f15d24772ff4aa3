//! Cameras that are detected on as often as their `cameras.yml` says.

use std::fs;

use camweave_tests::{Cameras, Pipeline, workspace};

/// A threshold that no scene reaches: the pictures that nevertheless go on tell that somebody looks.
#[test]
fn detect_motion_looks_at_what_has_changed() {
    let cameras = Cameras::endless(2);
    let folder = tempfile::tempdir().expect("a folder");
    let yml = folder.path().join("cameras.yml");
    let mut text = "cameras:\n".to_owned();
    let wanted = ["motion", "motion\n    motion_area: 90"];
    for ((id, url), wanted) in cameras.urls().iter().zip(wanted) {
        text.push_str(&format!(
            "  - id: {id}\n    url: {url}\n    detect: {wanted}\n"
        ));
    }
    fs::write(&yml, text).expect("writable");
    let graph = workspace().join("dataflows/cpu-batched.yml");
    let mut pipeline = Pipeline::of(graph).cameras(&yml).start();
    pipeline.wait_until("100 frames of the camera where something moves", |it| {
        it.detected("cam1") >= 100
    });
    let results = pipeline.stop();
    results.check_accounts();
    let left_out = |id: &str| {
        let dropped = &results.summary.camera(id).dropped;
        dropped.get("decode.not_selected").copied().unwrap_or(0)
    };
    // The simulated street is never empty for two seconds.
    let moving = results.summary.camera("cam1").frames_decoded;
    assert!(left_out("cam1") * 10 < moving, "{moving} of cam1");
    // Two seconds, then one picture a second: the detector may have dropped some.
    assert!(left_out("cam2") >= 50, "{} of cam2", left_out("cam2"));
    let lines = results.lines.iter().filter(|line| line.camera == "cam2");
    let times: Vec<i64> = lines.map(|line| line.pts_nanos).collect();
    let still = times.iter().filter(|pts| *pts - times[0] > 2_500_000_000);
    let still: Vec<i64> = still.copied().collect();
    assert!(!still.is_empty(), "{times:?}");
    for pair in still.windows(2) {
        assert!(pair[1] - pair[0] >= 950_000_000, "{still:?}");
    }
}

#[test]
fn detect_fps_and_detect_off_are_kept_and_counted() {
    let cameras = Cameras::endless(3);
    let folder = tempfile::tempdir().expect("a folder");
    let yml = folder.path().join("cameras.yml");
    let mut text = "cameras:\n".to_owned();
    let wanted = ["", "    detect_fps: 2\n", "    detect: off\n"];
    for ((id, url), wanted) in cameras.urls().iter().zip(wanted) {
        text.push_str(&format!("  - id: {id}\n    url: {url}\n{wanted}"));
    }
    fs::write(&yml, text).expect("writable");
    let graph = workspace().join("dataflows/cpu-batched.yml");
    let mut pipeline = Pipeline::of(graph).cameras(&yml).start();
    pipeline.wait_until("ten frames of the slow camera", |it| {
        it.detected("cam2") >= 10
    });
    let results = pipeline.stop();
    let not_selected = |id: &str| {
        let dropped = &results.summary.camera(id).dropped;
        dropped.get("decode.not_selected").copied().unwrap_or(0)
    };
    results.check_accounts();
    assert_eq!(not_selected("cam1"), 0);
    // One in five, give or take what was under way at the stop.
    let slow = results.summary.camera("cam2");
    let (given, left_out) = (slow.frames_decoded, not_selected("cam2"));
    assert!(
        left_out.abs_diff(4 * given) <= 8,
        "{given} given out, {left_out} not selected"
    );
    let times: Vec<i64> = results
        .lines
        .iter()
        .filter(|line| line.camera == "cam2")
        .map(|line| line.pts_nanos)
        .collect();
    for pair in times.windows(2) {
        // The detector may have dropped one between.
        let apart = (pair[1] - pair[0]) as f64 / 0.5e9;
        assert!(
            apart > 0.5 && (apart - apart.round()).abs() < 0.1,
            "{apart}"
        );
    }
    let off = results.summary.camera("cam3");
    assert_eq!(off.frames_detected, 0);
    assert!(not_selected("cam3") > 20, "{:?}", off.dropped);
    assert!(results.summary.cameras.iter().all(|it| it.state.is_some()));
}

/// One starts at a time: the first frame of each comes after that of the camera before was decoded.
#[test]
fn a_camera_is_called_when_the_one_before_has_been_decoded() {
    const CAMERAS: u32 = 5;
    let cameras = Cameras::endless(CAMERAS);
    let folder = tempfile::tempdir().expect("a folder");
    let yml = folder.path().join("cameras.yml");
    let mut text = "cameras:\n".to_owned();
    for (id, url) in cameras.urls() {
        text.push_str(&format!("  - id: {id}\n    url: {url}\n"));
    }
    fs::write(&yml, text).expect("writable");
    let graph = workspace().join("dataflows/cpu-batched.yml");
    let mut pipeline = Pipeline::of(graph)
        .cameras(&yml)
        .set("STARTING_AT_ONCE", "1")
        .env("CAMWEAVE_PASSES", "on")
        .start();
    let ids: Vec<String> = cameras.urls().iter().map(|(id, _)| id.clone()).collect();
    pipeline.wait_until("a frame of each camera", |it| {
        ids.iter().all(|id| it.detected(id) > 0)
    });
    let results = pipeline.stop();
    results.check_accounts();
    let first = |id: &str, stage: &str| {
        let mut lines = results.lines.iter();
        let line = lines.find(|line| line.camera == id).expect("a frame");
        let passes = line.passes.as_ref().expect("with CAMWEAVE_PASSES");
        let pass = passes.iter().find(|(name, _, _)| name == stage);
        let (_, entered, left) = pass.expect("a stage of the graph");
        (*entered, *left)
    };
    for pair in ids.windows(2) {
        let (_, decoded) = first(&pair[0], "decode");
        let (came, _) = first(&pair[1], "source");
        assert!(came > decoded, "{} before {} was decoded", pair[1], pair[0]);
    }
}
