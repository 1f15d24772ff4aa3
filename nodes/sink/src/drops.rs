//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::QUEUE_FULL,
    DropReason {
        name: crate::stage::NOT_WRITTEN,
        help: "the frame's line could not be written: the disk is full, or a quota",
    },
];
