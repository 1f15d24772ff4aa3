use bytes::Bytes;

/// A message with an access unit, as all viewers of its camera get it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The camera's number.
    pub index: u16,
    /// Whether decoding can begin here.
    pub is_keyframe: bool,
    /// Whether it ends its session, and shows nothing.
    pub is_end: bool,
    pub message: Bytes,
}
