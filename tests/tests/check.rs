//! Mistakes in graphs, which `camweave check` finds before anything runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use camweave_tests::{binary, stage_folders, workspace};

const CAMERAS: &str = "cameras:\n  - {id: gate, url: 'rtsp://192.0.2.1/live'}\n";

/// A folder with all that the shipped graphs name, and this graph with one text in place of another.
fn folder(graph: &str, right: &str, wrong: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let dataflows = workspace().join("dataflows");
    for name in ["bin", "modules"] {
        symlink(dataflows.join(name), folder.path().join(name)).expect("a link");
    }
    let text = fs::read_to_string(dataflows.join(graph)).expect("a shipped graph");
    let models = format!("{}/models/", workspace().display());
    let text = text.replace("../models/", &models);
    assert_eq!(text.matches(right).count().min(1), 1, "'{right}' is in it");
    fs::write(
        folder.path().join("graph.yml"),
        text.replacen(right, wrong, 1),
    )
    .expect("a graph");
    fs::write(folder.path().join("cameras.yml"), CAMERAS).expect("cameras.yml");
    let rules = dataflows.join("rules.example.yml");
    fs::copy(rules, folder.path().join("rules.yml")).expect("rules.yml");
    fs::write(folder.path().join("clip.mp4"), "").expect("a file");
    folder
}

/// Exit code and lines of errors.
fn check(folder: &Path) -> (Option<i32>, Vec<String>) {
    let output = Command::new(binary("camweave"))
        .args(["check", "graph.yml"])
        .current_dir(folder)
        .env("FILES", "gate=clip.mp4")
        .env_remove("CAMERAS")
        .env_remove("MODEL")
        .stdin(Stdio::null())
        .output()
        .expect("camweave can be started");
    let text = String::from_utf8(output.stderr).expect("text");
    (
        output.status.code(),
        text.lines().map(str::to_owned).collect(),
    )
}

#[test]
fn the_shipped_graphs_have_no_mistake() {
    for graph in [
        "cpu-batched.yml",
        "cpu-classify.yml",
        "cpu-dashboard.yml",
        "cpu-events.yml",
        "cpu-fused-dashboard.yml",
        "cpu-metrics.yml",
        "cpu-recording.yml",
        "cpu-sequential.yml",
        "cpu-fused.yml",
        "files-batched.yml",
        "mixed-batched.yml",
    ] {
        let folder = folder(graph, "nodes:", "nodes:");
        let (code, lines) = check(folder.path());
        assert_eq!((code, lines), (Some(0), Vec::new()), "{graph}");
    }
}

/// What is planted: the graph, what is replaced by what, and what the one line must contain.
type Planted = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const PLANTED: &[Planted] = &[
    (
        "cpu-batched.yml",
        "    path: bin/tracker\n",
        "    path: bin/tracker\n    env: {HIGH_SCOER: 0.3}\n",
        &["node 'track'", "'HIGH_SCOER'", "did you mean 'HIGH_SCORE'?"],
    ),
    (
        "cpu-batched.yml",
        "env:\n",
        "env:\n  MAX_BACH: 4\n",
        &["'MAX_BACH'", "root env", "did you mean 'MAX_BATCH'?"],
    ),
    (
        "cpu-batched.yml",
        "{source: source/out, queue_size: 1024, queue_policy: backpressure}",
        "{source: source/out, queue_size: 1024, queue_policy: backpressure, queue_polcy: x}",
        &[
            "node 'decode'",
            "'queue_polcy'",
            "did you mean 'queue_policy'?",
        ],
    ),
    (
        "cpu-batched.yml",
        "restart_policy",
        "restart_polcy",
        &["restart_polcy"],
    ),
    (
        "cpu-batched.yml",
        "CAMERAS: ${CAMERAS:-cameras.yml}",
        "CAMERAS: camera.yml",
        &["node 'source'", "camera.yml"],
    ),
    (
        "cpu-events.yml",
        "RULES: ${RULES:-rules.yml}",
        "RULES: rule.yml",
        &["node 'analytics'", "the rules' file 'rule.yml'"],
    ),
    (
        "cpu-batched.yml",
        "camweave-street-448x256.onnx",
        "camweave-street-9.onnx",
        &["node 'detect.infer'", "camweave-street-9.onnx"],
    ),
    (
        "cpu-dashboard.yml",
        "units: {source: source/out",
        "units: {source: decode/out",
        &[
            "node 'dashboard'",
            "takes camweave.units/1 or camweave.detections/1",
            "gives camweave.frames/1",
        ],
    ),
    (
        "files-batched.yml",
        "FILES: ${FILES}",
        "FILES: gate=clips.mp4",
        &["node 'source'", "clips.mp4", "'gate'"],
    ),
    (
        "cpu-batched.yml",
        "${OUT:-out/latest}",
        "${OUT_OF_NOWHERE}",
        &["'OUT_OF_NOWHERE' is not set"],
    ),
    (
        "cpu-batched.yml",
        "{source: source/out, queue_size: 1024, queue_policy: backpressure}",
        "source/out",
        &["node 'decode', input 'in'", "queue_policy: backpressure"],
    ),
    (
        "cpu-batched.yml",
        "    path: bin/tracker\n",
        "    path: bin/tracker\n    env: {MIN_IOU: 2}\n",
        &["node 'track'", "MIN_IOU='2'", "0 to 1"],
    ),
    (
        "cpu-batched.yml",
        "source: source/out,",
        "source: sorce/out,",
        &["node 'decode', input 'in'", "'sorce'", "expected one of"],
    ),
    (
        "cpu-batched.yml",
        "source: detect/detections,",
        "source: decode/out,",
        &["camweave.detections/1", "camweave.frames/1"],
    ),
    (
        "cpu-fused.yml",
        "sw-decode",
        "sw-decod",
        &["node 'detect'", "'sw-decod'", "sw-decode"],
    ),
    (
        "cpu-batched.yml",
        "path: bin/sink",
        "path: bin/sinc",
        &["node 'sink'", "bin/sinc"],
    ),
];

