//! What a recorder lends its cameras.

use std::time::Instant;

use crate::disk::Disk;
use crate::plan::Plan;
use crate::report::Report;

/// What a recorder lends its cameras.
pub(crate) struct Lent<'a> {
    pub plan: &'a Plan,
    pub disk: &'a Disk,
    pub next_clip: &'a mut u64,
    pub reports: &'a mut Vec<Report>,
    pub now: Instant,
}
