//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::SUPERSEDED,
    DropReason::EXPIRED,
    DropReason::PRODUCER_GONE,
    DropReason::UNREACHABLE,
    DropReason {
        name: DropReason::MALFORMED.name,
        help: "the frame is not what its row says (error `malformed_picture`)",
    },
    DropReason {
        name: "heads_exhausted",
        help: "the stages after this one hold all `HEAD_SLOTS`",
    },
    DropReason {
        name: "inference_failed",
        help: "the engine failed on the batch (error `inference`)",
    },
];
