//! Words for values, as messages and configuration spell them.

/// A word that is none of the valid names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found:?} is unknown: expected one of {}", valid.join(", "))]
pub struct ParseNameError {
    /// What was being parsed, such as `pixel format`.
    pub what: &'static str,
    /// The word found.
    pub found: String,
    /// The words that are valid.
    pub valid: &'static [&'static str],
}

/// Enumerations whose values have names in messages and configuration.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in messages and configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ParseNameError;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::ParseNameError {
                        what: $what,
                        // Enough to know it by.
                        found: word.chars().take(64).collect(),
                        valid: &[$($text),+],
                    }),
                }
            }
        }
    };
}

pub(crate) use named;
