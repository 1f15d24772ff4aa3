//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[DropReason {
    name: DropReason::SUPERSEDED.name,
    help: "waited for more than 1 s, or more than 64 of its camera were waiting, while a newer one was there; in addition to the queue, 64 of a camera wait for a batch, or `MAX_PER_SOURCE` if that is more",
}];
