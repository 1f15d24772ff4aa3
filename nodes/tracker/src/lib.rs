//! Follows objects from frame to frame, one tracker per camera.

mod buffered;
mod by_frame;
mod camera;
mod candidates;
mod drops;
mod follow;
mod hypotheses;
mod motion;
mod settings;
mod stage;
mod track;
mod votes;

pub use follow::{Follow, Followed};
pub use settings::{BoxClass, TrackerKind, TrackerSettings};
pub use stage::Tracker;
