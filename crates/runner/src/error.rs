use std::io::{self, ErrorKind};
use std::path::Path;

use camweave_outdir::Error;
use camweave_stage::Exit;

/// Why a run, or the command that asked for it, ends: one line, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// The exit code.
    pub exit: Exit,
    /// The line.
    pub message: String,
}

impl RunError {
    /// With this exit code and line.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// A file or folder that refuses; `action` completes 'cannot …'.
    #[must_use]
    pub fn file(action: &str, path: &Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::OutOfMemory => Exit::Resource,
            _ => Exit::Input,
        };
        Self::new(
            exit,
            format!("cannot {action} '{}': {error}", path.display()),
        )
    }
}

impl From<Error> for RunError {
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
