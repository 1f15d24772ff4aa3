use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// What stands in for a secret wherever one is formatted or serialized.
pub(crate) const HIDDEN: &str = "***";

/// Text that cannot be printed: `Debug`, `Display` and serde give `***`. Its memory is
/// overwritten when it is dropped; copies that others made of [`Secret::expose`] are theirs to care for.
///
/// Comparison takes a time that depends on the values. It is meant for 'has the configuration
/// changed', not for checking what a stranger sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over, without a copy.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one who must send it. It belongs neither into an error nor into a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_formatting_shows_it() {
        let secret = Secret::from("t0psecret".to_owned());
        let json = serde_json::to_string(&secret).expect("a string");
        for shown in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{secret:#?}"),
            format!("{secret:>40}"),
            format!("{:?}", Some((1, secret.clone()))),
            json,
        ] {
            assert!(shown.contains(HIDDEN) && !shown.contains("t0p"), "{shown}");
        }
        assert_eq!(secret.expose(), "t0psecret");
        let read: Secret = serde_json::from_str("\" t0psecret \"").expect("a string");
        assert_eq!(read.expose(), " t0psecret ", "nothing is trimmed");
    }
}
