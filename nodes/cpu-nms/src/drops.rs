//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::SUPERSEDED,
    DropReason::EXPIRED,
    DropReason::PRODUCER_GONE,
    DropReason::UNREACHABLE,
    DropReason {
        name: DropReason::MALFORMED.name,
        help: "the output is not what its row says (error `malformed_head`)",
    },
];
