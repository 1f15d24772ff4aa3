//! Keeps a source that delivers in bursts (HLS, a file behind a URL) at its own speed.

use std::time::{Duration, Instant};

/// A source may play so much faster than its times say: a camera's clock is never exactly ours,
/// and what is held back must not grow.
const SPEED_PERCENT: u64 = 102;

/// When access units may be passed on.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How far a source may be ahead of its times.
    lead: Duration,
    /// An instant and the presentation time that is due at it.
    anchor: Option<(Instant, i64)>,
}

impl Pace {
    pub fn new(lead: Duration) -> Self {
        Self { lead, anchor: None }
    }

    /// How long the access unit with this presentation time must wait.
    pub fn wait(&mut self, pts_nanos: i64, now: Instant) -> Duration {
        let (at, from) = *self.anchor.get_or_insert((now, pts_nanos));
        let ahead = u64::try_from(pts_nanos.saturating_sub(from)).unwrap_or(0);
        let ahead = Duration::from_nanos(ahead / SPEED_PERCENT * 100);
        let since = now.saturating_duration_since(at);
        if ahead < since {
            // Late: the source is at its live edge, which is where it should be.
            self.anchor = Some((now, pts_nanos));
            return Duration::ZERO;
        }
        ahead.saturating_sub(since).saturating_sub(self.lead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn bursts_wait_and_late_units_do_not() {
        let begin = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(2));
        assert_eq!(pace.wait(0, begin), Duration::ZERO);
        assert_eq!(pace.wait(2 * SECOND, begin), Duration::ZERO, "the lead");
        let wait = pace.wait(7 * SECOND, begin).as_secs_f64();
        assert!((4.8..5.0).contains(&wait), "{wait}");
        // Late by 3 s: what follows is measured from there.
        let late = begin + Duration::from_secs(10);
        assert_eq!(pace.wait(7 * SECOND, late), Duration::ZERO);
        let wait = pace.wait(10 * SECOND, late).as_secs_f64();
        assert!((0.9..1.0).contains(&wait), "{wait}");
    }

    #[test]
    fn times_that_go_back_do_not_wait() {
        let begin = Instant::now();
        let mut pace = Pace::new(Duration::ZERO);
        assert_eq!(pace.wait(i64::MAX, begin), Duration::ZERO);
        assert_eq!(pace.wait(i64::MIN, begin), Duration::ZERO);
    }
}
