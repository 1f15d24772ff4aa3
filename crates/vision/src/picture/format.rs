//! Names of pixel formats and colour spaces, as messages and configuration spell them.

use serde::{Deserialize, Serialize};

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

macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

named! {
    /// How the samples of a picture lie in memory.
    PixelFormat, "pixel format" {
        /// 8-bit 4:2:0 in three planes: Y, U, V.
        I420 = "i420",
        /// 8-bit 4:2:0 in two planes: Y, and U with V interleaved.
        Nv12 = "nv12",
        /// 10-bit 4:2:0 in two planes like NV12, each sample in the upper 10 bits of a
        /// little-endian 16-bit word.
        P010 = "p010",
        /// 8-bit red, green, blue, interleaved in one plane.
        Rgb8 = "rgb8",
    }
}

named! {
    /// The matrix coefficients that relate YUV to RGB. Without meaning for RGB pictures.
    ColorMatrix, "color matrix" {
        /// ITU-R BT.601 (Kr 0.299, Kb 0.114).
        Bt601 = "bt601",
        /// ITU-R BT.709 (Kr 0.2126, Kb 0.0722).
        Bt709 = "bt709",
    }
}

named! {
    /// The code values that black and white have. Without meaning for RGB pictures.
    ColorRange, "color range" {
        /// 8-bit luma 16 to 235, chroma 16 to 240; 10-bit four times that.
        Limited = "limited",
        /// The whole range of codes.
        Full = "full",
    }
}
