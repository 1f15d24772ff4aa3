use serde_json::{Value, from_value, json};

use super::*;

fn run(graph: usize, cameras: usize, fps: f64, more: &Value) -> Value {
    let cameras: Vec<Value> = (0..cameras)
        .map(|_| json!({"id": "a", "frames": 1, "dropped": 0, "fps": 1.0, "latency_ms": quantiles(1.0)}))
        .collect();
    let mut run = json!({
        "graph": graph, "place": 0, "seconds": 20.0, "frames": 10, "combined_fps": fps,
        "begin_unix_nanos": 0, "end_unix_nanos": 180_000_000_000_i64,
        "latency_ms": quantiles(20.0), "latency_curve": [], "dropped": {}, "cameras": cameras,
        "nodes": {"dora": {"cpu_ms": 0.1, "memory_mib": 1.0}, "sink": {"cpu_ms": 0.3, "memory_mib": 1.0}},
        "stops": [], "spans": {}, "timeline": [], "other_cores": 0.0,
        "gpu": {"busy_percent": 80.4, "decoder_percent": 50.0, "memory_mib": 1000.0},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        run[name] = value.clone();
    }
    run
}

fn quantiles(value: f64) -> Value {
    json!({"mean": value, "p50": value, "p95": value, "p99": value})
}

fn record(graphs: &[&str], runs: &[Value]) -> Record {
    from_value(json!({"graphs": graphs, "runs": runs})).expect("a record")
}

fn decoded(streams: u32, fps: f64, clock: Option<f64>) -> Decoded {
    from_value(json!({
        "file": "street1.h264", "streams": streams, "frames_per_second": fps,
        "decoder_percent": 99.4, "video_clock_mhz": clock, "cpu_ms": 0.05, "memory_mib": 70.0,
    }))
    .expect("a row")
}

fn engine() -> Engine {
    from_value(json!({"rows": [
        {"batch": 1, "enqueue_ms": 0.5, "graph_ms": 0.4, "frames_per_second": 2500.0},
        {"batch": 8, "enqueue_ms": 1.0, "graph_ms": null, "frames_per_second": 8000.0},
        {"batch": 32, "enqueue_ms": 4.0, "graph_ms": null, "frames_per_second": 6000.0},
    ]}))
    .expect("rows")
}

const HEAD: &str = "\
## What was to be reached

| what | measured | to reach | met | GPU busy | NVDEC busy | and |
|---|---:|---|---|---:|---:|---|
";

fn shown(figures: &Figures, rows: &str) {
    assert_eq!(table(figures, 7), format!("{HEAD}{rows}"));
}

#[test]
fn nothing_measured_is_said() {
    let figures = Figures::default();
    shown(&figures, "| nothing has been measured yet | | | | | | |\n");
    assert_eq!(cameras(&figures), None);
}

#[test]
fn kernels_are_held_against_their_limits() {
    let kernel = |kernel: &str, what: &str, batch: u32, ms: f64| Kernel {
        kernel: kernel.to_owned(),
        what: what.to_owned(),
        batch,
        median_ms: ms,
    };
    let figures = Figures {
        kernels: vec![
            kernel("letterbox", "NV12 1920x1080", 16, 0.064),
            kernel("letterbox", "P010 1920x1080", 16, 0.064),
            kernel("postprocess", "8400 anchors", 32, 0.4),
            kernel("postprocess", "8400 anchors", 1, 0.05),
        ],
        ..Figures::default()
    };
    shown(
        &figures,
        "\
| postprocess, batch 1, with the copy to the host | 0.050 ms | <= 0.10 ms | yes |  |  | 8400 anchors |
| postprocess, batch 32, with the copy to the host | 0.400 ms | <= 0.30 ms | **no** |  |  | 8400 anchors |
| preprocess 1080p NV12 to 640 FP16, batch 16 | 0.0040 ms a frame | <= 0.008 ms | yes |  |  |  |
",
    );
}

#[test]
fn decoder_and_engine_alone_are_the_limits_of_the_rest() {
    let many = record(
        &["fused.yml", "batched.yml", "batched-without-mps.yml"],
        &[
            run(0, 16, 5000.0, &json!({})),
            run(1, 16, 4000.0, &json!({"dropped": {"sink.x": 3}})),
            run(2, 16, 3000.0, &json!({})),
        ],
    );
    let figures = Figures {
        decode: vec![
            decoded(1, 800.0, Some(1860.0)),
            decoded(16, 5300.0, Some(1860.0)),
        ],
        engine: engine(),
        many: [("16".to_owned(), many)].into(),
        ..Figures::default()
    };
    shown(
        &figures,
        "\
| engine alone, batch 1 | 2500 frames/s |  |  |  |  | 0.400 ms a batch |
| engine alone, batch 32 | 6000 frames/s |  |  |  |  | 4.000 ms a batch |
| decoder alone, h264, streams: 1 | 800 frames/s |  |  |  | 99 % | 0.05 ms CPU a frame, 70 MiB a stream |
| decoder alone, h264, streams: 16 | 5300 frames/s, 98.2% | >= 95% of 7 engines at 1860 MHz (5397) | yes |  | 99 % | 0.05 ms CPU a frame, 70 MiB a stream |
| streams: 16, fused | 5000 frames/s, 94.3% | >= 90% of the decoder alone (5300) | yes | 80 % | 50 % | 0.40 ms CPU a frame; none dropped |
| streams: 16, separate processes under MPS | 4000 frames/s, 80.0% | >= 90% of fused (5000) | **no** | 80 % | 50 % | 0.40 ms CPU a frame; dropped: 3 sink.x |
| streams: 16, separate processes without MPS | 3000 frames/s |  |  | 80 % | 50 % | 60.0% of fused; 0.40 ms CPU a frame; none dropped |
",
    );
    assert_eq!(cameras(&figures), Some(133), "80 % of 5000 frames/s");
}

#[test]
fn one_stream_is_held_against_the_decoder_and_four_against_one() {
    let runs = [run(0, 1, 700.0, &json!({})), run(1, 4, 2720.0, &json!({}))];
    let figures = Figures {
        bench: [("one-fused".to_owned(), record(&[], &runs))].into(),
        ..Figures::default()
    };
    shown(
        &figures,
        "\
| one stream to detections, fused | 700 frames/s | >= 95% of the decoder alone, not measured |  | 80 % | 50 % | 0.40 ms CPU a frame; none dropped |
| 4 streams to detections, fused, each | 680 frames/s, 97.1% | >= 95% of one stream (700) | yes | 80 % | 50 % | 0.40 ms CPU a frame; none dropped |
",
    );
}

#[test]
fn a_long_run_must_not_drop_nor_grow() {
    let sample = |at: f64, host: f64| Sample {
        unix_seconds: at,
        host_mib: Some(host),
        processes_mib: [("sink".to_owned(), host)].into(),
        device_mib: None,
    };
    let broken = run(
        0,
        100,
        0.0,
        &json!({"place": 1, "partial": "a | b", "gpu": null}),
    );
    let runs = [run(0, 100, 3000.0, &json!({})), broken];
    let figures = Figures {
        bench: [("long".to_owned(), record(&[], &runs))].into(),
        memory: vec![
            sample(10.0, 100.0),
            sample(90.0, 101.0),
            sample(170.0, 110.0),
        ],
        ..Figures::default()
    };
    shown(
        &figures,
        "\
| long: 100 RTSP cameras, 20 s | p99 20.0 ms, 0 dropped | no drop | yes | 80 % | 50 % | 30.00 frames/s each; p50 20.0 ms; none dropped; 10 MiB of the device a camera |
| long: host CPU a camera | 1.20 % of a core | <= 3 % | yes | 80 % | 50 % | dora 0.30, sink 0.90 |
| long: host memory | 100.0 to 110.0 MiB | flat (within 2%) | **no** |  |  | +10.00% from the first to the last 60 s; slope +3.75 MiB a minute; 100.0 to 110.0 MiB in 3 samples; sink 110.0 (+10.0) |
| long: device memory | not measured | flat (within 2%) |  |  |  | 0 samples, expected some in the first and last 60 s |
| long, run 2 | not whole |  | **no** |  |  | a / b |
",
    );
}
