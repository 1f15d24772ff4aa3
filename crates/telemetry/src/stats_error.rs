//! What can go wrong with reports.

use std::path::PathBuf;

use thiserror::Error;

/// Why a stage's report cannot be read or written.
#[derive(Debug, Error)]
pub enum StatsError {
    /// A file or folder refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder has what camweave did not write.
    #[error(transparent)]
    Folder(#[from] camweave_outdir::Error),
    /// A file is not a stage report.
    #[error("'{}' is not a stage report: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Two processes count for one node.
    #[error("'{}' is in use: another process counts for node '{stage}' there, expected a folder of this run's own (CAMWEAVE_STATS_DIR)", path.display())]
    InUse {
        /// The node.
        stage: String,
        /// The file that both would write.
        path: PathBuf,
    },
}

impl StatsError {
    /// Whether another folder must be named, or what is in this one moved away: waiting does not
    /// help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::InUse { .. } => true,
            Self::Folder(error) => error.is_configuration(),
            Self::Io { .. } | Self::Json { .. } => false,
        }
    }

    /// Whether the folder is not to be used, and not only full.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::InUse { .. } => true,
            Self::Folder(error) => !error.is_full(),
            Self::Io { .. } | Self::Json { .. } => false,
        }
    }
}
