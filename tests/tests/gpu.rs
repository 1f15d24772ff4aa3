//! The GPU graphs end to end. Skipped where there is no device, required where `CAMWEAVE_REQUIRE_GPU` is 1.
//!
//! `CAMWEAVE_TEST_MODEL` names a plan of the default model. Without it `trt-infer` takes its engine
//! from the cache: build it first (`camweave engine build models/camweave-street-448x256.onnx`).
//! `CAMWEAVE_KEEP` names a folder that keeps the detections of the graphs that are compared.

#[path = "gpu/agreement.rs"]
mod agreement;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use agreement::{Agreement, Pictures};
use camweave_tests::{Builder, Cameras, Pipeline, Results, Score, is_alive, score};
use rustix::process::Signal;

const GRAPHS: [&str; 4] = [
    "gpu-batched.yml",
    "gpu-sequential.yml",
    "gpu-fused.yml",
    "mixed-batched.yml",
];
/// Average precision may differ so much between FP32 on the CPU and FP16 on the GPU.
const AP50_APART: f64 = 0.005;
/// So many of the boxes that the CPU is sure of are found on the GPU. Where two anchors have almost
/// the same score, rounding decides which of them NMS keeps, and whether a box passes at all.
const FOUND_AGAIN: f64 = 0.99;
/// So many of the matched boxes lie within so many pixels of the picture; the rest are of such
/// other anchors. Weights in FP16 alone, on the CPU, leave 99.8 % within a pixel.
const CLOSE: f64 = 0.98;
const PIXELS_APART: f32 = 1.0;
/// The nodes that have a context on the device.
const GPU_NODES: [&str; 3] = ["decode", "detect.infer", "detect.nms"];
const ROUNDS: usize = 3;
/// Device memory that may differ between two looks at the same graph.
const MEMORY_MIB: u64 = 64;

fn has_device() -> bool {
    camweave_cuda::testing::device().is_some()
}

fn graph(name: &str, cameras: &Cameras) -> Builder {
    let builder = Pipeline::of(name).cameras(cameras.yml());
    match std::env::var_os("CAMWEAVE_TEST_MODEL") {
        Some(plan) if name != "cpu-batched.yml" => builder.env("MODEL", plan),
        _ => builder,
    }
}

/// Every frame that was sent is detected, none is dropped.
fn run(name: &str) -> (Results, Score, Pictures) {
    let cameras = Cameras::start(&["--cameras", "4", "--seconds", "10", "--seed", "11"]);
    let mut run = graph(name, &cameras).set("MAX_WAIT_MS", "10000").start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{name}: {}", results.log);
    for camera in cameras.records() {
        let summary = results.summary.camera(&camera.id);
        assert_eq!(summary.dropped, BTreeMap::new(), "{name}: {summary:?}");
        assert_eq!(summary.errors, BTreeMap::new(), "{name}: {summary:?}");
        assert_eq!(
            summary.frames_detected, camera.frames_sent,
            "{name}: {summary:?}"
        );
    }
    keep(name, &results);
    let score = score(&cameras, &results);
    let pictures = agreement::pictures(&cameras, &results);
    (results, score, pictures)
}

/// Keeps the detections where somebody wants to look at them.
fn keep(name: &str, results: &Results) {
    let Some(folder) = std::env::var_os("CAMWEAVE_KEEP").map(PathBuf::from) else {
        return;
    };
    let from = results.folder.path().join("out/detections.jsonl");
    let to = folder.join(name).with_extension("jsonl");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::copy(&from, &to))
        .unwrap_or_else(|error| panic!("CAMWEAVE_KEEP, {}: {error}", to.display()));
}

#[test]
fn all_graphs_find_what_the_cpu_finds() {
    if !has_device() {
        return;
    }
    let (_, on_cpu, expected_boxes) = run("cpu-batched.yml");
    let expected = on_cpu.detection.ap50.expect("scenes have objects");
    // All graphs are run, so that a failure shows all figures.
    let mut wrong = Vec::new();
    for name in GRAPHS {
        let (results, score, boxes) = run(name);
        let found = score.detection.ap50.expect("scenes have objects");
        println!("{name}: AP50 {found:.4}, the CPU's {expected:.4}");
        let agreement = Agreement::new(&expected_boxes, &boxes);
        println!("{name}: {}", agreement.text());
        let is_right = (found - expected).abs() <= AP50_APART
            && agreement.pictures == expected_boxes.len()
            && agreement.sure_share() >= FOUND_AGAIN
            && agreement.apart(CLOSE) <= PIXELS_APART;
        if !is_right {
            wrong.push(format!("{name}: AP50 {found}, {}", agreement.text()));
        }
        for camera in &results.summary.cameras {
            let picture = results
                .folder
                .path()
                .join("out")
                .join(format!("{}.png", camera.id));
            assert!(picture.is_file(), "{name}: no {}", picture.display());
        }
    }
    assert!(
        wrong.is_empty(),
        "expected AP50 within {AP50_APART} of the CPU's {expected}, all {} pictures, {FOUND_AGAIN} \
         of the boxes with a match and {CLOSE} of these within {PIXELS_APART} pixel: {wrong:#?}",
        expected_boxes.len()
    );
}

/// MiB of device memory that all processes use together.
fn memory_mib() -> u64 {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.used", "--format=csv,noheader,nounits"])
        .args(["--id", "0"])
        .output()
        .expect("nvidia-smi comes with the driver");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .unwrap_or_else(|error| panic!("'{text}': {error}"))
}

#[test]
fn killed_gpu_nodes_come_back_and_device_memory_returns() {
    if !has_device() {
        return;
    }
    let before = memory_mib();
    let cameras = Cameras::start(&[
        "--cameras",
        "2",
        "--seconds",
        "20",
        "--at-end",
        "loop",
        "--seed",
        "41",
    ]);
    let mut run = graph("gpu-batched.yml", &cameras).start();
    let both = |run: &Pipeline| run.detected("cam1") > 20 && run.detected("cam2") > 20;
    run.wait_until("frames of both cameras", both);
    let running = memory_mib();
    let mut recoveries = Vec::new();
    for node in GPU_NODES.into_iter().cycle().take(GPU_NODES.len() * ROUNDS) {
        let victim = run.process(node).expect("the node has reported");
        assert!(
            is_alive(victim),
            "node '{node}' died by itself; {}",
            run.log()
        );
        let killed = Instant::now();
        camweave_tests::kill(victim, Signal::KILL);
        run.wait_until(&format!("node '{node}' comes back"), |run| {
            run.process(node).is_some_and(|process| process != victim)
        });
        let reached = ["cam1", "cam2"].map(|camera| run.detected(camera));
        run.wait_until(&format!("frames after the death of '{node}'"), |run| {
            run.detected("cam1") > reached[0] && run.detected("cam2") > reached[1]
        });
        recoveries.push((node, killed.elapsed()));
        std::thread::sleep(Duration::from_secs(4).saturating_sub(killed.elapsed()));
    }
    let after = memory_mib();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    println!("MiB {before} before, {running} running, {after} after kills; {recoveries:.1?}");
    assert!(
        after <= running + MEMORY_MIB,
        "{running} MiB of device memory before the kills, {after} MiB after"
    );
    let end = memory_mib();
    assert!(
        end <= before + MEMORY_MIB,
        "{before} MiB before the run, {end} MiB after"
    );
}
