//! What the decoding stages share, whatever decodes: units in, frames out.
//!
//! - [`Decoding`]: the stage's half: a queue per camera, a few worker threads for all cameras.
//! - A camera's sessions, its units' identities, and its account of what gave no frame ([`reason`]).
//! - [`CameraPools`] and [`Plan`]: where frames go.
//!
//! A stage brings a [`Backend`] per camera, which opens a [`Decoder`] per session.

mod backend;
mod backlog;
mod budget;
mod camera;
mod decoding;
mod identity;
mod motion;
mod plan;
mod pools;
pub mod reason;
mod selector;
mod settings;
mod shortage;
mod worker;

pub use backend::{Backend, Decoded, Decoder, Failure, Unpublished};
pub use backlog::{BYTES_PER_CAMERA, BYTES_PER_PROCESS, UNITS_PER_CAMERA};
pub use budget::{Budget, half_of_memory};
pub use camweave_vision::{LumaGrid, LumaPlane};
pub use decoding::{Decoding, THREADS};
pub use plan::{ALIGN, Plan};
pub use pools::{CameraPools, MAX_DPB, SLOTS_FOR_CONSUMERS, SlotError};
pub use settings::FrameSettings;
