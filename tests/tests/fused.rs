//! Stages in one process give what separate ones give.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use camweave_tests::{Cameras, Line, Pipeline, Results, binary, frame_of, workspace};

/// How far a coordinate may be off, in pixels: an inference of two pictures may round
/// otherwise than one of three.
const PIXELS: f32 = 0.01;
/// The same for a score.
const SCORE: f32 = 1e-3;

/// The same scenes for each run.
fn cameras() -> Cameras {
    Cameras::start(&["--cameras", "3", "--seconds", "8", "--seed", "17"])
}

fn run(graph: impl AsRef<Path>, cameras: &Cameras) -> Results {
    // How fast this machine is must not decide whether frames are dropped.
    let mut run = Pipeline::of(graph)
        .cameras(cameras.yml())
        .env("MODEL", workspace().join("models/camweave-street-320.onnx"))
        .set("MAX_WAIT_MS", "10000")
        .set("QUEUE", "64")
        .set("SLOTS", "64")
        .start();
    // A sink that is a fused stage has another name.
    let received = |run: &Pipeline| -> u64 {
        let reports = run.reports();
        let sink = reports.iter().filter(|report| report.kind == "sink");
        sink.flat_map(|report| report.cameras.values())
            .map(|camera| camera.received)
            .sum()
    };
    run.wait_until("the first frame", |run| received(run) > 0);
    cameras.wait_until_ended();
    let sent: u64 = cameras.records().iter().map(|it| it.frames_sent).sum();
    run.wait_until("every frame", |run| received(run) >= sent);
    run.stop()
}

/// Every frame is detected or dropped under a name, and here none is dropped.
fn check_complete(results: &Results, cameras: &Cameras) {
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    for camera in cameras.records() {
        let summary = results.summary.camera(&camera.id);
        assert_eq!(summary.frames_sent, camera.frames_sent, "{summary:?}");
        assert_eq!(summary.frames_decoded, camera.frames_sent, "{summary:?}");
        assert_eq!(summary.frames_detected, camera.frames_sent, "{summary:?}");
        assert_eq!(summary.dropped, BTreeMap::new(), "camera '{}'", camera.id);
        assert_eq!(summary.errors, BTreeMap::new(), "camera '{}'", camera.id);
    }
    for report in &results.reports {
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        assert_eq!(report.errors, BTreeMap::new(), "{report:?}");
        for (id, camera) in &report.cameras {
            let dropped: u64 = camera.dropped.values().sum();
            let stage = &report.stage;
            assert_eq!(camera.received, camera.sent + dropped, "{stage}, {id}");
        }
    }
}

/// The stages that have left a report.
fn stages(results: &Results, folder: &str) -> Vec<String> {
    let path = results.folder.path().join(folder);
    let reports = camweave_telemetry::read_reports(&path).expect("reports");
    reports.into_iter().map(|report| report.stage).collect()
}

fn by_frame<'a>(results: &'a Results, cameras: &Cameras) -> BTreeMap<(String, usize), &'a Line> {
    let mut lines = BTreeMap::new();
    for camera in cameras.records() {
        for line in results.lines_of(&camera.id) {
            let key = (camera.id.clone(), frame_of(line, &camera));
            assert!(lines.insert(key, line).is_none(), "twice: {line:?}");
        }
    }
    lines
}

/// Both runs found the same in each frame.
fn check_same(one: &BTreeMap<(String, usize), &Line>, other: &BTreeMap<(String, usize), &Line>) {
    assert!(one.keys().eq(other.keys()), "the runs saw other frames");
    let mut boxes = 0;
    for (frame, line) in one {
        let same = other[frame];
        assert_eq!(line.class_ids, same.class_ids, "{frame:?}");
        assert_eq!(line.labels, same.labels, "{frame:?}");
        for (a, b) in line.boxes.iter().zip(&same.boxes) {
            let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
            let off = off.fold(0.0, f32::max);
            assert!(off <= PIXELS, "{frame:?}: {a:?} and {b:?}");
        }
        for (a, b) in line.scores.iter().zip(&same.scores) {
            assert!((a - b).abs() <= SCORE, "{frame:?}: scores {a} and {b}");
        }
        boxes += line.boxes.len();
    }
    assert!(one.len() > 200 && boxes > one.len(), "{boxes} boxes");
}

/// A graph of one node, whose stages are all that a pipeline has.
fn one_node(folder: &Path) -> std::path::PathBuf {
    let graph = folder.join("one.yml");
    let text = format!(
        "nodes:\n  - id: all\n    path: {}\n    inputs:\n      tick: dora/timer/millis/500\n    env:\n      CAMERAS: ${{CAMERAS}}\n      MODEL: ${{MODEL}}\n      OUT: ${{OUT}}\n      STAGES: rtsp-source,sw-decode,batcher,cpu-infer,cpu-nms,tracker,sink\n      CPU_INFER__THREADS: 1\n",
        binary("fused").display()
    );
    fs::write(&graph, text).expect("the folder is new");
    graph
}

#[test]
fn the_same_detections_as_from_separate_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = cameras();
    let separate = run("cpu-batched.yml", &shared);
    check_complete(&separate, &shared);
    let expected = by_frame(&separate, &shared);
    drop(shared);

    let cameras_of_fused = cameras();
    let fused = run("cpu-fused.yml", &cameras_of_fused);
    check_complete(&fused, &cameras_of_fused);
    check_same(&expected, &by_frame(&fused, &cameras_of_fused));
    assert_eq!(
        stages(&fused, "stats"),
        [
            "detect",
            "detect.batch",
            "detect.decode",
            "detect.infer",
            "detect.nms",
            "detect.track",
            "sink",
            "source"
        ]
    );
    let processes: std::collections::BTreeSet<u32> =
        fused.reports.iter().map(|it| it.process_id).collect();
    assert_eq!(processes.len(), 3, "source, fused and sink");
    drop(cameras_of_fused);

    let cameras_of_one = cameras();
    let one = run(one_node(folder.path()), &cameras_of_one);
    check_complete(&one, &cameras_of_one);
    check_same(&expected, &by_frame(&one, &cameras_of_one));
    assert_eq!(
        one.summary
            .facts
            .get("all.cpu-infer.threads")
            .map(String::as_str),
        Some("1"),
        "the stage's own variable"
    );
}

#[test]
fn a_list_that_does_not_fit_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = one_node(folder.path());
    let text = fs::read_to_string(&graph).expect("written before");
    let wrong = text
        .replace("sw-decode,batcher,", "batcher,sw-decode,")
        .replace("    inputs", "    restart_policy: never\n    inputs");
    fs::write(&graph, wrong).expect("writable");
    // What the graph names must be there; nothing of it is read.
    let run = Pipeline::of(&graph).cameras("none.yml");
    let mut run = run.env("MODEL", "none.onnx").start();
    run.wait_until("the node's report", |run| {
        run.report("all").is_some_and(|it| it.fatal.is_some())
    });
    let fatal = run
        .report("all")
        .and_then(|it| it.fatal)
        .unwrap_or_default();
    for part in [
        "'rtsp-source' gives camweave.units/1",
        "'batcher' after it takes camweave.frames/1",
    ] {
        assert!(fatal.contains(part), "{fatal}");
    }
}
