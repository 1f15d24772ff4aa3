//! Groups frames of many cameras into one list, without touching a pixel.

mod batcher;
mod drops;
mod rate;
mod settings;
mod stage;

pub use batcher::{Batcher, Limits};
pub use settings::BatcherSettings;
pub use stage::BatcherStage;
