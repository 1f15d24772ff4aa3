//! Results on screen and on disk: JSON Lines, annotated snapshots, a live table, a summary.

mod account;
mod annotate;
mod detections;
mod drops;
mod lines;
mod pace;
mod settings;
mod snapshot;
mod stage;
mod summary;
mod table;
mod trouble;
mod wall_clock;

pub use account::Moment;
pub use annotate::annotate;
pub use lines::DetectionLine;
pub use settings::{SinkSettings, Switch};
pub use stage::Sink;
pub use summary::{CameraSummary, Collector, Millis, StageSummary, Summary, accounted};
pub use table::{Room, render};
