//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: "superseded",
        help: "a newer frame of the camera was waiting",
    },
    DropReason {
        name: "expired",
        help: "the detector has used the output's memory again",
    },
    DropReason {
        name: "producer_gone",
        help: "the detector has ended",
    },
    DropReason {
        name: "unreachable",
        help: "the output is in host memory (error `incompatible_pool`; the line names `cpu-nms`), on another host, on another device, or its pool cannot be attached to (also an error by kind)",
    },
    DropReason {
        name: "malformed",
        help: "the output is not what its row says (error `malformed_head`)",
    },
];
