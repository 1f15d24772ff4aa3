use std::path::Path;

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
