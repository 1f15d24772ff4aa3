//! A camera whose main stream is recorded and whose substream is detected on, as a user has it: the boxes
//! that the graph finds in the small frames are where the large ones show the objects.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camweave_tests::{CameraRecord, Cameras, Pipeline, binary, extended_graph};
use serde_json::Value;

/// A second source, and a node that records what it sends.
const RECORDING: &str = "
  - id: record
    path: bin/rtsp-source
    inputs: {tick: dora/timer/millis/500}
    outputs: [out]
    env:
      STREAM: record
  - id: recorder
    path: bin/recorder
    inputs:
      units: {source: record/out, queue_size: 1024, queue_policy: backpressure}
      detections: {source: track/out, queue_size: 1024, queue_policy: backpressure}
    env:
      MODE: continuous
      RECORDINGS: RECORDINGS_FOLDER
";
const FPS: f64 = 12.0;
/// The scene, which begins again.
const SECONDS: &str = "5";
/// Frames of the substream in which objects are looked for: 5 s.
const LOOKED_AT: u64 = 25;
/// What was captured in the last half second may be cut off by the stop.
const END: i64 = 500_000_000;

fn graph(folder: &Path, recordings: &Path) -> PathBuf {
    let more = RECORDING.replace("RECORDINGS_FOLDER", &recordings.display().to_string());
    extended_graph(folder, "cpu-sequential.yml", &more)
}

fn sidecars(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sidecars(&path));
        } else if path.extension().is_some_and(|it| it == "mp4") {
            let text = fs::read_to_string(path.with_extension("json")).expect("a sidecar");
            found.push(serde_json::from_str(&text).expect("JSON"));
        }
    }
    found
}

/// The number of the frame of the scene that was captured then.
fn frame_at(record: &CameraRecord, captured: i64) -> usize {
    let t0 = record.t0_unix_nanos.expect("it has begun");
    ((captured - t0) as f64 / 1e9 * record.fps).round() as usize
}

fn centre(bbox: [f64; 4]) -> [f64; 2] {
    [0, 1].map(|axis| (bbox[axis] + bbox[axis + 2]) / 2.0)
}

