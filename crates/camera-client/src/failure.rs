use std::fmt;

use camweave_failure::FailureKind;

/// Why a session could not begin or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// One line that completes 'camera offline: …'.
    pub detail: String,
    /// The camera cannot now (it starts, it has too many viewers): another client could not either.
    pub is_passing: bool,
}

impl Failure {
    /// `detail` completes 'camera offline: …'.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            is_passing: false,
        }
    }

    /// The same, and the camera cannot now: another client could not either.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}
