//! What the spans of one name come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{DEVICE, Event, Kind};
use crate::{Histogram, Percentiles};

/// The spans of one name in one stage, or on its device, of this start of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanSummary {
    /// How many spans ended.
    pub calls: u64,
    /// The frames in them: a span over a batch of N counts N.
    pub frames: u64,
    /// The sum of their durations, in milliseconds; threads side by side add up.
    pub busy_ms: f64,
    /// CPU time of the threads inside the spans, in milliseconds. It is scaled up from a random
    /// eighth of the spans; absent for names whose spans are too short to look, and on a device.
    pub cpu_ms: Option<f64>,
    /// Milliseconds per frame: a span over a batch of N counts N times with an Nth of its duration.
    pub ms_per_frame: Percentiles,
}

#[derive(Debug)]
struct Sum {
    calls: u64,
    frames: u64,
    busy_nanos: i64,
    /// Of the spans whose CPU time was looked at.
    sampled_nanos: i64,
    sampled_cpu_nanos: i64,
    per_frame: Histogram,
}

/// The sums of all names.
type Sums = BTreeMap<&'static str, Sum>;

/// What has ended so far.
#[derive(Debug, Default)]
pub(super) struct Stats {
    threads: Sums,
    device: Sums,
}

impl Stats {
    pub fn add(&mut self, event: &Event) {
        let Kind::Span = event.kind else { return };
        let sums = match event.thread {
            DEVICE => &mut self.device,
            _ => &mut self.threads,
        };
        let sum = sums.entry(event.name).or_insert_with(|| Sum {
            calls: 0,
            frames: 0,
            busy_nanos: 0,
            sampled_nanos: 0,
            sampled_cpu_nanos: 0,
            per_frame: Histogram::fine(),
        });
        let nanos = (event.end_nanos - event.begin_nanos).max(0);
        let frames = u64::from(event.count);
        sum.calls += 1;
        sum.frames += frames;
        sum.busy_nanos += nanos;
        if let Some(cpu_nanos) = event.cpu_nanos() {
            sum.sampled_nanos += nanos;
            sum.sampled_cpu_nanos += cpu_nanos;
        }
        if frames > 0 {
            let each = nanos / i64::from(event.count);
            sum.per_frame.record_many(each, frames);
        }
    }

    /// Of the stage's threads.
    pub fn summaries(&self) -> BTreeMap<String, SpanSummary> {
        summaries(&self.threads)
    }

    /// Of its device.
    pub fn device_summaries(&self) -> BTreeMap<String, SpanSummary> {
        summaries(&self.device)
    }
}

fn summaries(sums: &Sums) -> BTreeMap<String, SpanSummary> {
    let summary = |sum: &Sum| {
        let busy_ms = sum.busy_nanos as f64 / 1e6;
        let share = sum.sampled_cpu_nanos as f64 / sum.sampled_nanos as f64;
        SpanSummary {
            calls: sum.calls,
            frames: sum.frames,
            busy_ms,
            cpu_ms: (sum.sampled_nanos > 0).then_some(busy_ms * share),
            ms_per_frame: sum.per_frame.percentiles().unwrap_or_default(),
        }
    };
    let named = sums.iter();
    named
        .map(|(name, sum)| ((*name).to_owned(), summary(sum)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(count: u32, millis: i64, cpu_millis: Option<i64>) -> Event {
        Event {
            kind: Kind::Span,
            name: "infer",
            thread: 7,
            begin_nanos: 5,
            end_nanos: 5 + millis * 1_000_000,
            value: cpu_millis.map_or(-1, |millis| millis * 1_000_000),
            count,
            ..Event::default()
        }
    }

    #[test]
    fn a_batch_counts_for_each_of_its_frames() {
        let mut stats = Stats::default();
        stats.add(&span(4, 80, Some(60)));
        stats.add(&span(1, 10, None));
        let found = stats.summaries()["infer"];
        assert_eq!((found.calls, found.frames), (2, 5));
        assert!((found.busy_ms - 90.0).abs() < 1e-9, "{found:?}");
        // Three quarters of the wall time of what was sampled.
        let cpu_ms = found.cpu_ms.expect("one span was sampled");
        assert!((cpu_ms - 67.5).abs() < 1e-9, "{found:?}");
        // 20, 20, 20, 20 and 10.
        assert!((found.ms_per_frame.p50 - 20.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn other_events_are_no_spans() {
        let mut stats = Stats::default();
        stats.add(&Event {
            kind: Kind::Gauge,
            ..span(1, 1, None)
        });
        assert!(stats.summaries().is_empty());
    }
}
