//! Running ONNX networks on the CPU: OpenVINO, ONNX Runtime and rten behind one interface, and the
//! measured choice among them.
//!
//! [`open()`] gives an [`Engine`] with a model in it; a [`Trial`] loads and runs a model before that
//! in a process of its own, which may die of it. What the values mean is not known here.

mod api;
mod bytes;
mod choice;
mod kind;
mod library;
mod onnxruntime;
mod open;
mod opening;
mod openvino;
mod options;
mod rten;
mod speeds;
mod trial;

pub use api::{Engine, EngineError, OutputView, ReadOutputs, Threads, head_of};
pub use choice::EngineChoice;
pub use kind::EngineKind;
pub use open::{OpenEngine, advised, open};
pub use opening::{Libraries, Opening};
pub use options::NetworkOptions;
pub use trial::{MAX_LINE, Trial, use_program};
