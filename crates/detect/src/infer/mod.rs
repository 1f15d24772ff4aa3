//! Frames to heads: what the stages that run a network share.

mod drops;
pub mod facts;
mod first_runs;
mod heads;
mod model;
mod settings;
mod view;

pub use drops::drops;
pub use first_runs::{FirstRuns, TrialNetwork, TrialOutput};
pub use heads::{Heads, Unpublished, malformed};
pub use model::{ModelInfo, RENDERED_STREETS, model_error};
pub use settings::{QueueSettings, check_head_slots};
pub use view::View;
