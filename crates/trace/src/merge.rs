//! Files of spans into one trace.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use camweave_outdir::{FILE_MODE, NewFile};
use camweave_telemetry::span_file::{
    DEVICE_THREAD, Dropped, Frame, Gauge, SpanFile, SpanFileHeader, TracedSpan,
};
use camweave_telemetry::span_names::{GPU_BUSY, NVDEC_BUSY, QUEUE_DEPTH, SLOTS_IN_USE};

use crate::TraceError;
use crate::packets::{Packets, number, text};
use crate::proto::{DebugAnnotation, TrackEvent, event_type};
use crate::slices::{Edge, edges, rows};

/// What went into a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Merged {
    /// Processes; a node that was restarted is another one.
    pub processes: usize,
    /// Spans of all of them.
    pub spans: usize,
    /// Different frames that spans name.
    pub frames: usize,
    /// Frames that were dropped.
    pub dropped: u64,
    /// Events that found no room in memory or on disk.
    pub lost: u64,
    /// Spans that did not nest and were cut: a bug of their stage.
    pub cut: usize,
    /// From the first span's begin to the last one's end.
    pub seconds: f64,
}

/// A number of 64 bits for a frame, by which Perfetto follows it through all processes: FNV-1a
/// over the camera's id, a byte 255 (which UTF-8 has not), session and sequence in little endian.
#[must_use]
pub fn flow_id(frame: &Frame) -> u64 {
    let session = frame.session_unix_nanos.to_le_bytes();
    let sequence = frame.sequence.to_le_bytes();
    let camera = frame.camera.bytes().chain([255]);
    let bytes = camera.chain(session).chain(sequence);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes the trace of `files` to `out`, which is replaced in one step.
///
/// # Errors
/// The file cannot be written.
pub fn merge(files: &[SpanFile], out: &Path) -> Result<Merged, TraceError> {
    let refused = |action| {
        let path = out.to_owned();
        move |source| TraceError::Io {
            action,
            path,
            source,
        }
    };
    let new = NewFile::create(out, FILE_MODE).map_err(refused("create"))?;
    let written = write(files, Packets::new(BufWriter::new(new.file())));
    let merged = written.map_err(refused("write"))?;
    new.put_in_place().map_err(refused("write"))?;
    Ok(merged)
}

fn write(files: &[SpanFile], mut packets: Packets<impl Write>) -> io::Result<Merged> {
    let mut merged = Merged::default();
    let mut processes: BTreeMap<u32, Vec<&SpanFile>> = BTreeMap::new();
    for file in files {
        let stages = processes.entry(file.header.process_id).or_default();
        stages.push(file);
    }
    if let Some(latest) = files
        .iter()
        .map(|file| &file.header)
        .max_by_key(|header| header.unix_nanos)
    {
        packets.clocks(
            latest.monotonic_nanos,
            latest.boottime_nanos,
            latest.unix_nanos,
        )?;
    }
    for (pid, stages) in &processes {
        process(*pid, stages, &mut packets, &mut merged)?;
    }
    merged.processes = processes.len();
    let spans = || files.iter().flat_map(|file| &file.spans);
    let frames: HashSet<&Frame> = spans().flat_map(|span| &span.frames).collect();
    merged.frames = frames.len();
    merged.lost = files.iter().map(|file| file.lost).sum();
    let first = spans().map(|span| span.begin_nanos).min().unwrap_or(0);
    let last = spans().map(|span| span.end_nanos).max().unwrap_or(first);
    merged.seconds = (last - first) as f64 / 1e9;
    packets.finish()?;
    Ok(merged)
}

/// The kind of what is measured of a whole machine, by none of the stages.
pub const MACHINE: &str = "machine";

/// The uuids of tracks: the process in the upper half, below the thread, or the number of a counter
/// or of a device's track.
fn process_uuid(pid: u32) -> u64 {
    u64::from(pid) << 32
}

fn thread_uuid(pid: u32, thread: u32) -> u64 {
    process_uuid(pid) | u64::from(thread)
}

/// System ids of threads are below 2^22.
fn counter_uuid(pid: u32, index: usize) -> u64 {
    process_uuid(pid) | (1 << 31) | index as u64
}

fn device_uuid(pid: u32, index: usize) -> u64 {
    process_uuid(pid) | (1 << 30) | index as u64
}

/// A thread works for one stage, also in a `fused` node.
#[derive(Default)]
struct Thread<'a> {
    name: String,
    kind: Option<&'a str>,
    spans: Vec<&'a TracedSpan>,
}

/// The stages of one process: a node, or all that one `fused` node runs.
fn process(
    pid: u32,
    stages: &[&SpanFile],
    packets: &mut Packets<impl Write>,
    merged: &mut Merged,
) -> io::Result<()> {
    let names: Vec<&str> = stages.iter().map(|file| &*file.header.stage).collect();
    packets.process(process_uuid(pid), pid, names.join(" + "))?;
    let mut threads: BTreeMap<u32, Thread<'_>> = BTreeMap::new();
    for file in stages {
        for dropped in &file.drops {
            threads.entry(dropped.thread).or_default();
        }
        for span in file.spans.iter().filter(|it| it.thread != DEVICE_THREAD) {
            let thread = threads.entry(span.thread).or_default();
            thread.kind = Some(&file.header.kind);
            thread.spans.push(span);
        }
        for (thread, name) in &file.threads {
            if let Some(thread) = threads.get_mut(thread) {
                thread.name = name.to_string();
            }
        }
    }
    for (id, thread) in threads {
        let uuid = thread_uuid(pid, id);
        packets.thread(uuid, pid, id, thread.name.clone())?;
        merged.spans += thread.spans.len();
        merged.cut += slices(uuid, thread, packets)?;
    }
    devices(pid, stages, packets, merged)?;
    for file in stages {
        for dropped in &file.drops {
            merged.dropped += u64::from(dropped.count);
            instant(thread_uuid(pid, dropped.thread), file, dropped, packets)?;
        }
    }
    gauges(pid, stages, packets)
}

