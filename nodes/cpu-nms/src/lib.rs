//! Turns detector outputs into detections on the CPU: decoding, non-maximum suppression, and the
//! way back from the network's input to the picture.

mod classes;
mod decode;
mod drops;
mod settings;
mod stage;
mod tensor;

// What a stage on another device has in common with this one.
pub use classes::Classes;
pub use settings::NmsSettings;
pub use tensor::{TensorError, layout, place};

pub use stage::CpuNms;
