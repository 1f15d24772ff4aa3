//! What stages write, merged, and read back as protobuf.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use camweave_telemetry::span_file::SpanFileHeader;
use camweave_telemetry::{DeviceRange, FrameKey, SpanMode, SpanSettings, Spans, span_names};
use camweave_trace::proto::{DebugAnnotation, Trace, TracePacket, TrackEvent, event_type};
use camweave_trace::{MACHINE, Merged, TraceError, gather, merge};
use prost::Message;

fn stage(folder: &Path, name: &str) -> Spans {
    let settings = SpanSettings {
        mode: SpanMode::Trace,
        ..SpanSettings::default()
    };
    Spans::open(name, "kind", &settings, folder)
}

fn key(sequence: u64) -> FrameKey<'static> {
    FrameKey {
        camera: "cam1",
        session_unix_nanos: 1_000,
        sequence,
    }
}

/// Two stages: three frames one by one, then in a list.
fn record(folder: &Path) {
    let (decode, infer) = (stage(folder, "decode"), stage(folder, "infer"));
    for sequence in 0..3 {
        let _outer = decode.begin(&span_names::ROWS);
        drop(decode.frame(&span_names::DECODE, key(sequence)));
    }
    decode.dropped("cam1", "corrupt", 2);
    infer.gauge(&span_names::QUEUE_DEPTH, "", 4);
    let batch = infer.batch(&span_names::INFER, 3);
    (0..3).for_each(|sequence| batch.member(key(sequence)));
    drop(batch);
}

fn merged(folder: &Path) -> (Merged, Vec<TracePacket>) {
    let gathered = gather(folder).expect("files of spans");
    assert_eq!(gathered.complaints, Vec::<String>::new());
    let out = folder.join("out.perfetto-trace");
    let merged = merge(&gathered.files, &out).expect("the folder is writable");
    let bytes = fs::read(&out).expect("readable");
    let trace = Trace::decode(&*bytes).expect("a trace");
    (merged, trace.packet)
}

fn events(packets: &[TracePacket], kind: i32) -> Vec<(&TracePacket, &TrackEvent)> {
    let events = packets.iter().filter_map(|packet| {
        let event = packet.track_event.as_ref()?;
        (event.r#type == Some(kind)).then_some((packet, event))
    });
    events.collect()
}

#[test]
fn spans_become_slices_with_flows() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let (merged, packets) = merged(folder.path());
    assert_eq!((merged.processes, merged.spans, merged.cut), (1, 7, 0));
    assert_eq!((merged.frames, merged.dropped, merged.lost), (3, 2, 0));
    let begins = events(&packets, event_type::SLICE_BEGIN);
    assert_eq!(begins.len(), 7);
    assert_eq!(events(&packets, event_type::SLICE_END).len(), 7);
    let flows = |name: &str| -> Vec<u64> {
        let named = begins.iter().filter(|(_, it)| it.name() == name);
        named.flat_map(|(_, it)| it.flow_ids.clone()).collect()
    };
    let decoded = flows("decode");
    assert_eq!(decoded.len(), 3);
    assert_eq!(flows("infer"), decoded);
    assert!(flows("rows").is_empty());
    let unique: std::collections::HashSet<u64> = decoded.into_iter().collect();
    assert_eq!(unique.len(), 3);
}

#[test]
fn slices_nest_on_their_thread_and_times_rise() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let (_, packets) = merged(folder.path());
    let mut depth: HashMap<u64, (i64, u64)> = HashMap::new();
    for packet in &packets {
        let Some(event) = &packet.track_event else {
            continue;
        };
        let step = match event.r#type() {
            event_type::SLICE_BEGIN => 1,
            event_type::SLICE_END => -1,
            _ => continue,
        };
        let track = depth.entry(event.track_uuid()).or_default();
        track.0 += step;
        assert!(track.0 >= 0 && packet.timestamp() >= track.1, "{packet:?}");
        track.1 = packet.timestamp();
    }
    assert!(depth.values().all(|(open, _)| *open == 0), "{depth:?}");
}

