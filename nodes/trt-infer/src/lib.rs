//! Runs a detector over frames with TensorRT.
//!
//! A list of N frames is one inference of batch N: one kernel letterboxes all of them straight into
//! the engine's input, a CUDA graph per batch size runs the network, and each frame's output goes
//! into a slot of this stage's own pool of device memory. Several batches are under way at once,
//! each on a stream of its own (and an execution context, where the plan allows more than one), and
//! the CPU waits for none of them.

mod error;
mod facts;
mod first_runs;
mod frames;
mod lane;
mod model;
mod stage;
mod staging;

pub use stage::TrtInfer;
