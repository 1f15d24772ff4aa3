//! How frames are told apart in spans.

/// Which frame of which camera: the same in all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameKey<'a> {
    /// The camera's id.
    pub camera: &'a str,
    /// When the source opened the session.
    pub session_unix_nanos: i64,
    /// The frame's number in its session.
    pub sequence: u64,
}