#[test]
fn every_event_has_a_described_track() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let (_, packets) = merged(folder.path());
    let tracks: HashMap<u64, String> = packets
        .iter()
        .filter_map(|packet| packet.track_descriptor.as_ref())
        .map(|track| {
            let process = track
                .process
                .as_ref()
                .map(|it| it.process_name().to_owned());
            (
                track.uuid(),
                process.unwrap_or_else(|| track.name().to_owned()),
            )
        })
        .collect();
    assert!(
        tracks.values().any(|name| name == "decode + infer"),
        "{tracks:?}"
    );
    for packet in &packets {
        if let Some(event) = &packet.track_event {
            assert!(tracks.contains_key(&event.track_uuid()), "{packet:?}");
        }
    }
    let counters = events(&packets, event_type::COUNTER);
    let (_, depth) = counters.first().expect("one was noted");
    assert_eq!(depth.counter_value(), 4);
    assert_eq!(tracks[&depth.track_uuid()], "infer queue depth");
    let instants = events(&packets, event_type::INSTANT);
    assert_eq!(instants[0].1.name(), "dropped: corrupt");
}

/// Two batches on streams of their own, so that they overlap, and one of another stage.
#[test]
fn a_device_has_tracks_of_its_own_on_which_slices_nest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (decode, infer) = (
        stage(folder.path(), "decode"),
        stage(folder.path(), "infer"),
    );
    let work = |spans: &Spans, name, begin_nanos, duration_nanos, frames: std::ops::Range<u64>| {
        let range = DeviceRange {
            begin_nanos,
            duration_nanos,
        };
        spans.device(name, range, &spans.members(frames.map(key)));
    };
    work(&decode, &span_names::COPY, 50, 10, 0..1);
    work(&infer, &span_names::LETTERBOX, 100, 20, 0..2);
    work(&infer, &span_names::INFER, 120, 100, 0..2);
    work(&infer, &span_names::LETTERBOX, 130, 20, 2..3);
    work(&infer, &span_names::INFER, 150, 200, 2..3);
    drop((decode, infer));
    let (merged, packets) = merged(folder.path());
    assert_eq!((merged.spans, merged.cut, merged.frames), (5, 0, 3));
    let process = u64::from(std::process::id()) << 32;
    let descriptors = packets.iter().filter_map(|it| it.track_descriptor.as_ref());
    let names: HashMap<u64, &str> = descriptors
        .filter(|track| track.parent_uuid() == process)
        .map(|track| (track.uuid(), track.name()))
        .collect();
    let mut slices: Vec<(&str, u64, &str, u64, usize)> = events(&packets, event_type::SLICE_BEGIN)
        .into_iter()
        .map(|(packet, event)| {
            let track = event.track_uuid();
            let frames = event.flow_ids.len();
            (
                names[&track],
                track,
                event.name(),
                packet.timestamp(),
                frames,
            )
        })
        .collect();
    slices.sort_by_key(|slice| slice.3);
    let (first, second) = (slices[1].1, slices[3].1);
    assert_ne!(first, second, "they overlap");
    let expected = [
        ("decode GPU", slices[0].1, "copy", 50, 1),
        ("infer GPU", first, "letterbox", 100, 2),
        ("infer GPU", first, "infer", 120, 2),
        ("infer GPU", second, "letterbox", 130, 1),
        ("infer GPU", second, "infer", 150, 1),
    ];
    assert_eq!(slices, expected);
    let mut ends: Vec<u64> = events(&packets, event_type::SLICE_END)
        .iter()
        .map(|(packet, _)| packet.timestamp())
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, [60, 120, 150, 220, 350]);
    let begins = events(&packets, event_type::SLICE_BEGIN);
    let (_, copy) = begins
        .iter()
        .find(|(_, it)| it.name() == "copy")
        .expect("it was told");
    let notes: Vec<&str> = copy
        .debug_annotations
        .iter()
        .map(DebugAnnotation::name)
        .collect();
    assert_eq!(notes, ["camera", "sequence"]);
}

