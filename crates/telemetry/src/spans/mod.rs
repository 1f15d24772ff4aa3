//! Spans: where a stage's time goes, seen by its report, by one trace of all processes and by
//! NVIDIA's profilers under the same names.
//!
//! A stage has one [`Spans`]; clones share it, also between threads. [`Spans::begin`] and its like
//! give a guard, which ends the span when it is dropped. Nothing is formatted on the way, and
//! nothing is written: an event of fixed size goes into a bounded queue, which a thread of its own
//! empties ten times a second. A queue that is full, or a disk, costs events, which are counted as
//! lost, and never time.
//!
//! With everything off, a span costs a look at one pointer.
//!
//! ```
//! use camweave_telemetry::{FrameKey, SpanMode, SpanSettings, Spans, span_names};
//!
//! let settings = SpanSettings { mode: SpanMode::Stats, ..SpanSettings::default() };
//! let spans = Spans::open("decode", "sw-decode", &settings, std::path::Path::new("unused"));
//! let frame = FrameKey { camera: "cam1", session_unix_nanos: 1, sequence: 7 };
//! drop(spans.frame(&span_names::DECODE, frame));
//! spans.finish();
//! assert_eq!(spans.summaries()["decode"].calls, 1);
//! ```

mod device;
mod event;
pub mod file;
mod frame_key;
mod guard;
mod labels;
pub mod name;
mod nvtx;
mod recorder;
mod settings;
mod stats;

pub use device::{DeviceRange, Members};
pub use frame_key::FrameKey;
pub use guard::Span;
pub use settings::{SpanMode, SpanSettings, VARIABLES};
pub use stats::SpanSummary;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use event::{Event, Kind};
use name::{GaugeName, SpanName};
use recorder::{Recorder, When, thread_id};

use crate::clock;

/// A stage's spans; `Spans::default()` is off.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<Arc<Recorder>>);

impl Spans {
    /// Spans of the node `stage`. Files go to the settings' folder, or to `trace_dir`.
    ///
    /// A folder that cannot be written costs the file and is said in the log: the run continues.
    #[must_use]
    pub fn open(stage: &str, kind: &str, settings: &SpanSettings, trace_dir: &Path) -> Self {
        if settings.mode == SpanMode::Off && !settings.nvtx {
            return Self::default();
        }
        let folder = settings.trace_dir.as_deref().unwrap_or(trace_dir);
        Self(Some(Recorder::start(stage, kind, settings, folder)))
    }

    /// Whether spans are timed; not so where only a profiler sees them.
    #[must_use]
    pub fn are_timed(&self) -> bool {
        self.0.as_ref().is_some_and(|recorder| recorder.records())
    }

    /// Whether every span is written down: only then are gauges worth their price.
    #[must_use]
    pub fn are_traced(&self) -> bool {
        self.0.as_ref().is_some_and(|recorder| recorder.traces())
    }

    /// A span of one frame, whose name is not at hand.
    #[inline]
    pub fn begin(&self, name: &'static SpanName) -> Span {
        self.batch(name, 1)
    }

    /// A span over `frames` frames; [`Span::member`] says which.
    #[inline]
    pub fn batch(&self, name: &'static SpanName, frames: usize) -> Span {
        match &self.0 {
            None => Span::off(),
            Some(recorder) => Span::start(recorder, name, None, frames),
        }
    }

    /// A span of one frame.
    #[inline]
    pub fn frame(&self, name: &'static SpanName, frame: FrameKey<'_>) -> Span {
        match &self.0 {
            None => Span::off(),
            Some(recorder) => Span::start(recorder, name, Some(frame), 1),
        }
    }

    /// Notes that frames were dropped.
    pub fn dropped(&self, camera: &str, reason: &str, count: u64) {
        if let Some(recorder) = self.0.as_ref().filter(|recorder| recorder.traces()) {
            recorder.push(Event {
                kind: Kind::Drop,
                name: "drop",
                thread: thread_id(),
                begin_nanos: clock::monotonic_nanos(),
                label: recorder.labels.number(camera),
                reason: recorder.labels.number(reason),
                count: u32::try_from(count).unwrap_or(u32::MAX),
                ..Event::default()
            });
        }
    }

    /// Notes a number; `about` tells several of one name apart, and may be empty.
    pub fn gauge(&self, name: &'static GaugeName, about: &str, value: u64) {
        if let Some(recorder) = self.0.as_ref().filter(|recorder| recorder.traces()) {
            recorder.push(Event {
                kind: Kind::Gauge,
                name: name.name,
                thread: thread_id(),
                begin_nanos: clock::monotonic_nanos(),
                value: i64::try_from(value).unwrap_or(i64::MAX),
                label: recorder.labels.number(about),
                ..Event::default()
            });
        }
    }

    /// What the spans come to so far, by name; those of the last tenth of a second may be missing.
    #[must_use]
    pub fn summaries(&self) -> BTreeMap<String, SpanSummary> {
        let recorder = self.0.as_ref();
        recorder.map_or_else(BTreeMap::new, |recorder| recorder.summaries())
    }

    /// The same of the stage's device; see [`Spans::device`].
    #[must_use]
    pub fn device_summaries(&self) -> BTreeMap<String, SpanSummary> {
        let recorder = self.0.as_ref();
        recorder.map_or_else(BTreeMap::new, |recorder| recorder.device_summaries())
    }

    /// Events that found no room, in memory or on disk, and ranges that [`Spans::not_measured`].
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.as_ref().map_or(0, |recorder| recorder.lost())
    }

    /// Brings all spans that have ended into the summaries and the file.
    pub fn finish(&self) {
        if let Some(recorder) = &self.0 {
            recorder.drain(When::Now);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
