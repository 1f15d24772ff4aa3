//! The two clocks of the pipeline.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds on `CLOCK_MONOTONIC`, which all processes of a host share.
#[must_use]
pub fn monotonic_nanos() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Nanoseconds since the Unix epoch, by the wall clock.
#[must_use]
pub fn unix_nanos() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// CPU time of this thread in nanoseconds (`CLOCK_THREAD_CPUTIME_ID`): a system call.
#[must_use]
pub fn thread_cpu_nanos() -> i64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}

/// Nanoseconds on `CLOCK_BOOTTIME`, which counts on while the machine sleeps.
#[must_use]
pub fn boottime_nanos() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
