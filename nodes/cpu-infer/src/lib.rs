//! Runs an ONNX detector over frames on the CPU.
//!
//! The frames of a list are inferences side by side, one thread each, or the list is one inference
//! on all threads: frames are letterboxed straight from the decoder's pool into the network's input, and each
//! frame's output goes into a slot of this stage's own pool. [`CpuInfer`] is the stage, [`Network`]
//! the network without it, [`Detector`] a network with memory for its input.

mod answer;
mod batch;
mod detector;
mod engine;
mod facts;
mod lanes;
mod network;
mod options;
mod settings;
mod share;
mod stage;
mod trial;

pub use answer::answer;
pub use camweave_model::{ElementType, Metadata, ModelFile, ModelInput, onnx};
pub use detector::Detector;
pub use engine::{EngineChoice, EngineError, EngineKind, Libraries, Threads};
pub use network::{Batching, Network};
pub use options::DetectorOptions;
pub use settings::CpuInferSettings;
pub use stage::CpuInfer;
pub use trial::use_program;
