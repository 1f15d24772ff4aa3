use tokio::time::{Duration, Instant};

use crate::Limits;

/// Bounds bytes a second; a second's worth may come at once.
#[derive(Debug)]
pub(crate) struct Rate {
    bytes_per_second: f64,
    left: f64,
    at: Instant,
    /// Since when the peer has made no pause worth a quarter of a second's bytes.
    behind_since: Option<Instant>,
}

impl Rate {
    /// From now on.
    pub fn of(limits: Limits) -> Self {
        Self::new(
            limits.bytes_per_second,
            limits.bytes_at_start,
            Instant::now(),
        )
    }

    /// `at_start`: bytes that may come at once to begin with.
    pub fn new(bytes_per_second: u32, at_start: u32, now: Instant) -> Self {
        Self {
            bytes_per_second: f64::from(bytes_per_second.max(1)),
            left: f64::from(at_start.max(1)),
            at: now,
            behind_since: None,
        }
    }

    pub fn charge(&mut self, bytes: u32) {
        self.left -= f64::from(bytes);
    }

    /// Until when nothing may be read.
    pub fn wait_until(&mut self, now: Instant) -> Option<Instant> {
        if self.left > 0.0 {
            return None;
        }
        let earned = now.duration_since(self.at).as_secs_f64() * self.bytes_per_second;
        self.left = (self.left + earned).min(self.bytes_per_second);
        self.at = now;
        if self.left > self.bytes_per_second / 4.0 {
            self.behind_since = None;
        }
        (self.left <= 0.0).then(|| {
            self.behind_since.get_or_insert(now);
            // At least a twentieth of a second's worth, so that it is not waited for each packet.
            let missing = self.bytes_per_second / 20.0 - self.left;
            now + Duration::from_secs_f64(missing / self.bytes_per_second)
        })
    }

    /// How long the peer has sent more than may be read. A peer that has made a pause since is
    /// found out by the next [`Rate::wait_until`].
    pub fn behind(&self, now: Instant) -> Duration {
        let since = self.behind_since;
        since.map_or(Duration::ZERO, |it| now.duration_since(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn who_sends_too_much_waits() {
        let mut now = Instant::now();
        let mut rate = Rate::new(1000, 1000, now);
        assert_eq!(rate.wait_until(now), None);
        rate.charge(1900);
        now += MILLIS(100);
        // 800 bytes more than there were, and a twentieth of a second's.
        assert_eq!(rate.wait_until(now), Some(now + MILLIS(850)));
    }

    #[test]
    fn who_makes_no_pause_is_behind() {
        let mut now = Instant::now();
        let mut rate = Rate::new(1000, 1000, now);
        for _ in 0..100 {
            rate.charge(50);
            now = rate.wait_until(now).unwrap_or(now);
        }
        // Of 5,000 bytes the first 1,000 came at once.
        let behind = rate.behind(now);
        assert!(behind > MILLIS(3900) && behind < MILLIS(4100), "{behind:?}");
        // A short pause is none.
        now += MILLIS(100);
        rate.charge(200);
        assert!(rate.wait_until(now).is_some());
        assert!(rate.behind(now) > behind);
        now += MILLIS(600);
        rate.charge(200);
        assert_eq!(rate.wait_until(now), None);
        assert_eq!(rate.behind(now), Duration::ZERO);
    }
}
