//! The atomics and the mutex of the state machine: the standard ones, or the model checker's.

#[cfg(loom)]
pub use loom::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
