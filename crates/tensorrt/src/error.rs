//! Errors: one line each, and whose matter it is.

use thiserror::Error;

/// Whose matter a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A library, the shim or the device is missing, or of a version that does not fit.
    Missing,
    /// A plan or a model cannot be used.
    Input,
    /// What was asked for contradicts the plan or the model.
    Configuration,
    /// Memory, disk or device memory.
    Resource,
}

/// What failed, in one line that names the thing, the value and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        // TensorRT's own words may have several lines.
        let message: String = message.into();
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { kind, message }
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing, message)
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    pub(crate) fn resource(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Resource, message)
    }

    /// Whose matter it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
