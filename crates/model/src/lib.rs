//! What an ONNX file of a detector says of itself, before any engine has it.
//!
//! [`ModelFile`] reads a file and its exporter's [`Metadata`]; [`input_size`], [`head_layout`] and
//! [`numbered`] turn that and an engine's output into what messages carry. The stages that run
//! models share it, so that a file means the same to each of them.

mod detector;
mod error;
mod file;
mod known;
mod literal;
mod metadata;
pub mod onnx;
mod operators;
mod size;

pub use detector::{head_layout, input_size};
pub use error::{ModelError, ModelErrorKind};
pub use file::{ElementType, ModelFile, ModelInput};
pub use metadata::{Metadata, numbered};
pub use size::{MAX_CONSTANT_BYTES, MAX_HEAD_BYTES, MAX_INPUT_BYTES, MAX_TENSOR_BYTES};
