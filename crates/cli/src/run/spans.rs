//! What the spans of a run came to between two moments.

use std::collections::BTreeMap;

use camweave_compare::run::{Quantiles, Span};
use camweave_runner::Snapshot;
use camweave_telemetry::SpanSummary;

/// Spans by their names.
type Named = BTreeMap<String, Span>;
type Summaries = BTreeMap<String, SpanSummary>;

/// What each span of each node took between two moments.
pub fn spans_between(begin: &Snapshot, end: &Snapshot) -> BTreeMap<String, Named> {
    let mut nodes = BTreeMap::new();
    for now in &end.reports {
        let then = begin
            .reports
            .iter()
            .find(|it| it.stage == now.stage && it.process_id == now.process_id);
        let mut spans = between(then.map(|it| &it.spans), &now.spans);
        for (name, gpu) in between(then.map(|it| &it.gpu_spans), &now.gpu_spans) {
            let span = spans.entry(name).or_insert_with(|| Span {
                calls: gpu.calls,
                frames: gpu.frames,
                ..Span::default()
            });
            span.gpu_ms = Some(gpu.ms_per_frame);
        }
        if !spans.is_empty() {
            nodes.insert(now.stage.clone(), spans);
        }
    }
    nodes
}

fn between(then: Option<&Summaries>, now: &Summaries) -> Named {
    let none = SpanSummary::default();
    let span = |(name, now): (&String, &SpanSummary)| {
        let then = then.and_then(|then| then.get(name)).unwrap_or(&none);
        let frames = now.frames.saturating_sub(then.frames);
        let each = |total: f64| total / frames as f64;
        let busy_ms = each(now.busy_ms - then.busy_ms);
        let span = Span {
            calls: now.calls.saturating_sub(then.calls),
            frames,
            busy_ms,
            cpu_ms: now.cpu_ms.map(|cpu| each(cpu - then.cpu_ms.unwrap_or(0.0))),
            ms_per_frame: Quantiles {
                mean: busy_ms,
                p50: now.ms_per_frame.p50,
                p95: now.ms_per_frame.p95,
                p99: now.ms_per_frame.p99,
            },
            gpu_ms: None,
        };
        (frames > 0).then(|| (name.clone(), span))
    };
    now.iter().filter_map(span).collect()
}

#[cfg(test)]
mod tests {
    use camweave_telemetry::span_names::{COPY, INFER, SpanName};
    use camweave_telemetry::{Counters, DeviceRange, FrameKey, SpanMode, SpanSettings, Spans};

    use super::*;

    fn key(sequence: u64) -> FrameKey<'static> {
        FrameKey {
            camera: "cam1",
            session_unix_nanos: 1,
            sequence,
        }
    }

    fn work(spans: &Spans, name: &'static SpanName, frames: u64, duration_nanos: i64) {
        let range = DeviceRange {
            begin_nanos: 1,
            duration_nanos,
        };
        spans.device(name, range, &spans.members((0..frames).map(key)));
    }

    fn at(counters: &Counters) -> Snapshot {
        counters.spans().finish();
        Snapshot {
            reports: vec![counters.report()],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_gpus_time_stands_at_the_span_of_its_name_and_is_of_the_time_between() {
        let settings = SpanSettings {
            mode: SpanMode::Stats,
            ..SpanSettings::default()
        };
        let spans = Spans::open("infer", "k", &settings, std::path::Path::new("unused"));
        let counters = Counters::new("infer", "k", None).with_spans(spans.clone());
        drop(spans.batch(&INFER, 4));
        work(&spans, &INFER, 4, 80_000_000);
        let begin = at(&counters);
        // Of the frames of which the device was measured, not of all.
        drop(spans.batch(&INFER, 8));
        work(&spans, &INFER, 2, 6_000_000);
        work(&spans, &COPY, 1, 500_000);
        let found = spans_between(&begin, &at(&counters));
        let (infer, copy) = (found["infer"]["infer"], found["infer"]["copy"]);
        assert_eq!((infer.calls, infer.frames), (1, 8));
        let gpu = infer.gpu_ms.expect("it was told");
        assert!((gpu.mean - 3.0).abs() < 1e-9, "{gpu:?}");
        assert_eq!((copy.calls, copy.frames, copy.busy_ms), (1, 1, 0.0));
        let gpu = copy.gpu_ms.expect("it was told");
        assert!((gpu.mean - 0.5).abs() < 1e-9, "{gpu:?}");
        // Nothing since.
        let again = at(&counters);
        assert!(spans_between(&again, &again).is_empty());
    }
}
