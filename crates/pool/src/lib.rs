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

#[cfg(all(feature = "conformance", not(loom)))]
pub mod conformance;
#[cfg(not(loom))]
mod pool;
mod protocol;

#[cfg(not(loom))]
pub use pool::*;
#[cfg(loom)]
pub use protocol::{consumers, hold, state};
#[cfg(not(loom))]
pub use protocol::{consumers::Process, state::MAX_CONSUMERS};
