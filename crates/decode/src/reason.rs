//! Why a unit gave no frame, as it stands in the counters (see the stages' README.md).

/// The session has not come to its first entry point yet.
pub const BEFORE_KEYFRAME: &str = "before_keyframe";
/// The picture lacks what was lost on the way, or the decoder made up for damage.
pub const CORRUPT: &str = "corrupt";
/// The decoder refused the unit.
pub const DECODE_ERROR: &str = "decode_error";
/// The decoder fell behind; dropped up to the next entry point.
pub const DECODER_BACKLOG: &str = "decoder_backlog";
/// The decoder fell behind, and no other picture refers to this one.
pub const DISPOSABLE: &str = "disposable";
/// The chip opens no more decoders, and the camera waits for one.
pub const NO_DECODER_LEFT: &str = "no_decoder_left";
/// The camera's `detect_fps` or `detect: off` leaves the picture out.
pub const NOT_SELECTED: &str = camweave_message::Selection::REASON;
/// Consumers held all slots.
pub const POOL_EXHAUSTED: &str = "pool_exhausted";
/// The run ended before the unit was decoded.
pub const STOPPED: &str = "stopped";
/// A picture is larger than the stage may take, in pixels or in bytes.
pub const TOO_LARGE: &str = "too_large";
/// The decoder gave no picture for the unit.
pub const UNDECODABLE: &str = "undecodable";
/// The picture could not be brought into a slot.
pub const UNPUBLISHED: &str = "unpublished";
/// The picture is coded lying on its side or mirrored, and this decoder cannot put it upright.
pub const ROTATED: &str = "rotated";
