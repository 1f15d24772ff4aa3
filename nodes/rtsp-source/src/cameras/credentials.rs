use std::fmt;

/// A user and password. Neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// The user and password, for a client that must send them.
    #[must_use]
    pub fn expose(&self) -> (&str, &str) {
        (&self.username, &self.password)
    }
}
