use serde::{Deserialize, Serialize};

/// Durations in nanoseconds, from 1 us to 1,000 s, with three significant digits.
#[derive(Debug, Clone)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

const LOWEST: u64 = 1_000;
const LOWEST_FINE: u64 = 100;
const HIGHEST: u64 = 1_000_000_000_000;

impl Default for Histogram {
    fn default() -> Self {
        let inner = hdrhistogram::Histogram::new_with_bounds(LOWEST, HIGHEST, 3)
            .expect("the bounds are constants that the histogram accepts");
        Self(inner)
    }
}

impl Histogram {
    /// A histogram that tells durations from 100 ns on apart.
    #[must_use]
    pub fn fine() -> Self {
        let inner = hdrhistogram::Histogram::new_with_bounds(LOWEST_FINE, HIGHEST, 3)
            .expect("the bounds are constants that the histogram accepts");
        Self(inner)
    }

    /// Adds a duration; what lies outside the range counts at its end.
    pub fn record(&mut self, nanos: i64) {
        self.0.saturating_record(u64::try_from(nanos).unwrap_or(0));
    }

    /// Adds the same duration `count` times.
    pub fn record_many(&mut self, nanos: i64, count: u64) {
        let nanos = u64::try_from(nanos).unwrap_or(0);
        self.0.saturating_record_n(nanos, count);
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The percentiles, or `None` where nothing was recorded.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e6;
        Some(Percentiles {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentiles(), None);
        for millis in 1..=1000 {
            histogram.record(millis * 1_000_000);
        }
        let found = histogram.percentiles().expect("1000 values were recorded");
        assert!((found.p50 - 500.0).abs() < 1.0, "{found:?}");
        assert!((found.p95 - 950.0).abs() < 1.5, "{found:?}");
        assert!((found.p99 - 990.0).abs() < 1.5, "{found:?}");
    }

    #[test]
    fn values_outside_the_range_are_kept_at_its_ends() {
        let mut histogram = Histogram::default();
        histogram.record(-5);
        histogram.record(i64::MAX);
        assert_eq!(histogram.count(), 2);
    }
}
