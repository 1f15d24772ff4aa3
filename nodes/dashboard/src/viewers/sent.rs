use bytes::Bytes;
use camweave_message::Codec;

/// A message with an access unit, as all viewers of its camera get it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The camera's number.
    pub index: u16,
    /// Whether decoding can begin here.
    pub is_keyframe: bool,
    /// Whether it ends its session, and shows nothing.
    pub is_end: bool,
    pub codec: Codec,
    pub session_unix_nanos: i64,
    pub pts_nanos: i64,
    pub message: Bytes,
    /// Where in the message the access unit begins.
    pub data_at: usize,
}

#[cfg(test)]
impl Sent {
    /// Of a camera's only session, without a header.
    pub fn of(index: u16, is_keyframe: bool, message: Bytes) -> Self {
        Self {
            index,
            is_keyframe,
            is_end: false,
            codec: Codec::H264,
            session_unix_nanos: 1,
            pts_nanos: 0,
            message,
            data_at: 0,
        }
    }
}
