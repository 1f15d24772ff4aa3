//! How often a source delivers, and whether it still does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Arrivals of so long are remembered, and those of the step before.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Arrivals within a step are counted together.
const STEP: Duration = Duration::from_millis(100);
/// A source that has been silent for so many of its own periods is not waited for.
const SILENT_PERIODS: u32 = 3;

/// The arrival rate of one source.
///
/// The period is span over count of the last seconds, not a mean of gaps and not the span of so many
/// arrivals: what a camera or a network has held back and sends at once does not look like a
/// faster source.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    steps: VecDeque<Step>,
    /// Of all steps.
    arrivals: u32,
}

/// Arrivals close to each other.
#[derive(Debug, Clone, Copy)]
struct Step {
    first: Instant,
    last: Instant,
    count: u32,
}

impl Rate {
    pub fn arrived(&mut self, now: Instant) {
        self.arrivals += 1;
        match self.steps.back_mut() {
            Some(step) if now.saturating_duration_since(step.first) < STEP => {
                step.count += 1;
                step.last = now;
            }
            _ => self.steps.push_back(Step {
                first: now,
                last: now,
                count: 1,
            }),
        }
        // The one before the remembered time stays: the span begins at its end.
        while let Some(second) = self.steps.get(1)
            && now.saturating_duration_since(second.first) > REMEMBERED
            && let Some(gone) = self.steps.pop_front()
        {
            self.arrivals -= gone.count;
        }
    }

    /// The mean time between frames, once two have come.
    pub fn period(&self) -> Option<Duration> {
        let (begin, end) = (self.steps.front()?, self.steps.back()?);
        match self.arrivals - begin.count {
            0 => {
                let gaps = begin.count.checked_sub(1).filter(|gaps| *gaps > 0)?;
                Some((begin.last - begin.first) / gaps)
            }
            // What came with the first step may be of the time before it.
            gaps => Some((end.last - begin.last) / gaps),
        }
    }

    /// Whether the source has delivered lately, by its own rate and by `at_most`.
    pub fn is_live(&self, now: Instant, at_most: Duration) -> bool {
        let last = self.steps.back().map(|step| step.last);
        let (Some(last), Some(period)) = (last, self.period()) else {
            return false;
        };
        now.saturating_duration_since(last) <= (period * SILENT_PERIODS).min(at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn what_was_held_back_and_comes_at_once_is_no_faster_source() {
        let began = Instant::now();
        let mut rate = Rate::default();
        for frame in 0..60 {
            rate.arrived(began + MILLIS(40 * frame));
        }
        assert_eq!(rate.period(), Some(MILLIS(40)));
        // 48 frames of 1.92 s in 5 ms, and on.
        let burst = began + MILLIS(59 * 40 + 48 * 40);
        for frame in 0..48 {
            rate.arrived(burst + Duration::from_micros(100 * frame));
        }
        for frame in 1..100 {
            let now = burst + MILLIS(40 * frame);
            rate.arrived(now);
            let period = rate.period().expect("many have come");
            assert!(
                period > MILLIS(19) && period < MILLIS(42),
                "{frame}: {period:?}"
            );
        }
    }

    #[test]
    fn a_slow_source_has_its_own_period() {
        let began = Instant::now();
        let mut rate = Rate::default();
        rate.arrived(began);
        assert_eq!(rate.period(), None);
        for frame in 1..5 {
            rate.arrived(began + MILLIS(7000 * frame));
            assert_eq!(rate.period(), Some(MILLIS(7000)));
        }
        let later = began + MILLIS(28_000 + 1900);
        assert!(rate.is_live(later, MILLIS(2000)));
        assert!(!rate.is_live(later + MILLIS(200), MILLIS(2000)));
    }
}
