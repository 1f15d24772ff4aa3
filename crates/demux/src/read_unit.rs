//! What is read of a file.

/// One access unit of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadUnit {
    /// The coded bytes, as messages carry them.
    pub data: Vec<u8>,
    /// Whether decoding can begin here.
    pub keyframe: bool,
    /// Since the file's first unit.
    pub pts_nanos: i64,
    /// When the decoder needs it, since the file's first unit.
    pub dts_nanos: i64,
    /// How long it is shown.
    pub duration_nanos: i64,
}
