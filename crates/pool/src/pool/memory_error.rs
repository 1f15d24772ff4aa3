//! What can go wrong with memory, and with what the system says of processes.

use std::io;

/// A memory backend failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The operating system or a driver refused something.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Its error.
        source: io::Error,
    },
    /// The producer no longer has the memory.
    #[error("{detail}")]
    Gone {
        /// How that was seen.
        detail: String,
    },
    /// The memory is not what its description says, or not what this process can use.
    #[error("{what} is {found}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

impl MemoryError {
    /// For `map_err`: an error of the system with what was being done.
    pub fn io<E: Into<io::Error>>(action: impl FnOnce() -> String) -> impl FnOnce(E) -> Self {
        move |source| Self::Io {
            action: action(),
            source: source.into(),
        }
    }
}
