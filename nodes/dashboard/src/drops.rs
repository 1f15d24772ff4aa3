//! Why rows are dropped here, as it is in the counters.

use camweave_stage::DropReason;

/// An access unit before the first keyframe of its session.
pub(crate) const BEFORE_KEYFRAME: &str = "before_keyframe";
/// A row that came before.
pub(crate) const REPEATED: &str = "repeated";

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::QUEUE_FULL,
    DropReason {
        name: BEFORE_KEYFRAME,
        help: "an access unit before the first keyframe of its session that reached this node: no decoder can begin with it",
    },
    DropReason {
        name: REPEATED,
        help: "an access unit, or the detections of a frame, that came before",
    },
];
