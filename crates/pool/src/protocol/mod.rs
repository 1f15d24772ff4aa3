//! What processes agree on, word by word, and all that the model checker runs: the state of a slot,
//! the holds of it within a process, and the table of consumers.
//!
//! The checker has atomics of its own, which cannot lie in shared memory. So under `cfg(loom)` this
//! is the whole crate, and [`sync`] chooses.

pub mod consumers;
pub mod hold;
pub mod state;
pub mod sync;
