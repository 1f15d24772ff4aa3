//! What can be wrong with a model.

use thiserror::Error;

/// Whose matter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// The file cannot be used.
    File,
    /// What was asked for contradicts the file.
    Option,
}

/// What is wrong with a model, in one line that names the file, the value and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ModelError {
    kind: ModelErrorKind,
    message: String,
}

impl ModelError {
    pub(crate) fn file(message: String) -> Self {
        Self {
            kind: ModelErrorKind::File,
            message,
        }
    }

    pub(crate) fn option(message: String) -> Self {
        Self {
            kind: ModelErrorKind::Option,
            message,
        }
    }

    /// Whose matter it is.
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        self.kind
    }
}
