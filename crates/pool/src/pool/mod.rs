//! The pool on top of the protocol: memory, names, and the two sides.

mod attached;
mod attachments;
mod clock;
mod control;
mod error;
mod header;
mod host;
mod host_slots;
mod id;
mod mapping;
mod memory;
mod memory_error;
mod order;
mod process;
mod producer;
mod read;
mod shared;
mod spec;
mod usage;
mod write;

pub use self::attachments::Attachments;
pub use self::error::{AcquireError, AcquireErrorKind, PoolError, PoolErrorKind};
pub use self::host::{HostMemory, MemoryIdentity};
pub use self::id::{ParsePoolIdError, PoolAddress, PoolId, Reference};
pub use self::memory::{Export, Memory, Source};
pub use self::memory_error::MemoryError;
pub use self::process::Host;
pub use self::producer::Producer;
pub use self::read::ReadSlot;
pub use self::spec::{Layout, MAX_NAME_BYTES, MAX_SLOTS, PoolSpec, WriteQueues};
pub use self::usage::Usage;
pub use self::write::{Retained, WriteSlot};
