//! An access unit as it is kept.

use camweave_bitstream::NalCodec;
use camweave_fmp4::is_sync;
use camweave_message::{Areas, CapturedClock, Codec, Orientation, Unit};

/// One access unit. Its bytes are its own: those of a message are in memory that the sender needs
/// again.
#[derive(Debug)]
pub(crate) struct Coded {
    /// Counts the camera's units, whatever session they are of.
    pub index: u64,
    /// When it is presented on the camera's time line, in nanoseconds.
    pub line: i64,
    pub session_unix_nanos: i64,
    pub sequence: u64,
    pub pts_nanos: i64,
    pub captured_unix_nanos: i64,
    pub captured_clock: CapturedClock,
    pub codec: NalCodec,
    pub keyframe: bool,
    /// Whether players begin here.
    pub is_sync: bool,
    pub orientation: Orientation,
    pub areas: Areas,
    pub data: Box<[u8]>,
}

impl Coded {
    pub fn new(unit: &Unit, codec: NalCodec, index: u64, line: i64) -> Self {
        let data = unit.data.as_slice();
        Self {
            index,
            line,
            session_unix_nanos: unit.id.session_unix_nanos,
            sequence: unit.id.sequence,
            pts_nanos: unit.id.pts_nanos,
            captured_unix_nanos: unit.id.captured_unix_nanos,
            captured_clock: unit.id.captured_clock,
            codec,
            keyframe: unit.keyframe,
            is_sync: unit.keyframe && is_sync(codec, data),
            orientation: unit.orientation,
            areas: unit.areas.clone(),
            data: data.into(),
        }
    }

    /// In memory.
    pub fn bytes(&self) -> usize {
        self.data.len() + size_of::<Self>()
    }
}

/// What of the codecs can be written as MP4.
pub(crate) fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        _ => None,
    }
}
