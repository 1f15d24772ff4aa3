//! What graphs are measured on and beside what: files, the user's own cameras, other programs.

mod support;

use std::fs;
use std::process::{Child, Command};

use camweave_tests::{Cameras, binary};
use serde_json::Value;
use support::measure::{Place, errors, graph, run};

/// A process that computes until it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn();
        Self(child.expect("every system has a shell"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn runs_beside_which_others_compute_are_marked_and_repeated() {
    let place = Place::new();
    let graph = graph("cpu-sequential.yml");
    let _busy = Busy::start();
    let mut command = Command::new(binary("camweave"));
    command
        .arg("ab")
        .args([&graph, &graph])
        .args(["--cameras", "2", "--warm-up", "0.2", "--repeat", "1"])
        .args(["--seconds", "2", "--files"])
        .arg(place.path("clip.mp4"));
    let output = run(place.finish(command));
    // Disturbed runs are no reason to fail.
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(errors(&output).contains("these are repeated"));
    let summary = place.summary();
    let runs = summary["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 4, "{summary}");
    for graph in [0, 1] {
        let of_graph: Vec<_> = runs.iter().filter(|it| it["graph"] == graph).collect();
        let cores = |run: &Value| run["other_cores"].as_f64().expect("a number");
        assert!(of_graph.iter().all(|run| cores(run) > 0.1), "{summary}");
        let (aside, compared): (Vec<_>, Vec<_>) = of_graph
            .into_iter()
            .partition(|run| run["set_aside"].is_string());
        assert_eq!((aside.len(), compared.len()), (1, 1), "{summary}");
        assert!(cores(compared[0]) <= cores(aside[0]), "{summary}");
    }
    let headline = summary["versus"][0]["headline"].as_str().expect("a line");
    assert!(
        headline.contains("during 2 of these 2 runs other programs used up to"),
        "{headline}"
    );
    for file in ["report.md", "report.html"] {
        let report = fs::read_to_string(place.path("out").join(file)).expect("a report");
        assert!(report.contains("other programs used"), "{report}");
        assert!(report.contains(": disturbed"), "{report}");
    }
}

#[test]
fn own_cameras_are_seen_live_by_both_graphs() {
    let place = Place::new();
    let cameras = Cameras::endless(2);
    let mut command = Command::new(binary("camweave"));
    command
        .arg("ab")
        .args([graph("cpu-sequential.yml"), graph("cpu-batched.yml")])
        .args(["--warm-up", "0.2", "--repeat", "1", "--seconds", "2"])
        .args(["--keep-disturbed", "--cameras-file"])
        .arg(cameras.yml());
    let output = run(place.finish(command));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let summary = place.summary();
    for run in summary["runs"].as_array().expect("runs") {
        let seen: Vec<_> = run["cameras"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|camera| camera["id"].as_str())
            .collect();
        assert_eq!(seen, ["cam1", "cam2"], "{run}");
        assert!(run["latency_ms"]["p50"].as_f64() > Some(0.0), "{run}");
    }
    let shown = summary["settings"]["cameras"].as_str().expect("a text");
    assert!(shown.starts_with("2 of '"), "{shown}");
    let yml = cameras.yml().display().to_string();
    let batched = graph("cpu-batched.yml");
    let output = run(place.profile(&batched, &["--cameras-file", &yml]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let off = place.path("off.yml");
    let text = fs::read_to_string(cameras.yml()).expect("a list of cameras");
    let text: String = text
        .lines()
        .map(|line| match line.trim_start().starts_with("url:") {
            true => format!("{line}\n    detect: off\n"),
            false => format!("{line}\n"),
        })
        .collect();
    fs::write(&off, text).expect("writable");
    let off = off.display().to_string();
    let output = run(place.profile(&batched, &["--cameras-file", &off]));
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("off.yml"), "{}", errors(&output));
    let mut fast = Command::new(binary("camweave"));
    fast.arg("ab")
        .args([graph("cpu-sequential.yml"), graph("cpu-batched.yml")])
        .args(["--pace", "fast", "--cameras-file"])
        .arg(cameras.yml());
    let output = run(place.finish(fast));
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("expected --pace live"));
}

/// Many pictures of a file are under way, and 1080p is what files have.
#[test]
fn files_of_large_pictures_are_measured() {
    let place = Place::new();
    let large = [
        "-vf",
        "scale=1920:1080",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ];
    let large = support::clip(place.0.path(), "large.mp4", 20, &large);
    let large = large.display().to_string();
    let more = ["--cameras", "1", "--files", &large];
    let output = run(place.profile(&graph("cpu-batched.yml"), &more));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let profile: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(profile["run"]["frames"].as_u64() > Some(2), "{profile}");
    assert_eq!(
        profile["run"]["dropped"],
        serde_json::json!({}),
        "{profile}"
    );
}

#[test]
fn a_profile_names_the_detector() {
    let place = Place::new();
    let clip = place.path("clip.mp4").display().to_string();
    let more = ["--cameras", "2", "--files", &clip];
    let output = run(place.profile(&graph("cpu-batched.yml"), &more));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let profile: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let components = profile["components"].as_array().expect("components");
    let worst = profile["bottleneck"].as_u64().expect("a bottleneck") as usize;
    assert_eq!(components[worst]["stage"], "detect.infer", "{profile}");
    assert_eq!(components[worst]["component"], "infer", "{profile}");
    let sum: f64 = components
        .iter()
        .filter_map(|component| component["share_percent"].as_f64())
        .sum();
    assert!((sum - 100.0).abs() < 1e-6, "{sum}");
    for stage in [
        "source",
        "decode",
        "detect.batch",
        "detect.nms",
        "track",
        "sink",
    ] {
        assert!(components.iter().any(|it| it["stage"] == stage), "{stage}");
    }
}
