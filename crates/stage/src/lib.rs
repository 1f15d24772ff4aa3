//! The runtime around every camweave stage.
//!
//! A stage is a library type that implements [`Stage`]: configuration in, rows
//! in, rows out. [`main`] makes a dora node of it, and gives it what all stages
//! share: settings from the graph's `env` with every wrong name or value
//! reported, a queue whose drops are counted, counters, readiness, a clean stop and
//! documented exit codes.
//!
//! ```no_run
//! use camweave_message::{Detections, Never};
//! use camweave_stage::{Context, NoSettings, Output, Stage, StageError};
//!
//! struct CountBoxes(usize);
//!
//! impl Stage for CountBoxes {
//!     const KIND: &'static str = "count-boxes";
//!     const ABOUT: &'static str = "Counts boxes.";
//!     type Settings = NoSettings;
//!     type In = Detections;
//!     type Out = Never;
//!
//!     fn open(_: NoSettings, _: &Context) -> Result<Self, StageError> {
//!         Ok(Self(0))
//!     }
//!
//!     fn rows(&mut self, rows: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
//!         self.0 += rows.iter().map(|row| row.boxes.len()).sum::<usize>();
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     camweave_stage::main::<CountBoxes>()
//! }
//! ```

mod behind;
mod boundary;
mod common_env;
mod context;
mod declared;
mod describe;
mod drive;
mod drop_reason;
mod exit;
pub mod fused;
mod graph;
mod hub;
mod inbox;
mod output;
mod ports;
mod queue_policy;
mod receivers;
mod refusal;
mod runtime;
mod settings;
mod stage;
mod start;
mod trouble;
mod watched_file;

pub use behind::Behind;
pub use camweave_telemetry::Fact;
pub use common_env::{SIMULATED_VARIABLE, is_simulated};
pub use context::{Context, Waker, frame_key};
pub use declared::{Declared, is_foreign, similar};
pub use describe::{CheckDepth, Described, Description};
pub use drive::STOPPED;
pub use drop_reason::DropReason;
pub use exit::{Exit, StageError};
pub use output::Output;
pub use queue_policy::QueuePolicy;
pub use refusal::Refusal;
pub use runtime::main;
pub use settings::{NoSettings, Required, Setting, SettingKind, Settings, described};
pub use stage::Stage;
pub use trouble::Trouble;
pub use watched_file::WatchedFile;
pub use {camweave_message as message, camweave_pool as pool, camweave_telemetry as telemetry};
