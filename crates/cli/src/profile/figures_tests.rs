use camweave_telemetry::{Percentiles, SpanSummary};

use super::*;
use camweave_runner::threads::ThreadUse;

fn used(name: &str, ran: f64, delayed: f64) -> ThreadUse {
    ThreadUse {
        name: name.to_owned(),
        ran,
        delayed,
    }
}

fn report(stage: &str, kind: &str, process_id: u32, takes: &[&str]) -> StageReport {
    StageReport {
        stage: stage.to_owned(),
        kind: kind.to_owned(),
        process_id,
        takes: takes.iter().map(|it| (*it).to_owned()).collect(),
        gives: stage.to_owned(),
        ..StageReport::default()
    }
}

fn passed(received: u64, sent: u64) -> BTreeMap<String, CameraCounters> {
    let counters = CameraCounters {
        received,
        sent,
        ..CameraCounters::default()
    };
    [("cam1".to_owned(), counters)].into()
}

fn span(calls: u64, frames: u64, busy_ms: f64) -> SpanSummary {
    SpanSummary {
        calls,
        frames,
        busy_ms,
        cpu_ms: None,
        ms_per_frame: Percentiles::default(),
    }
}

#[test]
fn threads_in_one_process_go_to_their_stages() {
    let reports = vec![
        report("detect", "fused", 7, &[]),
        report("detect.decode", "sw-decode", 7, &["source"]),
        report("detect.infer", "cpu-infer", 7, &["detect.decode"]),
        report("detect.track", "tracker", 7, &["detect.infer"]),
        report("sink", "sink", 8, &["detect"]),
    ];
    let names = ["decode-0", "lane-0", "openvino", "track", "infer", "rx-0"];
    let mut usage = Usage::default();
    let threads = names.iter().map(|name| used(name, 0.1, 0.0)).collect();
    usage.threads.insert(7, threads);
    usage.threads.insert(8, vec![used("sink", 0.2, 0.0)]);
    let of = |index: usize| -> Vec<String> {
        let found = threads_of(&reports[index], &reports, &usage);
        found.into_iter().map(|it| it.name).collect()
    };
    assert_eq!(of(0), ["rx-0"]);
    assert_eq!(of(1), ["decode-0"]);
    assert_eq!(of(2), ["lane-0", "openvino", "infer"]);
    assert_eq!(of(3), ["track"]);
    assert_eq!(of(4), ["sink"]);
}

#[test]
fn a_thread_is_full_of_the_time_that_it_gets_a_core() {
    let spans = [("decode", 1.0), ("publish", 0.1)].into();
    let threads = [
        used("decode-0", 0.6, 0.38),
        used("rx-0", 0.01, 0.9),
        used("main", 0.1, 0.0),
    ];
    let found = stage_use(&spans, &threads, 1);
    let thread = found.thread.expect("there are some");
    assert_eq!((&*thread.name, thread.as_full), ("decode-0", 1));
    assert!((thread.used - 0.6 / 0.62).abs() < 1e-9, "{thread:?}");
    assert!((found.cores - 0.71).abs() < 1e-9);
    // It had no core for the rest: it waited for nothing else.
    assert_eq!((found.occupied, found.blocked), (1.0, 0.0));
    let spans = [("rows", 0.95), ("write", 0.9)].into();
    let found = stage_use(&spans, &[used("sink", 0.05, 0.02)], 1);
    assert!((found.blocked - 0.88).abs() < 1e-9, "{found:?}");
}

#[test]
fn a_stream_that_goes_from_thread_to_thread_fills_one() {
    let threads = [used("decode-0", 0.78, 0.03), used("decode-1", 0.18, 0.01)];
    let of = |streams| {
        let found = stage_use(&BTreeMap::new(), &threads, streams);
        found.thread.expect("there are some")
    };
    let one = of(1);
    assert_eq!((&*one.name, one.as_full), ("decode-*", 1));
    assert!((one.used - 1.0).abs() < 1e-9, "{one:?}");
    // Two streams could have had both.
    let two = of(2);
    assert_eq!(two.name, "decode-0");
    assert!((two.used - 0.78 / 0.97).abs() < 1e-9, "{two:?}");
}

#[test]
fn queues_and_batches_are_of_the_time_between() {
    let at = |unix_nanos: i64, sent: u64, calls: u64| {
        let mut detector = report("detect", "cpu-infer", 2, &["decode"]);
        detector.cameras = passed(sent / 2, sent / 4);
        for (name, value) in [("threads", "2"), (Fact::BATCH_AT_MOST.name, "8")] {
            detector.facts.insert(name.to_owned(), value.to_owned());
        }
        let rows = span(calls, 3 * calls, 900.0 * calls as f64);
        detector.spans.insert("rows".to_owned(), rows);
        let mut decode = report("decode", "sw-decode", 1, &[]);
        decode.cameras = passed(sent, sent);
        let mut sink = report("sink", "sink", 3, &["detect"]);
        sink.cameras = passed(sent / 4, sent / 4);
        Snapshot {
            unix_nanos,
            reports: vec![decode, detector, sink],
            ..Snapshot::default()
        }
    };
    let begin = at(0, 0, 0);
    let now = at(4_000_000_000, 400, 4);
    let setup = Setup::default();
    let figures = Figures::between(&begin, &now, &Usage::default(), &setup);
    assert!((figures.fps - 25.0).abs() < 1e-9);
    let detector = &figures.stages[1];
    // 200 in front of it, and 100 inside.
    assert!((detector.waiting - 300.0).abs() < 1e-9);
    assert!((detector.growth - 75.0).abs() < 1e-9);
    assert!((detector.occupied - 0.9).abs() < 1e-9);
    assert_eq!(figures.stages[2].waiting, 0.0);
    let batch = figures.batch.expect("a detector");
    assert_eq!((batch.mean, batch.most, batch.plateau), (3.0, 8.0, 2.0));
    assert_eq!(figures.gpu, None);
    // A GPU's figures are the driver's.
    let figures = Figures::default().with_gpu(Some(camweave_compare::run::Gpu {
        busy_percent: 93.0,
        decoder_percent: 28.0,
        memory_mib: 1.0,
    }));
    let gpu = figures.gpu.expect("it was measured");
    assert_eq!((gpu.sm_percent, gpu.nvdec_percent), (93.0, 28.0));
}
