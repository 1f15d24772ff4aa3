//! Records cameras without re-encoding.
//!
//! What is recorded, and how, is in `camweave_recording`; here are the stage, its settings, and what it
//! says. `README.md` is the node's documentation.

mod drops;
mod facts;
mod settings;
mod stage;

pub use settings::{RecordMode, RecorderSettings};
pub use stage::Recorder;
