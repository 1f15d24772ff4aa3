//! Turns detector outputs into detections on a GPU: decoding and non-maximum suppression of a whole
//! list at once, and one small copy to the host.
//!
//! The detections are those of `cpu-nms`, in the same order; the kernels are tested on the
//! CPU as well (`crates/cuda`).

mod batch;
mod heads;
mod mask;
mod settings;
mod shapes;
mod stage;

pub use stage::GpuNms;
