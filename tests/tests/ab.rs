//! Comparisons of graphs, as a user runs them: what they report is checked against what the
//! runs left behind, and what cannot be compared is refused or marked.

mod support;

use std::fs;

use camweave_tests::{PATIENCE, binary, kill, processes_with, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use support::measure::{Place, errors, graph, run};

#[test]
fn in_slices_each_graph_goes_in_its_own_time_only() {
    let place = Place::new();
    let graph = graph("cpu-sequential.yml");
    let output = run(place.ab(&graph, &graph, &["--seconds", "2", "--slices=50"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let summary = place.summary();
    let runs = summary["runs"].as_array().expect("runs");
    // Blocks of a second each, with the same place in both graphs.
    let places: Vec<_> = runs
        .iter()
        .filter_map(|run| run["place"].as_u64())
        .collect();
    assert_eq!(places, [0, 0, 1, 1]);
    for run in runs {
        let number = |name: &str| run[name].as_i64().expect("a number");
        let wall = (number("end_unix_nanos") - number("begin_unix_nanos")) as f64 / 1e9;
        let own = run["seconds"].as_f64().expect("seconds");
        assert!((1.0..1.3).contains(&own), "{own}");
        // Two graphs: half of the time is each one's.
        assert!(own < 0.6 * wall, "{own} of {wall}");
        let frames = number("frames") as f64;
        assert!(frames > 2.0, "{run}");
        // JSON keeps numbers to the last digit but one.
        let fps = run["combined_fps"].as_f64().expect("a rate");
        assert!((fps * own / frames - 1.0).abs() < 1e-9, "{run}");
        assert_eq!(run["latency_curve"].as_array().map(Vec::len), Some(0));
        // Who is held does not compute: no more than all cores for its own time, and a little for
        // what runs on until a process is stopped.
        let nodes = run["nodes"].as_object().expect("nodes");
        let cpu: f64 = nodes.values().filter_map(|it| it["cpu_ms"].as_f64()).sum();
        let cores = std::thread::available_parallelism().expect("cores").get() as f64;
        assert!(cpu > 0.0 && cpu * frames / 1e3 < 1.1 * cores * own, "{run}");
    }
    let metrics = summary["versus"][0]["verdicts"]
        .as_array()
        .expect("metrics");
    let names: Vec<_> = metrics
        .iter()
        .filter_map(|it| it["metric"]["name"].as_str())
        .collect();
    assert!(names.contains(&"throughput") && !names.iter().any(|it| it.contains("latency")));
    assert!(
        summary["versus"][0]["headline"]
            .as_str()
            .is_some_and(|it| it.contains("detections identical"))
    );
}

#[test]
fn nothing_outlives_a_comparison_that_is_killed() {
    let place = Place::new();
    let graph = graph("cpu-sequential.yml");
    let mut child = place
        .ab(&graph, &graph, &["--seconds", "600", "--slices"])
        .spawn()
        .expect("camweave can be started");
    let of_run = place.path("out/B-1").display().to_string();
    // One of the two is held at any time.
    wait_for("nodes that are held", PATIENCE, || {
        processes_with(&of_run).into_iter().find(|process| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    });
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let folder = place.path("out").display().to_string();
    wait_for("the end of all", PATIENCE, || {
        processes_with(&folder).is_empty().then_some(())
    });
}

#[test]
fn what_does_not_hold_still_is_refused() {
    let place = Place::new();
    let (cpu, gpu) = (graph("cpu-sequential.yml"), graph("gpu-fused.yml"));
    for (graph, more, says) in [
        (&cpu, vec!["--pace", "live"], "expected --pace fast"),
        (&gpu, vec![], "gpu-fused.yml' has the stage"),
    ] {
        let output = run(place.ab(&cpu, graph, &[&["--slices"][..], &more].concat()));
        let error = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains("--slices") && error.contains(says),
            "{error}"
        );
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
}

#[test]
fn a_comparison_says_what_an_independent_reader_counts() {
    let place = Place::new();
    let (a, b) = (graph("cpu-sequential.yml"), graph("cpu-batched.yml"));
    let output = run(place.ab(&a, &b, &["--seconds", "2"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let summary = place.summary();
    let runs = summary["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2);
    for (run, folder) in runs.iter().zip(["A-1", "B-1"]) {
        let number = |name: &str| run[name].as_i64().expect("a number");
        let (begin, end) = (number("begin_unix_nanos"), number("end_unix_nanos"));
        let text = fs::read_to_string(place.path("out").join(folder).join("detections.jsonl"))
            .expect("detections");
        let lines: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let time = |line: &Value, name: &str| line[name].as_i64().expect("a time");
        let inside: Vec<&Value> = lines
            .iter()
            .filter(|line| (begin..end).contains(&time(line, "detected_unix_nanos")))
            .collect();
        assert_eq!(number("frames"), inside.len() as i64);
        assert!(inside.len() > 2, "{run}");
        // Messages span one period fewer than there are.
        let times: Vec<i64> = inside
            .iter()
            .map(|line| time(line, "detected_unix_nanos"))
            .collect();
        let (first, last) = (times[0], times[times.len() - 1]);
        let counted = times.iter().filter(|it| **it > first).count() as f64;
        let fps = run["combined_fps"].as_f64().expect("a rate");
        let expected = counted / ((last - first) as f64 / 1e9);
        assert!(
            (fps - expected).abs() < 1e-6 * expected,
            "{fps} and {expected}"
        );
        // The stages and the waits between them are the whole of each frame's time.
        let mut parts = 0.0;
        let mut whole = 0.0;
        for line in &inside {
            let passes = line["passes"].as_array().expect("passes");
            let nanos = |pass: usize, of: usize| passes[pass][of].as_f64().expect("a time");
            parts += nanos(0, 2) - nanos(0, 1);
            for pass in 1..passes.len() {
                parts += nanos(pass, 1) - nanos(pass - 1, 2);
                parts += nanos(pass, 2) - nanos(pass, 1);
            }
            let captured = time(line, "captured_unix_nanos");
            whole += (time(line, "detected_unix_nanos") - captured) as f64;
        }
        assert!((parts / whole - 1.0).abs() < 0.02, "{parts} of {whole} ns");
        assert!(
            run["nodes"]["detect.infer"]["cpu_ms"].as_f64() > Some(0.0),
            "{run}"
        );
        assert!(run["nodes"]["detect.infer"]["memory_mib"].as_f64() > Some(1.0));
        assert!(run["spans"]["detect.infer"]["infer"]["busy_ms"].as_f64() > Some(0.0));
    }
    let versus = &summary["versus"][0];
    let agreement = &versus["agreement"];
    assert!(agreement["frames"].as_u64() > Some(10), "{agreement}");
    assert_eq!(agreement["same"], agreement["frames"], "{agreement}");
    for file in ["report.md", "report.html", "A-1/graph.yml"] {
        assert!(place.path("out").join(file).is_file(), "{file}");
    }
}

#[test]
fn what_cannot_run_is_refused_before_anything_runs() {
    let place = Place::new();
    let whole = graph("cpu-sequential.yml");
    let bin = binary("sink").with_file_name("");
    let write = |name: &str, text: &str| {
        let path = place.path(name);
        fs::write(&path, text.replace("BIN/", &bin.display().to_string())).expect("writable");
        path
    };
    let source =
        "  - {id: s, path: BIN/rtsp-source, inputs: {t: dora/timer/millis/500}, outputs: [out]}\n";
    let cases = [
        (place.path("none.yml"), 2, "there is no such file"),
        (write("text.yml", "nodes: [\n"), 2, "text.yml"),
        (
            write(
                "undeclared.yml",
                &format!(
                    "nodes:\n{source}  - {{id: d, path: BIN/sw-decode, inputs: {{in: s/frames}}, outputs: [out]}}\n"
                ),
            ),
            2,
            "node 'd', input 'in': 's/frames': node 's' does not declare the output 'frames', expected one of out",
        ),
        (
            write(
                "unconnected.yml",
                &format!(
                    "nodes:\n{source}  - {{id: d, path: BIN/sw-decode, inputs: {{in: s/out}}, outputs: [out]}}\n"
                ),
            ),
            2,
            "node 'd': its output 'out' is connected to no input",
        ),
        (
            write(
                "wrong-type.yml",
                &format!("nodes:\n{source}  - {{id: k, path: BIN/sink, inputs: {{in: s/out}}}}\n"),
            ),
            2,
            "node 'k', input 'in': it takes camweave.detections/1, and 's' gives camweave.units/1",
        ),
        (
            write(
                "missing.yml",
                &format!(
                    "nodes:\n{source}  - {{id: d, path: BIN/no-such, inputs: {{in: s/out}}}}\n"
                ),
            ),
            4,
            "node 'd': its program",
        ),
    ];
    for (bad, code, expected) in cases {
        let output = run(place.ab(&whole, &bad, &[]));
        let told = errors(&output);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(expected), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!place.path("out").exists(), "{}", bad.display());
    }
}

#[test]
fn a_second_comparison_is_refused_and_ctrl_c_keeps_what_there_is() {
    let place = Place::new();
    let first = place.long();
    let other = graph("cpu-batched.yml");
    let second = run(place.ab(&other, &other, &["--seconds", "1"]));
    let told = errors(&second);
    assert_eq!(second.status.code(), Some(5), "{told}");
    assert!(told.contains(&format!("process {}", first.id())), "{told}");
    kill(first.id(), Signal::INT);
    let output = first.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let summary = place.summary();
    assert_eq!(summary["runs"][0]["partial"], "interrupted");
    assert!(summary["runs"][0]["frames"].as_u64() > Some(0), "{summary}");
    // The lock went with its holder.
    let output = run(place.ab(&other, &other, &["--seconds", "1"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

#[test]
fn a_node_that_dies_half_way_marks_the_run_and_keeps_it() {
    let place = Place::new();
    let running = place.long();
    let stats = place.path("out/A-1/stats").display().to_string();
    let tracker = processes_with(&stats)
        .into_iter()
        .find(|process| {
            fs::read_to_string(format!("/proc/{process}/comm"))
                .is_ok_and(|it| it.trim() == "tracker")
        })
        .expect("the tracker runs");
    kill(tracker, Signal::KILL);
    // The run after it is as long: it is ended by hand.
    wait_for("the next run", PATIENCE, || {
        place.path("out/B-1").exists().then_some(())
    });
    kill(running.id(), Signal::INT);
    let output = running.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let summary = place.summary();
    let partial = summary["runs"][0]["partial"].as_str().unwrap_or_default();
    assert!(partial.starts_with("node 'track'"), "{summary}");
    assert!(summary["runs"][0]["frames"].as_u64() > Some(0), "{summary}");
    let report = fs::read_to_string(place.path("out/report.md")).expect("a report");
    assert!(report.contains("run 1 (A) is incomplete"), "{report}");
}

#[test]
fn a_graph_that_ends_early_says_why() {
    let place = Place::new();
    let model = place.path("model.onnx");
    fs::write(&model, "no model").expect("writable");
    let graph = graph("cpu-sequential.yml");
    let model = model.display().to_string();
    let output = run(place.ab(&graph, &graph, &["--seconds", "1", "--model", &model]));
    let told = errors(&output);
    assert_eq!(output.status.code(), Some(6), "{told}");
    let partial = place.summary()["runs"][0]["partial"].to_string();
    assert!(partial.contains("model.onnx"), "{partial}");
}
