//! Finds or builds the engine that the settings of a `trt-infer` stage ask for, also before the
//! stage runs: the settings, what `MODEL` names, and the engine.

mod check;
mod error;
mod prepare;
mod settings;
mod source;

pub use error::{of_cuda, of_tensorrt};
pub use prepare::{Build, engine, gpu, prepare};
pub use settings::TrtInferSettings;
pub use source::{Source, larger_than_profile};

/// The stage's name in graphs.
pub const KIND: &str = "trt-infer";
