//! Follows objects from frame to frame, one tracker per camera.

mod byte_track;
mod drops;
mod settings;
mod stage;
mod tracker;

pub use byte_track::ByteTracker;
pub use settings::TrackerSettings;
pub use stage::TrackerStage;
pub use tracker::{Tracker, TrackerConfig};
