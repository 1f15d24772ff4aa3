//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: crate::camera::DAMAGED,
        help: "NAL units that extend beyond their access unit: the file is truncated or damaged there; or no access unit within 2 seconds of reading",
    },
    DropReason {
        name: crate::camera::TOO_LARGE,
        help: "an access unit of more than 32 MiB",
    },
];
