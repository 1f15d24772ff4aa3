//! Why rows are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[DropReason::QUEUE_FULL];
