//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::SUPERSEDED,
    DropReason::EXPIRED,
    DropReason::PRODUCER_GONE,
    DropReason {
        name: DropReason::UNREACHABLE.name,
        help: "the output is in host memory (error `incompatible_pool`; the line names `cpu-nms`), on another host, on another device, or its pool cannot be attached to (also an error by kind)",
    },
    DropReason {
        name: DropReason::MALFORMED.name,
        help: "the output is not what its row says (error `malformed_head`)",
    },
];
