//! TensorRT engines: built from ONNX files, cached, and run.
//!
//! Everything builds on a machine without TensorRT: its library and the shim that fits it are
//! loaded at run time ([`TensorRt`]), and what is missing is said in one line. TensorRT's interface
//! is C++ classes whose layout changes with the major version; `shim/` makes C functions of them
//! (TensorRT 8.6 to 11 and TensorRT-RTX) and is compiled by `scripts/tensorrt-shim.sh` for the
//! headers of the machine. `docs/engines.md` says why it is done so.
//!
//! Layers, with calls only downward: `sys` is the shim's C interface, [`TensorRt`] the loaded
//! libraries, [`Engine`], [`ExecutionContext`] and [`build`] the safe rest. [`EngineCache`] keeps
//! what was built.
//!
//! Loading, versions, error texts and the cache are tested without a GPU; building and running
//! engines with one, by TensorRT 8.6.0.

mod builder;
mod cache;
mod error;
mod library;
mod lock;
mod log;
mod plan;
mod prepare;
mod runtime;
mod shape;
mod sidecar;
mod sys;
pub mod testing;
mod version;

pub use builder::{BatchProfile, BuildOptions, Built, Precision, build};
pub use cache::{EngineCache, Found, write_engine};
pub use error::{Error, ErrorKind};
pub use library::{LIBRARY_VARIABLE, Places, SHIM_VARIABLE, TensorRt};
pub use log::Progress;
pub use plan::PlanHeader;
pub use prepare::Wishes;
pub use runtime::{Engine, ExecutionContext};
pub use shape::{ElementType, Shape, TensorInfo};
pub use sidecar::{EngineSpec, Gpu, ModelFacts, Sidecar, hex_digest, sidecar_path};
pub use version::{Flavor, Version};