/// A list of cameras takes values from the environment, and libraries have variables of their own.
#[test]
fn what_others_read_is_no_mistake() {
    let more = "env:\n  CAM_USER: operator\n  CUDA_VISIBLE_DEVICES: 1\n  OMP_NUM_THREADS: 2\n";
    let place = folder("cpu-batched.yml", "env:\n", more);
    let cameras = CAMERAS.replace("'}", "', username: '${CAM_USER}', password: x}");
    fs::write(place.path().join("cameras.yml"), cameras).expect("a list");
    assert_eq!(check(place.path()), (Some(0), Vec::new()));
    // A graph of files has no such list.
    let place = folder("files-batched.yml", "env:\n", "env:\n  COLOUR: red\n");
    let (code, lines) = check(place.path());
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:?}");
    assert!(
        lines[0].contains("warning") && lines[0].contains("'COLOUR'"),
        "{lines:?}"
    );
}

/// A node's own value stands in place of the root's, for better or worse.
#[test]
fn a_nodes_own_value_is_the_one_that_is_checked() {
    let own = |root: &str, own: &str| {
        let place = folder(
            "cpu-batched.yml",
            "env:\n",
            &format!("env:\n  MIN_IOU: {root}\n"),
        );
        let path = place.path().join("graph.yml");
        let text = fs::read_to_string(&path).expect("a graph");
        let tracker = "    path: bin/tracker\n";
        let text = text.replace(tracker, &format!("{tracker}    env: {{MIN_IOU: {own}}}\n"));
        fs::write(&path, text).expect("a graph");
        check(place.path()).1
    };
    assert_eq!(own("7", "0.2"), Vec::<String>::new());
    assert_eq!(own("7", "''"), Vec::<String>::new(), "empty: the default");
    let lines = own("0.2", "7");
    assert!(
        lines.len() == 1 && lines[0].contains("MIN_IOU='7'"),
        "{lines:?}"
    );
}

#[test]
fn each_planted_mistake_is_one_line_with_the_right_word() {
    for (graph, right, wrong, parts) in PLANTED {
        let folder = folder(graph, right, wrong);
        let (code, lines) = check(folder.path());
        assert!(code.is_some_and(|code| code != 0), "{wrong}: {lines:?}");
        let errors: Vec<&String> = lines
            .iter()
            .filter(|it| it.starts_with("error: "))
            .collect();
        assert!(
            // What is wired to the wrong node is missed at the right one.
            errors.len() == 1 || right.starts_with("source: "),
            "{wrong}: {lines:#?}"
        );
        let line = errors.iter().find(|line| line.contains(parts[0]));
        let line = line.unwrap_or_else(|| panic!("{wrong}: no '{}' in {lines:#?}", parts[0]));
        for part in *parts {
            assert!(line.contains(part), "{wrong}: no '{part}' in {line}");
        }
    }
}

#[test]
fn a_wrong_list_of_cameras_is_the_lists_own_line() {
    let folder = folder("cpu-batched.yml", "nodes:", "nodes:");
    fs::write(
        folder.path().join("cameras.yml"),
        "cameras:\n  - {id: gate}\n",
    )
    .expect("a list");
    let (code, lines) = check(folder.path());
    assert_eq!(code, Some(2), "{lines:?}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["node 'source'", "cameras.yml", "url"] {
        assert!(lines[0].contains(part), "no '{part}' in {}", lines[0]);
    }
}

/// Of a shell's variables a graph sees what it names, and a node what its graph declares.
#[test]
fn variables_of_the_shell_change_nothing_in_a_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let mut command = Command::new(binary("camweave"));
    command
        .args(["demo", "--cameras", "1", "--fps", "5", "--seconds", "3"])
        .args(["--device", "cpu", "--out"])
        .arg(&out)
        .stdin(Stdio::null());
    for (name, value) in [
        ("CAMERAS", "/nonexistent.yml"),
        ("CONFIDENCE", "high"),
        ("DEVICE", "x"),
        ("ENGINE", "none"),
        ("LEVEL", "z"),
        ("MAX_BATCH", "0"),
        ("MODEL", "/nonexistent.onnx"),
        ("OUT", "/nonexistent"),
        ("QUEUE", "1"),
        ("SIZE", "y"),
        ("THREADS", "1"),
    ] {
        command.env(name, value);
    }
    let run = command.output().expect("camweave can be started");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{errors}");
    let summary = fs::read_to_string(out.join("summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    let camera = &summary["cameras"][0];
    assert_eq!(camera["frames_detected"], camera["frames_sent"], "{camera}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = summary["facts"]["detect.infer.threads"].as_str();
    assert_eq!(threads, Some(cores.to_string().as_str()), "{summary}");
}

#[test]
fn dora_takes_the_hub_manifest_of_each_node() {
    for folder in stage_folders() {
        let manifest = folder.join("dora-node.yml");
        let output = Command::new("dora")
            .args(["validate", "--node-manifest"])
            .arg(&manifest)
            .stdin(Stdio::null())
            .output()
            .expect("dora is on the PATH: scripts/setup.sh installs it");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let shown = manifest.display();
        assert!(output.status.success(), "{shown}: {text}{errors}");
    }
}
