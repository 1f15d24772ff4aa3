//! The process's clock: monotonic, and placed on the wall clock once.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Relates monotonic instants to the wall clock as it was when this was made.
///
/// Steps of the wall clock during a run move neither capture times nor pacing.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    instant: Instant,
    unix_nanos: u64,
}

impl WallClock {
    /// Reads both clocks.
    pub fn new() -> Self {
        let instant = Instant::now();
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            instant,
            unix_nanos: nanos(unix),
        }
    }

    /// Nanoseconds since the Unix epoch at `instant`.
    pub fn unix_nanos(&self, instant: Instant) -> u64 {
        self.unix_nanos + nanos(instant.saturating_duration_since(self.instant))
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

/// Nanoseconds of a duration; 584 years at most.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
