//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: "superseded",
        help: "a newer frame of the camera was waiting",
    },
    DropReason {
        name: "expired",
        help: "the decoder has used the frame's memory again",
    },
    DropReason {
        name: "producer_gone",
        help: "the decoder has ended",
    },
    DropReason {
        name: "unreachable",
        help: "the frame is on another host, or its pool cannot be attached to (also an error by kind)",
    },
    DropReason {
        name: "malformed",
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
