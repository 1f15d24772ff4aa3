//! Why a unit gave no frame, as it stands in the counters (see README.md).

/// The session has not come to its first entry point yet.
pub(crate) const BEFORE_KEYFRAME: &str = "before_keyframe";
/// The picture lacks what was lost on the way, or the decoder made up for damage.
pub(crate) const CORRUPT: &str = "corrupt";
/// The decoder refused the unit.
pub(crate) const DECODE_ERROR: &str = "decode_error";
/// The decoder fell behind; dropped up to the next entry point.
pub(crate) const DECODER_BACKLOG: &str = "decoder_backlog";
/// Consumers held all slots.
pub(crate) const POOL_EXHAUSTED: &str = "pool_exhausted";
/// The run ended before the unit was decoded.
pub(crate) const STOPPED: &str = "stopped";
/// The decoder gave no picture for the unit.
pub(crate) const UNDECODABLE: &str = "undecodable";
/// The picture could not be brought into a slot.
pub(crate) const UNPUBLISHED: &str = "unpublished";
