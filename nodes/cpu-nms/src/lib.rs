//! Turns detector outputs into detections on the CPU: decoding, non-maximum suppression, and the
//! way back from the network's input to the frame.

mod decode;
mod stage;

pub use stage::CpuNms;
