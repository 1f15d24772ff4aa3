//! Follows objects from frame to frame, one tracker per camera.

mod byte_track;
mod drops;
mod settings;
mod stage;

pub use settings::TrackerSettings;
pub use stage::Tracker;
