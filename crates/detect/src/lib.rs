//! What the stages of a detector share, whatever computes.
//!
//! - [`infer`]: frames to heads. A stage brings the network.
//! - [`postprocess`]: heads to detections. A stage brings decoding and suppression.
//!
//! Both are here because they are two ends of one thing, the head: where it is, and how a row that
//! cannot be worked on is counted and logged.

pub mod infer;
pub mod postprocess;
mod refusals;
mod tensor;

pub use tensor::{TensorError, floats, place, values};
