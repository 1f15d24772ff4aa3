use thiserror::Error;

/// Why access units cannot be written as MP4.
#[derive(Debug, Error)]
pub enum Mp4Error {
    /// The access unit has not what a decoder is set up with.
    #[error("an access unit without {missing} before its slices, expected those of a keyframe")]
    NoParameterSets {
        /// Which of them.
        missing: &'static str,
    },
    /// A sequence parameter set ends early, or has values that the standard does not allow.
    #[error("a sequence parameter set of {bytes} bytes whose {part} cannot be read")]
    ParameterSet {
        /// Its length.
        bytes: usize,
        /// What could not be read.
        part: &'static str,
    },
    /// The parameter sets find no room in a sample entry.
    #[error(
        "{count} parameter sets, the longest of {bytes} bytes, expected at most {most} of 65535 bytes"
    )]
    TooManySets {
        /// How many there are of one kind.
        count: usize,
        /// The length of the longest.
        bytes: usize,
        /// How many there may be.
        most: usize,
    },
    /// The pictures are larger than a sample entry can say.
    #[error("pictures of {width}x{height}, expected at most 65535x65535")]
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The samples of a fragment are longer than a box may be.
    #[error("a fragment of {bytes} bytes, expected less than 4 GiB")]
    TooLong {
        /// Of all its samples.
        bytes: usize,
    },
    /// A box cannot be written.
    #[error("a box cannot be written: {0}")]
    Box(#[from] mp4_atom::Error),
}
