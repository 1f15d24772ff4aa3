//! Runs an ONNX detector over frames on the CPU.
//!
//! The frames of a list are inferences side by side, one thread each, or the list is one inference
//! on all threads: frames are letterboxed straight from the decoder's pool into the network's input, and each
//! frame's output goes into a slot of this stage's own pool. [`CpuInfer`] is the stage, [`Network`]
//! the network without it, [`Detector`] a network with memory for its input. The engines are in
//! `camweave_infer`.

mod answer;
mod batch;
mod detector;
mod facts;
mod lanes;
mod network;
mod settings;
mod share;
mod stage;

pub use answer::answer;
pub use camweave_infer::{
    EngineChoice, EngineError, EngineKind, Libraries, NetworkOptions as DetectorOptions, Threads,
    use_program,
};
pub use camweave_model::{ElementType, Metadata, ModelFile, ModelInput, onnx};
pub use detector::Detector;
pub use network::{Batching, Network};
pub use settings::CpuInferSettings;
pub use stage::CpuInfer;
