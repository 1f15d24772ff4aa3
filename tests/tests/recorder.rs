//! A graph that records: what is in the clips is what was sent and detected, a recorder that is killed
//! costs the graph no frame, and `camweave replay` finds in the clips what was detected then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camweave_tests::{Cameras, Pipeline, Results, binary, extended_graph, workspace};
use rustix::process::Signal;
use serde_json::Value;

/// A node that records, behind a graph's tracker.
const RECORDER: &str = "
  - id: recorder
    path: bin/recorder
    inputs:
      units: {source: source/out, queue_size: 1024, queue_policy: backpressure}
      detections: {source: track/out, queue_size: 1024, queue_policy: backpressure}
    env:
      MODE: continuous
      CLIP_SECONDS: 5
      RECORDINGS: RECORDINGS_FOLDER
    restart_policy: on-failure
    restart_delay: 0.2
    max_restart_delay: 1.0
    max_restarts: 8
    restart_window: 10
";

/// The shipped graph with a recorder, in a folder of its own.
fn recording_graph(folder: &Path, recordings: &Path) -> PathBuf {
    let recorder = RECORDER.replace("RECORDINGS_FOLDER", &recordings.display().to_string());
    extended_graph(folder, "cpu-sequential.yml", &recorder)
}

/// All sidecars, with their clips, by name.
fn clips(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "mp4") {
                let text = fs::read_to_string(path.with_extension("json")).expect("a sidecar");
                found.push((path, serde_json::from_str(&text).expect("JSON")));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// How many frames FFmpeg decodes, which must find nothing wrong.
fn decoded(clip: &Path) -> u64 {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .expect("the ffmpeg command");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && error.is_empty(),
        "{}: {error}",
        clip.display()
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| !line.starts_with('#')).count() as u64
}

/// Which frames of a camera's session are in clips, and in how many.
fn check(clips: &[(PathBuf, Value)], results: &Results) -> BTreeMap<(String, i64, u64), usize> {
    let mut seen = BTreeMap::new();
    let mut with_detections = 0;
    let lines: BTreeMap<_, _> = results
        .lines
        .iter()
        .map(|line| ((line.camera.clone(), line.sequence), line))
        .collect();
    for (path, sidecar) in clips {
        assert_eq!(sidecar["schema"], "camweave.clip/1");
        assert_eq!(
            Some(decoded(path)),
            sidecar["frame_count"].as_u64(),
            "{path:?}"
        );
        let camera = sidecar["camera"].as_str().expect("a camera").to_owned();
        let session = sidecar["session_unix_nanos"].as_i64().expect("a session");
        for frame in sidecar["frames"].as_array().expect("frames") {
            let sequence = frame["sequence"].as_u64().expect("a number");
            *seen.entry((camera.clone(), session, sequence)).or_default() += 1;
            let Some(line) = lines.get(&(camera.clone(), sequence)) else {
                continue;
            };
            assert_eq!(frame["captured_unix_nanos"], line.captured_unix_nanos);
            if let Some(found) = frame.get("detections") {
                let boxes: Vec<[f32; 4]> =
                    serde_json::from_value(found["boxes"].clone()).expect("boxes");
                assert_eq!(boxes, line.boxes, "{path:?}: {sequence}");
                with_detections += 1;
            }
        }
    }
    assert!(with_detections > 20, "{with_detections}");
    seen
}

fn replay(place: &Path, recordings: &Path, more: &[&str]) -> (Option<i32>, String, Value) {
    let out = place.join("replay");
    let output = Command::new(binary("camweave"))
        .arg("replay")
        .arg(recordings)
        .arg("--graph")
        .arg(workspace().join("dataflows/cpu-sequential.yml"))
        .arg("--out")
        .arg(&out)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("camweave can be started");
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let found = fs::read_to_string(out.join("replay.json")).unwrap_or_default();
    let found = serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {told}"));
    (output.status.code(), told, found)
}