fn iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let area = |it: [f64; 4]| (it[2] - it[0]) * (it[3] - it[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}

#[test]
fn boxes_of_the_substream_are_where_the_main_stream_shows_the_objects() {
    let place = tempfile::tempdir().expect("a folder");
    let recordings = place.path().join("recordings");
    let fps = FPS.to_string();
    let cameras = Cameras::start(&[
        "--size",
        "640x360",
        "--fps",
        &fps,
        "--sub",
        "320x180@5",
        "--seconds",
        SECONDS,
        "--at-end",
        "loop",
    ]);
    let mut run = Pipeline::of(graph(place.path(), &recordings))
        .cameras(cameras.yml())
        .start();
    run.wait_until("frames", |run| run.detected("cam1") > LOOKED_AT);
    let results = run.stop();
    let records = cameras.records();
    let of = |id: &str| {
        let found = records.iter().find(|it| it.id == id);
        found.unwrap_or_else(|| panic!("no {id}: {records:?}"))
    };
    let (main, sub) = (of("cam1"), of("cam1-sub"));
    assert_eq!(main.t0_unix_nanos, sub.t0_unix_nanos, "one camera");
    // Each source counts its own stream, and the sink those frames alone that come to it.
    let counted = |stage: &str| results.report(stage).cameras["cam1"].received;
    let frames_sent = results.summary.camera("cam1").frames_sent;
    assert_eq!(frames_sent, counted("source"));
    assert!(counted("record") > 2 * frames_sent, "{frames_sent}");
    results.check_accounts();

    let truth = cameras.truth("cam1");
    let (mut placed, mut boxes, mut near, mut overlapping) = (BTreeSet::new(), 0, 0, 0);
    let detected: BTreeMap<i64, _> = results
        .lines_of("cam1")
        .iter()
        .map(|line| (line.captured_unix_nanos, *line))
        .collect();
    let last = *detected.keys().max().expect("frames");
    let clips = sidecars(&recordings);
    for frame in clips
        .iter()
        .flat_map(|it| it["frames"].as_array().expect("frames"))
    {
        let Some(seen) = frame.get("detections") else {
            continue;
        };
        let captured = frame["captured_unix_nanos"].as_i64().expect("a time");
        let looked_at = seen["captured_unix_nanos"]
            .as_i64()
            .expect("of another stream");
        // Both by the camera's clock, half a step of the main stream apart at most.
        let off = (captured - looked_at).abs();
        assert!(placed.insert(looked_at), "twice: {frame}");
        let Some(line) = detected.get(&looked_at).filter(|_| last - looked_at > END) else {
            continue;
        };
        assert!(off as f64 <= 0.5e9 / FPS + 2e6, "{off} ns: {frame}");
        assert_eq!((line.width, line.height), (320, 180));
        assert_eq!(
            (&seen["width"], &seen["height"]),
            (&line.width.into(), &line.height.into())
        );
        let found: Vec<[f32; 4]> = serde_json::from_value(seen["boxes"].clone()).expect("boxes");
        assert_eq!(found, line.boxes);
        // Where the main stream has the objects in this very frame, and how far they move to the next.
        let number = frame_at(main, captured) % truth.len();
        let objects = &truth[number].objects;
        let next = truth.get(number + 1).unwrap_or(&truth[number]);
        for bbox in found.iter().map(|it| it.map(|edge| f64::from(edge) * 2.0)) {
            let nearest = objects
                .iter()
                .max_by(|a, b| iou(a.bbox, bbox).total_cmp(&iou(b.bbox, bbox)));
            let Some(object) = nearest.filter(|it| iou(it.bbox, bbox) > 0.3) else {
                continue;
            };
            boxes += 1;
            let moved = next
                .objects
                .iter()
                .find(|it| it.track_id == object.track_id);
            let moved = moved.map_or([0.0; 2], |it| {
                let (now, then) = (centre(object.bbox), centre(it.bbox));
                [0, 1].map(|axis| (then[axis] - now[axis]).abs())
            });
            // A detector on small frames is off by a few of their pixels.
            let (drawn, shown) = (centre(bbox), centre(object.bbox));
            let is_near = [0, 1]
                .iter()
                .all(|axis| (drawn[*axis] - shown[*axis]).abs() <= moved[*axis] + 8.0);
            near += usize::from(is_near);
            overlapping += usize::from(iou(object.bbox, bbox) > 0.5);
        }
    }
    println!(
        "{} frames with boxes, {boxes} boxes, {near} near, {overlapping} overlapping",
        placed.len()
    );
    // All that was detected while it was recorded is there, but for what came with the stop.
    let frames = clips
        .iter()
        .flat_map(|it| it["frames"].as_array().expect("frames"));
    let first = frames
        .filter_map(|it| it["captured_unix_nanos"].as_i64())
        .min();
    let first = first.expect("frames");
    let missing = detected.keys().filter(|it| !placed.contains(it));
    let is_within = |at: i64| at >= first && last - at > END;
    let missing: Vec<_> = missing.filter(|it| is_within(**it)).collect();
    assert!(missing.is_empty(), "{missing:?}: {}", results.log);
    assert!(boxes >= 30 && near * 100 >= boxes * 95, "{near} of {boxes}");
    assert!(overlapping * 100 >= boxes * 85, "{overlapping} of {boxes}");

    // The main stream through the same graph: the boxes of both are compared in its pixels.
    let output = Command::new(binary("camweave"))
        .arg("replay")
        .arg(&recordings)
        .arg("--graph")
        .arg(place.path().join("graph.yml"))
        .arg("--out")
        .arg(place.path().join("replay"))
        .env("CAMERAS", cameras.yml())
        .stdin(Stdio::null())
        .output()
        .expect("camweave can be started");
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("frames were detected in another size"),
        "{told}"
    );
    let text = fs::read_to_string(place.path().join("replay/replay.json")).expect(&told);
    let replayed: Value = serde_json::from_str(&text).expect("JSON");
    let of = |name: &str| replayed["all"][name].as_u64().expect("a number");
    println!("{told}");
    assert_eq!(
        replayed["scaled"].as_u64(),
        Some(of("frames")),
        "{replayed}"
    );
    // Twice the size finds more, and most of what the small frames have.
    assert!(of("matched") * 10 >= of("boxes_a") * 7, "{told}");
}
