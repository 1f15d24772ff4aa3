//! How often something may be done.

use std::time::Instant;

/// So many at once, and so many a second on average.
#[derive(Debug)]
pub(crate) struct Budget {
    burst: f64,
    per_second: f64,
    left: f64,
    since: Instant,
}

impl Budget {
    pub fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self {
            burst,
            per_second: f64::from(per_second),
            left: burst,
            since: now,
        }
    }

    /// Whether one more may be done now; one that may not costs nothing.
    pub fn takes(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.left = (self.left + seconds * self.per_second).min(self.burst);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let now = Instant::now();
        let mut budget = Budget::new(30, 5, now);
        assert!((0..30).all(|_| budget.takes(now)));
        assert!((0..100).all(|_| !budget.takes(now)));
        assert!(
            budget.takes(now + Duration::from_millis(210)),
            "the refused cost nothing"
        );
        let mut budget = Budget::new(30, 5, now);
        assert!((0..1000).all(|number| budget.takes(now + Duration::from_millis(200 * number))));
    }
}
