//! Runs an ONNX detector over frames on the CPU.
//!
//! A list of N frames is one inference of batch N: frames are letterboxed straight from the
//! decoder's pool into the network's input, and each frame's output goes into a slot of this
//! stage's own pool. [`CpuInfer`] is the stage, [`Detector`] the network without it.

mod batch;
mod detector;
mod engine;
mod settings;
mod stage;

pub use camweave_model::{ElementType, Metadata, ModelFile, ModelInput, onnx};
pub use detector::{Batching, Detector, DetectorOptions};
pub use engine::{Engine, EngineChoice, EngineError, EngineKind, OpenEngine};
pub use settings::Settings;
pub use stage::CpuInfer;
