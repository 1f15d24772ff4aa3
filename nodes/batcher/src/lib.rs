//! Groups frames of many cameras into one list, without touching a pixel.

mod batcher;
mod rate;
mod stage;

pub use batcher::{Batcher, Limits};
pub use stage::BatcherStage;