/// What each stage's device did. A device does several things at once, and slices of one track must
/// nest: so there are as many tracks of one name as needed, which Perfetto shows as one.
fn devices(
    pid: u32,
    stages: &[&SpanFile],
    packets: &mut Packets<impl Write>,
    merged: &mut Merged,
) -> io::Result<()> {
    let mut index = 0;
    for file in stages {
        let SpanFileHeader { stage, kind, .. } = &file.header;
        let spans = file.spans.iter().filter(|it| it.thread == DEVICE_THREAD);
        for spans in rows(spans.collect()) {
            let uuid = device_uuid(pid, index);
            index += 1;
            packets.device(uuid, process_uuid(pid), format!("{stage} GPU"))?;
            merged.spans += spans.len();
            let row = Thread {
                kind: Some(kind),
                spans,
                ..Thread::default()
            };
            merged.cut += slices(uuid, row, packets)?;
        }
    }
    Ok(())
}

/// Writes one thread's spans; gives how many had to be cut.
fn slices(track: u64, thread: Thread<'_>, packets: &mut Packets<impl Write>) -> io::Result<usize> {
    let found = edges(thread.spans);
    for edge in found.edges {
        let event = match edge {
            Edge::Begin(span) => TrackEvent {
                r#type: Some(event_type::SLICE_BEGIN),
                name: Some(span.name.to_string()),
                categories: thread.kind.iter().map(ToString::to_string).collect(),
                debug_annotations: annotations(span),
                flow_ids: match span.flow {
                    true => span.frames.iter().map(flow_id).collect(),
                    false => Vec::new(),
                },
                ..TrackEvent::default()
            },
            Edge::End(_) => TrackEvent {
                r#type: Some(event_type::SLICE_END),
                ..TrackEvent::default()
            },
        };
        let at = match edge {
            Edge::Begin(span) => span.begin_nanos,
            Edge::End(nanos) => nanos,
        };
        let track_uuid = Some(track);
        packets.event(
            at,
            TrackEvent {
                track_uuid,
                ..event
            },
        )?;
    }
    Ok(found.cut)
}

fn annotations(span: &TracedSpan) -> Vec<DebugAnnotation> {
    let mut notes = Vec::new();
    if let [frame] = &*span.frames {
        notes.push(text("camera", &frame.camera));
        notes.push(number("sequence", frame.sequence));
    } else {
        notes.push(number("frames", u64::from(span.count)));
    }
    if let Some(nanos) = span.cpu_nanos {
        notes.push(number("cpu_nanos", nanos.unsigned_abs()));
    }
    notes
}

fn instant(
    track: u64,
    file: &SpanFile,
    dropped: &Dropped,
    packets: &mut Packets<impl Write>,
) -> io::Result<()> {
    packets.event(
        dropped.at_nanos,
        TrackEvent {
            r#type: Some(event_type::INSTANT),
            track_uuid: Some(track),
            name: Some(format!("dropped: {}", dropped.reason)),
            categories: vec![file.header.kind.clone()],
            debug_annotations: vec![
                text("camera", &dropped.camera),
                text("reason", &dropped.reason),
                number("frames", u64::from(dropped.count)),
            ],
            ..TrackEvent::default()
        },
    )
}

/// A counter track per number.
fn gauges(pid: u32, stages: &[&SpanFile], packets: &mut Packets<impl Write>) -> io::Result<()> {
    let mut tracks: BTreeMap<(&str, &str, &str), Vec<&Gauge>> = BTreeMap::new();
    for file in stages {
        for gauge in &file.gauges {
            let SpanFileHeader { stage, kind, .. } = &file.header;
            let stage = if kind == MACHINE { "" } else { stage };
            let key = (stage, &*gauge.name, &*gauge.about);
            tracks.entry(key).or_default().push(gauge);
        }
    }
    for (index, ((stage, name, about), mut gauges)) in tracks.into_iter().enumerate() {
        let uuid = counter_uuid(pid, index);
        let title = [stage, name, about].join(" ");
        let unit = [&QUEUE_DEPTH, &SLOTS_IN_USE, &GPU_BUSY, &NVDEC_BUSY]
            .into_iter()
            .find(|known| known.name == name)
            .map_or("", |known| known.unit);
        packets.counter(uuid, process_uuid(pid), title.trim().to_owned(), unit)?;
        gauges.sort_by_key(|gauge| gauge.at_nanos);
        for gauge in gauges {
            packets.event(
                gauge.at_nanos,
                TrackEvent {
                    r#type: Some(event_type::COUNTER),
                    track_uuid: Some(uuid),
                    counter_value: Some(gauge.value),
                    ..TrackEvent::default()
                },
            )?;
        }
    }
    Ok(())
}
