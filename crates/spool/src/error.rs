use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as Derive;

/// Why a spool cannot be used.
#[derive(Debug, Derive)]
pub enum Error {
    /// A file or folder refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error("'{}' is in use by another process, expected a folder of this node's own", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file in the folder is not one of a spool.
    #[error("'{}' is no file of a spool: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is there, and what was expected.
        why: String,
    },
    /// A record is longer than [`crate::MOST_BYTES`].
    #[error(
        "a record of {bytes} bytes, expected at most {} of them",
        crate::MOST_BYTES
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