#[test]
fn a_machines_counters_bear_no_stage() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SpanSettings {
        mode: SpanMode::Trace,
        ..SpanSettings::default()
    };
    let spans = Spans::open("nvidia-smi", MACHINE, &settings, folder.path());
    spans.gauge(&span_names::GPU_BUSY, "", 87);
    spans.gauge(&span_names::NVDEC_BUSY, "", 12);
    drop(spans);
    let (_, packets) = merged(folder.path());
    let descriptors = packets.iter().filter_map(|it| it.track_descriptor.as_ref());
    let counters: HashMap<u64, (&str, &str)> = descriptors
        .filter_map(|track| {
            let counter = track.counter.as_ref()?;
            Some((track.uuid(), (track.name(), counter.unit_name())))
        })
        .collect();
    let found: HashMap<(&str, &str), i64> = events(&packets, event_type::COUNTER)
        .iter()
        .map(|(_, it)| (counters[&it.track_uuid()], it.counter_value()))
        .collect();
    let expected = [(("GPU busy %", "%"), 87), (("NVDEC busy %", "%"), 12)];
    assert_eq!(found, expected.into());
}

#[test]
fn damage_costs_a_tail_and_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let path = folder
        .path()
        .join(format!("decode.{}.spans", std::process::id()));
    let bytes = fs::read(&path).expect("readable");
    fs::write(&path, &bytes[..bytes.len() - 3]).expect("writable");
    fs::write(folder.path().join("empty.1.spans"), "").expect("writable");
    let gathered = gather(folder.path()).expect("the rest is whole");
    assert_eq!(gathered.files.len(), 2);
    let said = |name: &str| gathered.complaints.iter().any(|line| line.contains(name));
    assert!(said("decode.") && said("empty.1.spans"), "{gathered:?}");
}

#[test]
fn files_of_two_boots_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let header = SpanFileHeader {
        stage: "old".to_owned(),
        kind: "kind".to_owned(),
        process_id: 1,
        boot_id: "another".to_owned(),
        monotonic_nanos: 0,
        boottime_nanos: 0,
        unix_nanos: 1,
    };
    let file = header.to_bytes();
    fs::write(folder.path().join("old.1.spans"), file).expect("writable");
    let error = gather(folder.path()).expect_err("two boots");
    assert!(matches!(error, TraceError::Boot { .. }), "{error}");
    let line = error.to_string();
    assert!(
        line.contains("old.1.spans") && line.contains("another"),
        "{line}"
    );
}

#[test]
fn no_file_beside_the_trace_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let gathered = gather(folder.path()).expect("files of spans");
    let mine = folder.path().join("notes.new");
    fs::write(&mine, "precious").expect("writable");
    let out = folder.path().join("notes.txt");
    merge(&gathered.files, &out).expect("the folder is writable");
    assert_eq!(fs::read_to_string(&mine).expect("there"), "precious");
    assert!(fs::metadata(&out).expect("there").len() > 100);
    // A trace that cannot be put in its place leaves nothing.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).expect("writable");
    let count = || fs::read_dir(folder.path()).expect("a folder").count();
    let before = count();
    merge(&gathered.files, &taken).expect_err("a folder");
    assert_eq!(count(), before);
}

#[test]
fn an_empty_folder_is_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = gather(folder.path()).expect_err("nothing").to_string();
    assert!(line.contains("CAMWEAVE_SPANS=trace"), "{line}");
    // The run's folder will do as well.
    record(&folder.path().join("trace"));
    assert_eq!(gather(folder.path()).expect("files").files.len(), 2);
}

/// Perfetto's own definitions, from its Python package, read the same out of the file.
#[test]
fn perfettos_own_definitions_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path());
    let (_, packets) = merged(folder.path());
    let python = std::env::var("CAMWEAVE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read.py");
    let output = std::process::Command::new(&python)
        .arg(script)
        .arg(folder.path().join("out.perfetto-trace"))
        .output()
        .unwrap_or_else(|error| panic!("'{python}': {error}"));
    assert!(
        output.status.success(),
        "'{python}' needs the package 'perfetto' (scripts/setup.sh --tests installs it): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = String::from_utf8(output.stdout).expect("text");
    let mut expected = String::new();
    for packet in &packets {
        if let Some(event) = &packet.track_event {
            let flows: Vec<String> = event.flow_ids.iter().map(u64::to_string).collect();
            expected += &format!(
                "{} clock {} type {} track {} '{}' flows [{}] value {}\n",
                packet.timestamp(),
                packet.timestamp_clock_id(),
                event.r#type(),
                event.track_uuid(),
                event.name(),
                flows.join(", "),
                event.counter_value()
            );
        }
    }
    assert_eq!(found, expected);
}
