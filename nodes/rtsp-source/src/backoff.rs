use std::time::Duration;

/// Waits between attempts: doubling from `min` to `max`, each shortened by chance to
/// between half and all of it, so that cameras lost together do not return together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            next: min,
        }
    }

    /// The next wait; `share` is from 0 to 1, by chance.
    pub fn next(&mut self, share: f64) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.max);
        wait.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0)
    }

    /// The longest wait.
    pub fn longest(&self) -> Duration {
        self.max
    }

    /// After a session that lasted.
    pub fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_begins_anew() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(200), millis(1000));
        let waits: Vec<_> = (0..5).map(|_| backoff.next(1.0)).collect();
        assert_eq!(waits, [200, 400, 800, 1000, 1000].map(millis));
        backoff.reset();
        assert_eq!(backoff.next(0.0), millis(100));
        assert_eq!(backoff.next(0.5), millis(300));
    }
}