fn jpegs(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("a folder");
    let paths = all.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|it| it.extension().is_some_and(|it| it == "jpg"))
        .collect()
}

/// The frames of a file, in RGB, as FFmpeg decodes them, and their width.
fn rgb(file: &Path) -> (Vec<Vec<u8>>, usize) {
    let mut probe = Command::new("ffprobe");
    let entries = "stream=width,height";
    probe.args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"]);
    let size = probe.arg(file).output().expect("the ffprobe command");
    let size = String::from_utf8_lossy(&size.stdout).into_owned();
    let size: Vec<usize> = size
        .trim()
        .split(',')
        .filter_map(|it| it.parse().ok())
        .collect();
    let [width, height] = size[..] else {
        panic!("{file:?}: {size:?}");
    };
    let mut decode = Command::new("ffmpeg");
    decode.args(["-v", "error", "-i"]).arg(file);
    decode.args(["-fps_mode", "passthrough", "-f", "rawvideo"]);
    let output = decode.args(["-pix_fmt", "rgb24", "-"]).output();
    let output = output.expect("the ffmpeg command");
    let all = output.stdout.chunks_exact(3 * width * height);
    (all.map(<[u8]>::to_vec).collect(), width)
}

/// Checks the pictures of a replay in which nothing was found that had not been recorded: each is of the
/// frame that it is said to be of, with a box in the colour of recorded objects around each of those that
/// are missing now. Gives how many there are.
fn check_pictures(out: &Path, clips: &[(PathBuf, Value)], found: &Value) -> usize {
    const RECORDED: [u8; 3] = [230, 159, 0];
    let pictures = found["pictures"].as_array().expect("a list");
    for picture in pictures {
        let name = picture["file"].as_str().expect("a name");
        let clip = Path::new(picture["clip"].as_str().expect("a path"));
        let is_it =
            |(path, _): &&(PathBuf, Value)| path.canonicalize().ok().as_deref() == Some(clip);
        let (_, sidecar) = clips.iter().find(is_it).expect("a clip");
        assert_eq!(picture["camera"], sidecar["camera"]);
        let mut frames = sidecar["frames"].as_array().expect("frames").clone();
        frames.sort_by(|a, b| {
            a["at"]
                .as_f64()
                .partial_cmp(&b["at"].as_f64())
                .expect("times")
        });
        let place = frames
            .iter()
            .position(|it| it["sequence"] == picture["sequence"])
            .expect("a frame of the clip");
        assert_eq!(picture["seconds"], frames[place]["at"]);

        let (drawn, width) = rgb(&out.join(name));
        let (recorded, clip_width) = rgb(clip);
        assert_eq!((drawn.len(), width), (1, clip_width), "{name}");
        let drawn = &drawn[0];
        // Below the frame is the legend. What is drawn hides as much of one frame as of another.
        let off = |other: &Vec<u8>| -> u64 {
            let pairs = drawn.iter().zip(other);
            pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
        };
        let offs: Vec<u64> = recorded.iter().map(off).collect();
        let nearest = (0..offs.len()).min_by_key(|it| offs[*it]);
        assert_eq!(nearest, Some(place), "{name}: {offs:?}");

        assert_eq!(picture["only_replayed"], serde_json::json!({}), "{name}");
        let height = recorded[0].len() / 3 / width;
        let is_colored = |x: f64, y: f64| {
            let [x, y] = [(x, width), (y, height)]
                .map(|(at, side)| (at.round().max(0.0) as usize).min(side - 1));
            let pixel = &drawn[3 * (y * width + x)..][..3];
            let mut pairs = pixel.iter().zip(RECORDED);
            pairs.all(|(a, b)| a.abs_diff(b) < 40)
        };
        let classes = picture["only_recorded"].as_object().expect("classes");
        let objects = classes
            .values()
            .flat_map(|it| it.as_array().expect("objects"));
        let mut count = 0;
        for object in objects {
            count += 1;
            let [x1, y1, x2, y2]: [f64; 4] =
                serde_json::from_value(object["bbox"].clone()).expect("a box");
            let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
            let edges = [(x1, y), (x2 - 1.0, y), (x, y1), (x, y2 - 1.0)];
            let colored = edges
                .into_iter()
                .filter(|it| is_colored(it.0, it.1))
                .count();
            assert!(colored >= 3, "{name}: {object}: {colored} edges");
        }
        assert!(count > 0, "{name}");
    }
    assert_eq!(jpegs(&out.join("pictures")).len(), pictures.len());
    pictures.len()
}

