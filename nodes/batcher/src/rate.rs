//! How often a source delivers, and whether it still does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Arrivals remembered per source.
const REMEMBERED: usize = 32;
/// A source that has been silent for so many of its own periods is not waited for.
const SILENT_PERIODS: u32 = 3;

/// The arrival rate of one source.
///
/// The period is span over count, not a mean of gaps: after a pause a burst of late
/// frames would otherwise look like a faster source.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    arrivals: VecDeque<Instant>,
}

impl Rate {
    pub fn arrived(&mut self, now: Instant) {
        if self.arrivals.len() == REMEMBERED {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
    }

    /// The mean time between frames, once two have come.
    pub fn period(&self) -> Option<Duration> {
        let span = *self.arrivals.back()? - *self.arrivals.front()?;
        let gaps = u32::try_from(self.arrivals.len() - 1)
            .ok()
            .filter(|gaps| *gaps > 0)?;
        Some(span / gaps)
    }

    /// Whether the source has delivered lately, by its own rate and by `at_most`.
    pub fn is_live(&self, now: Instant, at_most: Duration) -> bool {
        let (Some(last), Some(period)) = (self.arrivals.back(), self.period()) else {
            return false;
        };
        now.saturating_duration_since(*last) <= (period * SILENT_PERIODS).min(at_most)
    }
}
