//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: "damaged",
        help: "an access unit whose NAL units are longer than itself: the file is cut off or broken there; or no access unit within 2 seconds of reading",
    },
    DropReason {
        name: "too_large",
        help: "an access unit of more than 32 MiB",
    },
];
