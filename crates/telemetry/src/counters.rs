use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::unix_nanos;
use crate::{Histogram, Percentiles, SpanSummary, Spans};

/// What one stage counted for one camera. `received = sent + dropped + in flight`,
/// where a stage gives one row for each that it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraCounters {
    /// Rows that came in (for a source: units that the camera sent).
    pub received: u64,
    /// Rows that were sent on.
    pub sent: u64,
    /// Rows that were dropped, by reason.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Errors, by kind.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// What a source says of its camera: `streaming`, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A stage's counters at one moment, as they stand in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageReport {
    /// The node's id in the graph.
    pub stage: String,
    /// The kind of stage, such as `sw-decode`.
    pub kind: String,
    /// The process that wrote the report.
    pub process_id: u32,
    /// When it was written.
    pub updated_unix_nanos: i64,
    /// How often the node was started in this run.
    pub starts: u64,
    /// Whether the stage closed by itself.
    pub closed: bool,
    /// Facts worth a line, such as the inference engine in use.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Errors that belong to no camera, by kind.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Results that could not be written, by output; `counters` are reports like this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_written: BTreeMap<String, u64>,
    /// The last fatal error, if the stage ended with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fatal: Option<String>,
    /// Time from a row's arrival to its departure, of this start, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_ms: Option<Percentiles>,
    /// By span name, of this start; empty where spans are off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spans: BTreeMap<String, SpanSummary>,
    /// The same of what the stage's device did; empty where there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpu_spans: BTreeMap<String, SpanSummary>,
    /// Events of spans, of this start, that found no room in memory or on disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spans_lost: u64,
    /// By camera id.
    pub cameras: BTreeMap<String, CameraCounters>,
}

#[derive(Debug)]
struct State {
    report: StageReport,
    times: Histogram,
    changed: bool,
}

/// A stage's counters; clones share them.
#[derive(Debug, Clone)]
pub struct Counters {
    state: Arc<Mutex<State>>,
    spans: Spans,
}

impl Counters {
    /// Begins to count for the node `stage`. `earlier` is the report of the
    /// process that ran the same node before, whose counts go on.
    #[must_use]
    pub fn new(stage: &str, kind: &str, earlier: Option<StageReport>) -> Self {
        let mut report = earlier.unwrap_or_else(|| StageReport {
            stage: stage.to_owned(),
            kind: kind.to_owned(),
            process_id: 0,
            updated_unix_nanos: 0,
            starts: 0,
            closed: false,
            facts: BTreeMap::new(),
            errors: BTreeMap::new(),
            not_written: BTreeMap::new(),
            fatal: None,
            stage_ms: None,
            spans: BTreeMap::new(),
            gpu_spans: BTreeMap::new(),
            spans_lost: 0,
            cameras: BTreeMap::new(),
        });
        report.process_id = std::process::id();
        report.starts += 1;
        report.closed = false;
        report.fatal = None;
        let state = State {
            report,
            times: Histogram::default(),
            changed: true,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            spans: Spans::default(),
        }
    }

