//! Why frames are dropped, as it is in the counters.

use camweave_stage::DropReason;

pub(super) const HEADS_EXHAUSTED: &str = "heads_exhausted";
pub(super) const INFERENCE_FAILED: &str = "inference_failed";

/// The reasons, with what the last two mean to a stage.
#[must_use]
pub const fn drops(
    heads_exhausted: &'static str,
    inference_failed: &'static str,
) -> [DropReason; 7] {
    [
        DropReason::SUPERSEDED,
        DropReason::EXPIRED,
        DropReason::PRODUCER_GONE,
        DropReason::UNREACHABLE,
        DropReason {
            name: DropReason::MALFORMED.name,
            help: "the frame is not what its row says (error `malformed_picture`)",
        },
        DropReason {
            name: HEADS_EXHAUSTED,
            help: heads_exhausted,
        },
        DropReason {
            name: INFERENCE_FAILED,
            help: inference_failed,
        },
    ]
}
