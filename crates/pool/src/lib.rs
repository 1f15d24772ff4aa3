//! Weak references to frames and tensors in shared memory, safe against lost messages and killed processes.
//!
//! A [`Producer`] owns a pool of slots. It writes one ([`Producer::begin`]), publishes it
//! ([`WriteSlot::publish`]) and sends the [`Reference`], a few dozen bytes, by any means. A consumer
//! in any process of the host turns the reference into bytes ([`Attachments::acquire`]) without a
//! copy, or learns that they have expired. Nothing waits for a message or for another process, so
//! a lost message or a killed process costs its own frames and nothing else.
//!
//! ```
//! use camweave_pool::{Attachments, PoolSpec, Producer};
//!
//! let spec = PoolSpec { name: "frames".to_owned(), slots: 4, slot_bytes: 1920 * 1080 * 3 / 2 };
//! let producer = Producer::create(&spec)?;
//! let mut slot = producer.begin()?;
//! slot[..3].copy_from_slice(&[1, 2, 3]);
//! let reference = slot.publish();
//!
//! // In another process:
//! let attachments = Attachments::new();
//! let slot = attachments.acquire(&reference)?;
//! assert_eq!(&slot[..3], &[1, 2, 3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/pools.md` is the contract between processes: bytes, states, and what each death costs.
//! [`Memory`] is the boundary to other kinds of memory.

// The model checker has atomics of its own, which cannot lie in shared memory: under `cfg(loom)`
// there is only the state machine.
#[cfg(loom)]
pub mod consumers;
#[cfg(loom)]
pub mod hold;
#[cfg(loom)]
pub mod state;
#[cfg(loom)]
pub mod sync;

#[cfg(not(loom))]
mod attached;
#[cfg(not(loom))]
mod attachments;
#[cfg(not(loom))]
mod clock;
#[cfg(all(feature = "conformance", not(loom)))]
pub mod conformance;
#[cfg(not(loom))]
mod consumers;
#[cfg(not(loom))]
mod control;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod header;
#[cfg(not(loom))]
mod hold;
#[cfg(not(loom))]
mod host;
#[cfg(not(loom))]
mod id;
#[cfg(not(loom))]
mod mapping;
#[cfg(not(loom))]
mod memory;
#[cfg(not(loom))]
mod order;
#[cfg(not(loom))]
mod process;
#[cfg(not(loom))]
mod producer;
#[cfg(not(loom))]
mod read;
#[cfg(not(loom))]
mod spec;
#[cfg(not(loom))]
mod state;
#[cfg(not(loom))]
mod sync;
#[cfg(not(loom))]
mod write;

#[cfg(not(loom))]
pub use crate::{
    attachments::Attachments,
    consumers::Process,
    error::{AcquireError, AcquireErrorKind, MemoryError, PoolError, PoolErrorKind},
    host::{HostMemory, MemoryIdentity},
    id::{ParsePoolIdError, PoolAddress, PoolId, Reference},
    memory::{Export, Memory, Source},
    process::Host,
    producer::{Producer, Usage},
    read::ReadSlot,
    spec::{Layout, MAX_NAME_BYTES, MAX_SLOTS, PoolSpec, WriteQueues},
    state::MAX_CONSUMERS,
    write::{Retained, WriteSlot},
};
