//! Rates and times of one camera, over its last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long rates and times are taken.
const WINDOW: Duration = Duration::from_secs(5);
/// Values that are kept at most.
const MOST: usize = 2048;

/// Moments, each with a value.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    values: VecDeque<(Instant, f32)>,
    since: Option<Instant>,
}

impl Meter {
    pub fn note(&mut self, value: f32, now: Instant) {
        self.since.get_or_insert(now);
        if self.values.len() == MOST {
            self.values.pop_front();
        }
        self.values.push_back((now, value));
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |came: Instant| now.saturating_duration_since(came) >= WINDOW;
        while self.values.front().is_some_and(|(came, _)| is_old(*came)) {
            self.values.pop_front();
        }
        if self.values.is_empty() {
            self.since = None;
        }
    }

    /// How many a second came lately.
    pub fn rate(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let (Some((first, _)), Some((last, _))) = (self.values.front(), self.values.back()) else {
            return 0.0;
        };
        // n moments span n - 1 periods; one that stopped within the window becomes slower.
        let span = last.saturating_duration_since(*first);
        let silent = now.saturating_duration_since(*last);
        let periods = self.values.len() - 1;
        if periods == 0 || span.is_zero() {
            return self.values.len() as f64 / WINDOW.as_secs_f64();
        }
        let period = span / u32::try_from(periods).unwrap_or(u32::MAX);
        let over = if silent > 3 * period {
            span + silent
        } else {
            span
        };
        periods as f64 / over.as_secs_f64()
    }

    /// The median of the last values and their 95th percentile.
    pub fn percentiles(&mut self, now: Instant) -> Option<(f32, f32)> {
        self.forget(now);
        let mut sorted: Vec<f32> = self.values.iter().map(|(_, value)| *value).collect();
        sorted.sort_by(f32::total_cmp);
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(index).copied()
        };
        Some((at(50)?, at(95)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut meter = Meter::default();
        assert_eq!(meter.rate(start), 0.0);
        for frame in 0..250_u64 {
            meter.note(1.0, start + Duration::from_millis(40 * frame));
        }
        let last = start + Duration::from_millis(40 * 249);
        assert!(
            (meter.rate(last) - 25.0).abs() < 0.1,
            "{}",
            meter.rate(last)
        );
        assert!(meter.rate(last + WINDOW / 2) < 13.0, "it has stopped");
        assert_eq!(meter.rate(last + WINDOW), 0.0);
    }

    #[test]
    fn percentiles_are_of_values_that_were_there() {
        let now = Instant::now();
        let mut meter = Meter::default();
        assert_eq!(meter.percentiles(now), None);
        for value in 1..=100 {
            meter.note(value as f32, now);
        }
        assert_eq!(meter.percentiles(now), Some((50.0, 95.0)));
    }
}
