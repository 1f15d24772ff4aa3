//! Turns detector outputs into detections on the CPU: decoding, non-maximum suppression, and the
//! way back from the network's input to the picture.

mod classes;
mod decode;
mod settings;
mod stage;
mod tensor;

pub use settings::Settings;
pub use stage::CpuNms;
