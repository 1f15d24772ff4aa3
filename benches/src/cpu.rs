//! CPU time of this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process so far, exact.
#[must_use]
pub fn of_this_process() -> Duration {
    of_clock(ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread so far, exact.
#[must_use]
pub fn of_this_thread() -> Duration {
    of_clock(ClockId::ThreadCPUTime)
}

fn of_clock(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let nanos = time.tv_sec * 1_000_000_000 + time.tv_nsec;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
