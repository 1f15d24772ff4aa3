//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

/// A frame whose line could not be written.
pub(crate) const NOT_WRITTEN: &str = "not_written";

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::QUEUE_FULL,
    DropReason {
        name: NOT_WRITTEN,
        help: "the frame's line could not be written: the disk is full, or a quota is exceeded",
    },
];
