//! What can go wrong, each with the thing, the value found and what was expected.

use std::io;
use std::sync::Arc;

use super::id::PoolId;
use super::memory_error::MemoryError;
use super::usage::Usage;
use crate::protocol::state::MAX_CONSUMERS;

/// A pool could not be created or gave no slot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The specification cannot be met by any pool.
    #[error("pool {name:?}: {field} is {value}, expected {expected}")]
    InvalidSpec {
        /// The pool's name.
        name: String,
        /// The field of [`PoolSpec`](crate::PoolSpec) that is wrong.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Every slot is held or being written. Drop the frame, count it, and go on.
    #[error(
        "pool {name:?} is exhausted: of {} slots {} are held by consumers, {} are being written \
         and {} are retained by the producer",
        usage.slots, usage.held, usage.writing, usage.retained
    )]
    Exhausted {
        /// The pool's name.
        name: Arc<str>,
        /// Who has the slots.
        usage: Usage,
    },
    /// The memory could not be had, or its owner's work could not be ordered.
    #[error("pool {name:?}: {source}")]
    Memory {
        /// The pool's name.
        name: Arc<str>,
        /// What failed.
        source: MemoryError,
    },
}

/// [`PoolError`] without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolErrorKind {
    /// See [`PoolError::InvalidSpec`].
    InvalidSpec,
    /// See [`PoolError::Exhausted`].
    Exhausted,
    /// See [`PoolError::Memory`].
    Memory,
}

impl PoolError {
    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> PoolErrorKind {
        match self {
            Self::InvalidSpec { .. } => PoolErrorKind::InvalidSpec,
            Self::Exhausted { .. } => PoolErrorKind::Exhausted,
            Self::Memory { .. } => PoolErrorKind::Memory,
        }
    }
}

/// A reference could not be turned into a readable slot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// The content is gone: the producer has written, or is writing, something newer. Count the
    /// frame as dropped and go on.
    #[error(
        "slot {slot} of pool {pool}: generation {generation} has expired, found {found}{}",
        if *writing { " being written" } else { "" }
    )]
    Expired {
        /// The pool.
        pool: PoolId,
        /// The slot.
        slot: u32,
        /// The generation that was asked for.
        generation: u32,
        /// The slot's generation now.
        found: u32,
        /// Whether that one is still being written.
        writing: bool,
    },
    /// The producer has died or has closed the pool, and this process was not attached to it.
    #[error("the producer of pool {pool} is gone: {detail}")]
    ProducerGone {
        /// The pool.
        pool: PoolId,
        /// How that was seen.
        detail: String,
    },
    /// The pool lies in another machine's memory, or in another container's processes.
    #[error(
        "pool {pool} is on a foreign host: its {what} is {found}, expected {expected}; \
         references do not cross hosts, encoded units do"
    )]
    ForeignHost {
        /// The pool.
        pool: PoolId,
        /// What differs.
        what: &'static str,
        /// The pool's value.
        found: String,
        /// This process's value.
        expected: String,
    },
    /// The pool is not one that this program can read.
    #[error("pool {pool} is incompatible: its {what} is {found}, expected {expected}")]
    Incompatible {
        /// The pool.
        pool: PoolId,
        /// What differs.
        what: &'static str,
        /// What the pool has.
        found: String,
        /// What this program needs.
        expected: String,
    },
    /// All consumer entries are taken. Dead consumers' entries come back when the producer looks.
    #[error("pool {pool} has {MAX_CONSUMERS} consumer processes already, the maximum")]
    TooManyConsumers {
        /// The pool.
        pool: PoolId,
    },
    /// The reference names a slot that the pool does not have.
    #[error("slot {slot} of pool {pool} does not exist, expected 0 to {}", slots - 1)]
    SlotOutOfRange {
        /// The pool.
        pool: PoolId,
        /// The slot that was asked for.
        slot: u32,
        /// How many slots there are.
        slots: u32,
    },
    /// The operating system refused something.
    #[error("pool {pool}: could not {action}: {source}")]
    Io {
        /// The pool.
        pool: PoolId,
        /// What was tried.
        action: String,
        /// Its error.
        source: io::Error,
    },
}

/// [`AcquireError`] without its particulars; fit as a label of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcquireErrorKind {
    /// See [`AcquireError::Expired`].
    Expired,
    /// See [`AcquireError::ProducerGone`].
    ProducerGone,
    /// See [`AcquireError::ForeignHost`].
    ForeignHost,
    /// See [`AcquireError::Incompatible`].
    Incompatible,
    /// See [`AcquireError::TooManyConsumers`].
    TooManyConsumers,
    /// See [`AcquireError::SlotOutOfRange`].
    SlotOutOfRange,
    /// See [`AcquireError::Io`].
    Io,
}

impl AcquireError {
    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> AcquireErrorKind {
        match self {
            Self::Expired { .. } => AcquireErrorKind::Expired,
            Self::ProducerGone { .. } => AcquireErrorKind::ProducerGone,
            Self::ForeignHost { .. } => AcquireErrorKind::ForeignHost,
            Self::Incompatible { .. } => AcquireErrorKind::Incompatible,
            Self::TooManyConsumers { .. } => AcquireErrorKind::TooManyConsumers,
            Self::SlotOutOfRange { .. } => AcquireErrorKind::SlotOutOfRange,
            Self::Io { .. } => AcquireErrorKind::Io,
        }
    }

    pub(crate) fn from_memory(pool: &PoolId, error: MemoryError) -> Self {
        let pool = pool.clone();
        match error {
            MemoryError::Io { action, source } => Self::Io {
                pool,
                action,
                source,
            },
            MemoryError::Gone { detail } => Self::ProducerGone { pool, detail },
            MemoryError::Mismatch {
                what,
                found,
                expected,
            } => Self::Incompatible {
                pool,
                what,
                found,
                expected,
            },
        }
    }
}
