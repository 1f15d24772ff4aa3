//! A user's clips through the whole graph: in order, upright, whole, beside files that cannot be
//! played.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use camweave_tests::{Pipeline, workspace};
use support::clip;

const MS: i64 = 1_000_000;

#[test]
fn clips_from_anywhere_play_beside_files_that_cannot_be_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let b_frames = [
        "-c:v",
        "libx264",
        "-g",
        "10",
        "-bf",
        "3",
        "-b_strategy",
        "0",
    ];
    let avi = clip(folder.path(), "b frames, north.avi", 40, &b_frames);
    let phone = workspace().join("nodes/file-source/tests/field/rot90.mp4");
    // Sizes change back and forth in a stream whose clock begins again with each of them.
    let part = |name: &str, size: &str| {
        let mut encoder = vec!["-s", size];
        encoder.extend(b_frames);
        fs::read(clip(folder.path(), name, 20, &encoder)).expect("a clip")
    };
    let parts = [part("1.ts", "320x240"), part("2.ts", "640x480")].concat();
    let sizes = folder.path().join("sizes.ts");
    fs::write(&sizes, parts.repeat(4)).expect("writable");
    let unfinished = folder.path().join("unfinished.mp4");
    let whole = fs::read(clip(folder.path(), "whole.mp4", 20, &b_frames)).expect("a clip");
    fs::write(&unfinished, &whole[..whole.len() / 2]).expect("writable");

    let named = [
        ("avi", &avi),
        ("phone", &phone),
        ("sizes", &sizes),
        ("unfinished", &unfinished),
        ("missing", &PathBuf::from("nowhere.mp4")),
    ];
    let files: Vec<String> = named
        .iter()
        .map(|(id, path)| format!("{id}=\"{}\"", path.display()))
        .collect();
    let results = Pipeline::of("files-batched.yml")
        .env("FILES", files.join(","))
        .env("PACE", "fast")
        .start()
        .wait_until_ended();
    // The graph's code says that not all were played, and the sink's line which.
    assert_eq!(results.exit_code, Some(1), "{}", results.log);
    assert_eq!(
        results
            .report("sink")
            .fatal
            .as_deref()
            .unwrap_or_default()
            .split(';')
            .next(),
        Some("2 of 5 files could not be played")
    );

    for (camera, frames, every) in [("avi", 40, 100 * MS), ("phone", 30, 100 * MS)] {
        let lines = results.lines_of(camera);
        let pts: Vec<i64> = lines.iter().map(|line| line.pts_nanos).collect();
        let even: Vec<i64> = (0..frames).map(|n| n * every).collect();
        assert_eq!(pts, even, "{camera}: {}", results.log);
    }
    for line in results.lines_of("phone") {
        assert_eq!((line.width, line.height), (240, 320), "upright");
    }
    let lines = results.lines_of("sizes");
    let summary = results.summary.camera("sizes");
    assert_eq!(lines.len(), 160, "{summary:?}");
    assert_eq!(summary.dropped, BTreeMap::new());
    assert_eq!(summary.errors["source.time_jump"], 7);
    let found: Vec<(u32, u32)> = lines.iter().map(|line| (line.width, line.height)).collect();
    for (index, chunk) in found.chunks(20).enumerate() {
        let size = [(320, 240), (640, 480)][index % 2];
        assert_eq!(chunk, [size; 20], "part {index}");
    }
    assert!(
        lines
            .windows(2)
            .all(|pair| pair[0].pts_nanos < pair[1].pts_nanos),
        "in order"
    );
    for (camera, kind) in [("unfinished", "incomplete"), ("missing", "not_found")] {
        let summary = results.summary.camera(camera);
        let state = summary.state.as_deref().unwrap_or_default();
        assert!(state.starts_with(&format!("offline: {kind}")), "{state}");
        assert_eq!(summary.errors[&format!("source.{kind}")], 1);
        assert_eq!((summary.frames_sent, summary.frames_detected), (0, 0));
    }
}

/// The shipped graph's slots have room in the memory that it allows a camera.
#[test]
fn large_files_play_with_the_settings_of_the_graph() {
    let folder = tempfile::tempdir().expect("a folder");
    let sizes = [("fullhd", "1920x1080"), ("uhd", "3840x2160")];
    let files: Vec<String> = sizes
        .iter()
        .map(|(id, size)| {
            let encoder = ["-s", size, "-c:v", "libx264", "-preset", "ultrafast"];
            let path = clip(folder.path(), &format!("{id}.mp4"), 60, &encoder);
            format!("{id}=\"{}\"", path.display())
        })
        .collect();
    let results = Pipeline::of("files-batched.yml")
        .env("FILES", files.join(","))
        .env("PACE", "fast")
        .start()
        .wait_until_ended();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    let mut detected: BTreeMap<&str, u64> = BTreeMap::new();
    for line in &results.lines {
        *detected.entry(&line.camera).or_default() += 1;
    }
    assert_eq!(detected, BTreeMap::from([("fullhd", 60), ("uhd", 60)]));
}
