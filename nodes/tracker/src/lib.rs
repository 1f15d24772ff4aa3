//! Follows objects from frame to frame, one tracker per camera.

mod buffered;
mod by_frame;
mod camera;
mod drops;
mod follow;
mod motion;
mod settings;
mod stage;
mod votes;

pub use follow::Follow;
pub use settings::{TrackerKind, TrackerSettings};
pub use stage::Tracker;
