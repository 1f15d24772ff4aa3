//! Counters, spans, stage times and structured logs of camweave's stages.
//!
//! Every stage keeps [`Counters`]: per camera what came in, what went out and
//! what was dropped under which reason. They are written as JSON to the run's
//! folder a few times a second, and the counts of frames are kept in a mapped file
//! to the last one, so that a sink, the demo or a user sees every frame of every
//! stage, also of one that was killed a moment ago.
//!
//! [`Spans`] say where a stage's time goes; they are off unless the environment asks for them.

pub mod clock;
mod counters;
mod fact;
mod files;
mod histogram;
mod ledger;
pub mod log;
mod process;
mod report;
mod spans;
mod stats_error;

pub use counters::{Counters, MAX_CAMERAS, OTHERS};
pub use fact::Fact;
pub use files::{StatsFile, read_reports, read_reports_of, receivers_of, report_of};
pub use histogram::{Histogram, Percentiles};
pub use process::is_alive;
pub use report::{CameraCounters, StageIdentity, StageReport};
pub use spans::{
    DeviceRange, FrameKey, Members, Span, SpanMode, SpanSettings, SpanSummary, Spans,
    VARIABLES as SPAN_VARIABLES, file as span_file, name as span_names,
};
pub use stats_error::StatsError;
