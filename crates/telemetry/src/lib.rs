//! Counters, spans, stage times and structured logs of camweave's stages.
//!
//! Every stage keeps [`Counters`]: per camera what came in, what went out and
//! what was dropped under which reason. They are written as JSON to the run's
//! folder a few times a second, so that a sink, the demo or a user sees every
//! drop of every stage, also of one that was killed a moment ago.
//!
//! [`Spans`] say where a stage's time goes; they are off unless the environment asks for them.

pub mod clock;
mod counters;
mod files;
mod histogram;
pub mod log;
mod spans;

pub use counters::{CameraCounters, Counters, StageReport};
pub use files::{StatsError, StatsFile, read_reports};
pub use histogram::{Histogram, Percentiles};
pub use spans::file as span_file;
pub use spans::name as span_names;
pub use spans::{
    DeviceRange, FrameKey, Members, Span, SpanMode, SpanSettings, SpanSummary, Spans,
    VARIABLES as SPAN_VARIABLES,
};
