//! The GPU graphs on a machine that has no GPU, or none that they may see.

use std::fs;
use std::process::Command;

use camweave_tests::{Pipeline, binary, workspace};

/// Runs a graph until dora would have started failed nodes again; its log then and at the end.
fn run(graph: &str, nodes: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let cameras = folder.path().join("cameras.yml");
    let text = "cameras:\n  - id: gate\n    url: rtsp://127.0.0.1:1/gate\n";
    fs::write(&cameras, text).expect("the folder is new");
    let mut run = Pipeline::of(graph)
        .cameras(&cameras)
        .env("CUDA_VISIBLE_DEVICES", "-1")
        .start();
    run.wait_until("all GPU nodes say what is missing", |run| {
        let fatal = |node: &&str| run.report(node).is_some_and(|it| it.fatal.is_some());
        nodes.iter().all(fatal)
    });
    // A table comes every two seconds, a restart after less than one.
    let tables = |log: &str| log.matches("p99 ms").count();
    let already = tables(&run.log());
    run.wait_until("three tables", |run| tables(&run.log()) >= already + 3);
    let during = run.log();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(1), "dora tells of the failed nodes");
    for node in nodes {
        let report = results.reports.iter().find(|it| it.stage == *node);
        let report = report.expect("a report");
        assert_eq!(report.starts, 1, "{node} was started again");
        let fatal = report.fatal.as_deref().unwrap_or_default();
        assert!(fatal.contains("no CUDA"), "{node}: {fatal}");
    }
    assert!(!results.log.contains("panicked"), "{}", results.log);
    (during, results.log)
}

/// Lines that say that there is no GPU.
fn lines(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("no CUDA"))
        .collect()
}

/// Each of these nodes says once that there is no GPU, and names the CPU graph.
fn say_once(graph: &str, nodes: &[&str]) {
    let (during, after) = run(graph, nodes);
    let said = lines(&during);
    assert_eq!(said.len(), nodes.len(), "{}", said.join("\n"));
    for node in nodes {
        let prefix = format!("stdout {node}: ");
        let own: Vec<_> = said.iter().filter(|line| line.contains(&prefix)).collect();
        let [line] = own.as_slice() else {
            panic!("{} lines of {node}", own.len());
        };
        assert!(line.contains("dataflows/cpu-batched.yml"), "{line}");
        // dora's last words have it, too.
        let failed = format!("Node `{node}` failed: exited with code 4");
        assert!(after.contains(&failed), "{failed}: {after}");
    }
}

#[test]
fn each_gpu_node_says_once_what_is_missing_and_names_the_cpu_graph() {
    say_once("gpu-batched.yml", &["decode", "detect.infer", "detect.nms"]);
}

#[test]
fn the_nodes_of_the_sequential_graph_say_it_too() {
    say_once(
        "gpu-sequential.yml",
        &["decode", "detect.infer", "detect.nms"],
    );
}

#[test]
fn in_a_mixed_graph_only_the_nodes_that_need_a_gpu_say_it() {
    say_once("mixed-batched.yml", &["detect.infer", "detect.nms"]);
}

#[test]
fn a_fused_node_says_it_once_for_all_of_its_stages() {
    let (during, after) = run("gpu-fused.yml", &["detect.decode"]);
    let said = lines(&during);
    assert_eq!(said.len(), 1, "{}", said.join("\n"));
    for part in ["stage 'detect.decode'", "dataflows/cpu-batched.yml"] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
    assert!(after.contains("Node `detect` failed: exited with code 4"));
}

#[test]
fn measurements_say_at_once_what_a_gpu_graph_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text.onnx");
    fs::write(&text, "some text").expect("the folder is new");
    let text = text.display().to_string();
    let graph = |name: &str| workspace().join("dataflows").join(name);
    let (cpu, fused) = (graph("cpu-batched.yml"), graph("gpu-fused.yml"));
    let (cpu, fused) = (cpu.display().to_string(), fused.display().to_string());
    for (arguments, exit, says) in [
        (vec!["profile", &fused], 4, "detect.infer: no CUDA"),
        (vec!["ab", &cpu, &fused], 4, "detect.infer: no CUDA"),
        (vec!["bench", "fps", &fused], 4, "detect.infer: no CUDA"),
        (vec!["profile", &fused, "--model", &text], 3, "text.onnx"),
    ] {
        let out = folder.path().join("out");
        let output = Command::new(binary("camweave"))
            .args(&arguments)
            .arg("--out")
            .arg(&out)
            .env("CUDA_VISIBLE_DEVICES", "-1")
            .output()
            .expect("camweave runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        assert!(error.contains(says), "{error}");
        assert!(!out.exists(), "nothing is rendered before");
    }
}
