//! Groups frames of many cameras into one list, without touching a pixel.

mod batch_queue;
mod drops;
mod rate;
mod settings;
mod stage;

pub use batch_queue::{BatchQueue, Limits};
pub use settings::BatcherSettings;
pub use stage::Batcher;
