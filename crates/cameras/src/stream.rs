//! The streams of a camera that has two.

use camweave_redact::{KnownSecrets, SecretUrl};

use super::Credentials;

/// Which stream of a camera is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamRole {
    /// The one that is detected on.
    #[default]
    Detect,
    /// The one that is recorded.
    Record,
}

/// The stream that is recorded, where it is another one than that which is detected on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordStream {
    /// Without user and password.
    pub url: SecretUrl,
    /// The user, where the camera asks for one.
    pub credentials: Option<Credentials>,
}

impl RecordStream {
    /// What is hidden in the text that the camera sends.
    #[must_use]
    pub fn known_secrets(&self) -> KnownSecrets {
        let mut known = self.url.secrets();
        if let Some(credentials) = &self.credentials {
            known.extend(&credentials.known());
        }
        known
    }
}