    /// The same counters with the stage's spans: what they come to stands in the report, and
    /// drops show in the trace.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Self {
        Self { spans, ..self }
    }

    /// The stage's spans.
    #[must_use]
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere does not make a count wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn camera(&self, camera: &str, change: impl FnOnce(&mut CameraCounters)) {
        let mut state = self.state();
        state.changed = true;
        if let Some(counters) = state.report.cameras.get_mut(camera) {
            change(counters);
        } else {
            change(state.report.cameras.entry(camera.to_owned()).or_default());
        }
    }

    /// Makes the camera known, so that it shows before its first frame.
    pub fn register(&self, camera: &str) {
        self.camera(camera, |_| {});
    }

    /// Counts a row that came in.
    pub fn received(&self, camera: &str) {
        self.camera(camera, |counters| counters.received += 1);
    }

    /// Counts a row that was sent on, and the time it spent in the stage.
    pub fn sent(&self, camera: &str, nanos: i64) {
        self.camera(camera, |counters| counters.sent += 1);
        self.state().times.record(nanos);
    }

    /// Counts `count` rows dropped for `reason`.
    pub fn dropped(&self, camera: &str, reason: &str, count: u64) {
        if count > 0 {
            self.camera(camera, |counters| add(&mut counters.dropped, reason, count));
            self.spans.dropped(camera, reason, count);
        }
    }

    /// Counts an error of `kind` of one camera.
    pub fn error(&self, camera: &str, kind: &str) {
        self.camera(camera, |counters| add(&mut counters.errors, kind, 1));
    }

    /// Counts an error of `kind` that belongs to no camera.
    pub fn stage_error(&self, kind: &str) {
        let mut state = self.state();
        state.changed = true;
        add(&mut state.report.errors, kind, 1);
    }

    /// Counts `count` results of an output that could not be written.
    pub fn not_written(&self, output: &str, count: u64) {
        if count > 0 {
            let mut state = self.state();
            state.changed = true;
            add(&mut state.report.not_written, output, count);
        }
    }

    /// Says what state a camera is in; returns whether that is news.
    pub fn camera_state(&self, camera: &str, text: &str) -> bool {
        let mut news = false;
        self.camera(camera, |counters| {
            news = counters.state.as_deref() != Some(text);
            counters.state = Some(text.to_owned());
        });
        news
    }

    /// Notes a fact about the stage.
    pub fn fact(&self, name: &str, value: &str) {
        let mut state = self.state();
        state.changed = true;
        state.report.facts.insert(name.to_owned(), value.to_owned());
    }

    /// Notes that the stage ends, and why if it failed.
    pub fn closing(&self, fatal: Option<&str>) {
        let mut state = self.state();
        state.changed = true;
        state.report.closed = true;
        state.report.fatal = fatal.map(str::to_owned);
    }

    /// The counters as they are now.
    #[must_use]
    pub fn report(&self) -> StageReport {
        let state = self.state();
        let mut report = state.report.clone();
        report.updated_unix_nanos = unix_nanos();
        report.stage_ms = state.times.percentiles();
        drop(state);
        report.spans = self.spans.summaries();
        report.gpu_spans = self.spans.device_summaries();
        report.spans_lost = self.spans.lost();
        report
    }

    /// As [`Counters::report`], or `None` where nothing changed since the last call.
    #[must_use]
    pub fn changed_report(&self) -> Option<StageReport> {
        if !std::mem::take(&mut self.state().changed) {
            return None;
        }
        Some(self.report())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn add(counts: &mut BTreeMap<String, u64>, key: &str, count: u64) {
    match counts.get_mut(key) {
        Some(value) => *value += count,
        None => {
            counts.insert(key.to_owned(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_after_a_restart() {
        let first = Counters::new("decode", "sw-decode", None);
        first.received("cam1");
        first.received("cam1");
        first.sent("cam1", 2_000_000);
        first.dropped("cam1", "expired", 3);
        first.dropped("cam1", "never", 0);
        let second = Counters::new("decode", "sw-decode", Some(first.report()));
        second.received("cam1");
        second.dropped("cam1", "expired", 1);
        let report = second.report();
        assert_eq!(report.starts, 2);
        let camera = &report.cameras["cam1"];
        assert_eq!((camera.received, camera.sent), (3, 1));
        assert_eq!(camera.dropped, BTreeMap::from([("expired".to_owned(), 4)]));
    }

    #[test]
    fn a_state_is_news_once() {
        let counters = Counters::new("source", "rtsp-source", None);
        assert!(counters.camera_state("cam1", "streaming"));
        assert!(!counters.camera_state("cam1", "streaming"));
        assert!(counters.camera_state("cam1", "offline: refused"));
        assert!(counters.changed_report().is_some());
        assert!(counters.changed_report().is_none());
    }
}
