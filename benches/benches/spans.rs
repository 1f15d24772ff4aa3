//! What a span costs: one call of each is one span, begun and ended. The limits are 150 ns with
//! spans off and 500 ns with them on.

use camweave_telemetry::{FrameKey, SpanMode, SpanSettings, Spans, span_names};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Spans of a mode, and the folder of their file.
fn spans(mode: SpanMode) -> (Spans, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SpanSettings {
        mode,
        // What the queue takes between two turns of the writer; a full one would be cheaper.
        events: 1 << 20,
        ..SpanSettings::default()
    };
    let spans = Spans::open("bench", "bench", &settings, folder.path());
    (spans, folder)
}

fn key(sequence: u64) -> FrameKey<'static> {
    FrameKey {
        camera: "cam1",
        session_unix_nanos: 1,
        sequence,
    }
}

const MODES: [&str; 3] = ["off", "stats", "trace"];

fn mode(name: &str) -> SpanMode {
    match name {
        "off" => SpanMode::Off,
        "stats" => SpanMode::Stats,
        _ => SpanMode::Trace,
    }
}

/// A hand-over: no look at the CPU clock.
#[divan::bench(args = MODES)]
fn hop(bencher: Bencher<'_, '_>, name: &str) {
    let (spans, _folder) = spans(mode(name));
    bencher.bench_local(|| drop(spans.frame(&span_names::SEND, key(black_box(7)))));
}

/// A step of the pipeline: the CPU clock is looked at in one of eight.
#[divan::bench(args = MODES)]
fn work(bencher: Bencher<'_, '_>, name: &str) {
    let (spans, _folder) = spans(mode(name));
    bencher.bench_local(|| drop(spans.frame(&span_names::INFER, key(black_box(7)))));
}

/// A list of eight frames, each of them named.
#[divan::bench(args = MODES)]
fn batch_of_eight(bencher: Bencher<'_, '_>, name: &str) {
    let (spans, _folder) = spans(mode(name));
    bencher.bench_local(|| {
        let span = spans.batch(&span_names::INFER, 8);
        (0..8).for_each(|sequence| span.member(key(black_box(sequence))));
    });
}

/// A counter's number, such as the depth of a queue.
#[divan::bench(args = MODES)]
fn gauge(bencher: Bencher<'_, '_>, name: &str) {
    let (spans, _folder) = spans(mode(name));
    bencher.bench_local(|| spans.gauge(&span_names::QUEUE_DEPTH, "", black_box(3)));
}

/// What a span cannot cost less than: two looks at the monotonic clock.
#[divan::bench]
fn two_clock_readings() -> i64 {
    let begin = camweave_telemetry::clock::monotonic_nanos();
    camweave_telemetry::clock::monotonic_nanos() - begin
}
