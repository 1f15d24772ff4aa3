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
    /// Units of one epoch can be in one clip: they are of one session and one set of sequence
    /// parameters.
    pub epoch: u64,
    /// Units between the one before and this keyframe are missing.
    pub is_after_gap: bool,
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
    pub fn new(unit: &Unit, codec: NalCodec, place: Place) -> Self {
        let data = unit.data.as_slice();
        let Place {
            index,
            epoch,
            is_after_gap,
            line,
        } = place;
        Self {
            index,
            epoch,
            is_after_gap,
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

/// Where a unit is among those of its camera, as [`Coded`] has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub index: u64,
    pub epoch: u64,
    pub is_after_gap: bool,
    pub line: i64,
}

/// What of the codecs can be written as MP4.
pub(crate) fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        _ => None,
    }
}
