use std::path::Path;

use camweave_outdir::{Error, FILE_MODE, Folder, replace};
use camweave_stage::Exit;
use thiserror::Error;

/// Why a command ends: one line, and the exit code.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// The line.
    pub message: String,
}

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// A file or folder that refuses; `action` completes 'cannot …'.
    pub fn file(action: &str, path: &Path, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::OutOfMemory => Exit::Resource,
            _ => Exit::Input,
        };
        Self::new(
            exit,
            format!("cannot {action} '{}': {error}", path.display()),
        )
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let exit = match &error {
            error if error.is_configuration() => Exit::Configuration,
            Error::Busy { .. } => Exit::Resource,
            error if error.is_full() => Exit::Resource,
            _ => Exit::Input,
        };
        Self::new(exit, error.to_string())
    }
}

/// Replaces a file of results in one step; one that somebody else has written is refused.
pub fn write(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), CliError> {
    let path = folder.claim(name)?;
    replace(&path, bytes, FILE_MODE).map_err(|error| CliError::file("write", &path, &error))
}
