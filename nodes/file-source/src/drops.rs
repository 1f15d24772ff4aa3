//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: crate::camera::DAMAGED,
        help: "an access unit whose NAL units are longer than itself: the file is cut off or broken there; or no access unit within 2 seconds of reading",
    },
    DropReason {
        name: crate::camera::TOO_LARGE,
        help: "an access unit of more than 32 MiB",
    },
];
