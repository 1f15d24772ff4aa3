use std::path::{Path, PathBuf};

use thiserror::Error;

/// So many foreign names are listed in an error.
const NAMED: usize = 3;

/// Why a result folder cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// Something in the folder is not camweave's.
    #[error(
        "the folder '{}' has {}, which camweave did not write: name another folder, or move it away",
        folder.display(),
        listed(found)
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The names, a folder's with a slash at its end.
        found: Vec<String>,
    },
    /// What cannot be a folder.
    #[error("'{}' cannot be a folder for results: {why}", path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
        /// What is there.
        why: &'static str,
    },
    /// Another process writes into the folder.
    #[error("the folder '{}' is in use by {holder}: name another folder, or wait for its end", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// The process, and what it is.
        holder: String,
    },
    /// Not a name for a file in a result folder.
    #[error(
        "{name:?} is not a valid name for a result file, expected 1 to 200 bytes, no '/', no control characters and no '.' at the start"
    )]
    Name {
        /// The name, cut.
        name: String,
    },
    /// A file or folder refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system reported.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether another folder must be named, or what is in this one moved away: waiting does not
    /// help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Foreign { .. } | Self::Name { .. } | Self::NoFolder { .. }
        )
    }

    /// Whether room on the disk would help, or a user's quota.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Foreign { .. } => std::io::ErrorKind::AlreadyExists,
            Error::Busy { .. } => std::io::ErrorKind::ResourceBusy,
            Error::Name { .. } | Error::NoFolder { .. } => std::io::ErrorKind::InvalidInput,
            Error::Io { source, .. } => source.kind(),
        };
        Self::new(kind, error.to_string())
    }
}

/// Whether room on the disk would help, or a user's quota.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn listed(found: &[String]) -> String {
    let names: Vec<String> = found
        .iter()
        .take(NAMED)
        .map(|it| format!("{it:?}"))
        .collect();
    let names = names.join(", ").replace('"', "'");
    match found.len().saturating_sub(NAMED) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}
