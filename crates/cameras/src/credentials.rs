use camweave_redact::{KnownSecrets, Secret};

/// A user and password. Neither is ever printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) username: Secret,
    pub(crate) password: Secret,
}

impl Credentials {
    /// The user and password, for a client that must send them.
    #[must_use]
    pub fn expose(&self) -> (&str, &str) {
        (self.username.expose(), self.password.expose())
    }

    /// What is hidden in the text that the camera sends.
    #[must_use]
    pub fn known(&self) -> KnownSecrets {
        KnownSecrets::new(&self.username, &self.password)
    }
}
