use std::path::PathBuf;

use thiserror::Error;

use crate::FILE_BYTES;

/// Why `rules.yml` cannot be used: one line that names the place, the value and what was expected.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The file cannot be read.
    #[error("cannot read the rules' file '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is longer than [`FILE_BYTES`].
    #[error("the rules' file '{}' is longer than {FILE_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A place in the file is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// In characters, from 1.
        column: u64,
        /// What is there and what was expected.
        message: String,
    },
}
