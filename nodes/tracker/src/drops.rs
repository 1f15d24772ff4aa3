//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[DropReason {
    name: "queue_full",
    help: "more than 4,096 rows were waiting, most of them of this camera, or more than 16 MiB of this camera",
}];