#[test]
fn what_is_recorded_plays_and_is_detected_again() {
    let place = tempfile::tempdir().expect("a folder");
    let recordings = place.path().join("recordings");
    let cameras = Cameras::start(&["--cameras", "2", "--seconds", "14", "--fps", "6"]);
    let mut run = Pipeline::of(recording_graph(place.path(), &recordings))
        .cameras(cameras.yml())
        .start();
    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    let found = clips(&recordings);
    assert!(found.len() >= 4, "two cameras, clips of 5 s: {found:?}");
    let seen = check(&found, &results);
    assert!(seen.values().all(|count| *count == 1), "{seen:?}");

    let (code, told, other) = replay(place.path(), &recordings, &["--env", "CONFIDENCE=0.7"]);
    assert_eq!(code, Some(8), "{told}");
    let boxes = |name: &str| other["all"][name].as_u64().expect("a number");
    assert!(boxes("boxes_b") < boxes("boxes_a"), "{other}");
    assert_eq!(
        boxes("matched"),
        boxes("boxes_b"),
        "a higher threshold finds nothing new"
    );
    assert!(told.contains("class") && told.contains("in both"), "{told}");
    let folder = place.path().join("replay/pictures");
    let shown = check_pictures(&place.path().join("replay"), &found, &other);
    assert!((4..=12).contains(&shown), "{told}");
    assert!(
        told.contains(&format!("{shown} pictures of frames that differ: ")),
        "{told}"
    );

    // The pictures of the run before go, and nothing else.
    let kept = folder.join("mine.jpg");
    fs::write(&kept, "mine").expect("writable");
    let (code, told, same) = replay(place.path(), &recordings, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("detections identical in all"), "{told}");
    let compared = same["all"]["frames"].as_u64().expect("a number");
    assert!(compared > 40 && same["missing"] == 0, "{same}");
    assert_eq!(same["pictures"], Value::Array(Vec::new()), "{same}");
    assert_eq!(jpegs(&folder), [kept]);
}

#[test]
fn a_recorder_that_is_killed_goes_on_and_costs_the_graph_no_frame() {
    let place = tempfile::tempdir().expect("a folder");
    let recordings = place.path().join("recordings");
    let cameras = Cameras::endless(1);
    let mut run = Pipeline::of(recording_graph(place.path(), &recordings))
        .cameras(cameras.yml())
        .start();
    let camera = cameras.urls()[0].0.clone();
    run.wait_until("frames", |run| run.detected(&camera) > 60);
    let first = run.process("recorder").expect("it runs");
    run.signal("recorder", Signal::KILL);
    run.wait_until("another recorder", |run| {
        run.process("recorder").is_some_and(|it| it != first)
    });
    let before = run.detected(&camera);
    run.wait_until("more frames", |run| run.detected(&camera) > before + 60);
    let results = run.stop();
    let summary = results.summary.camera(&camera);
    let lost = summary
        .dropped
        .iter()
        .find(|(reason, _)| !reason.ends_with("stopped"));
    assert_eq!(lost, None, "{}", results.log);
    let found = clips(&recordings);
    let salvaged: Vec<bool> = found
        .iter()
        .filter_map(|(_, it)| it["salvaged"].as_bool())
        .collect();
    assert!(
        salvaged.contains(&true) && salvaged.last() == Some(&false),
        "{salvaged:?}: {}",
        results.log
    );
    check(&found, &results);
}
