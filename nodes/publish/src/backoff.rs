//! When the next attempt is made.

use std::time::Duration;

use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(250);
/// A connection that has lasted for so long was a good one.
const GOOD: Duration = Duration::from_secs(5);

/// Waits that double up to a bound, each shortened by up to half by chance, so that many nodes do not
/// come back at one instant.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub fn new(most: Duration) -> Self {
        Self {
            next: FIRST.min(most),
            most,
        }
    }

    /// Notes what was before this failure: what was delivered, or a connection that lasted, ends the one
    /// before.
    pub fn after(&mut self, has_delivered: bool, lasted: Duration) {
        if has_delivered || lasted >= GOOD {
            self.next = FIRST.min(self.most);
        }
    }

    /// The next wait; at least what the receiver asked for, which has no bound of ours.
    pub fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.next = (self.next * 2).min(self.most);
        wait.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let most = Duration::from_secs(2);
        let mut backoff = Backoff::new(most);
        let waits: Vec<Duration> = (0..9).map(|_| backoff.wait(None)).collect();
        assert!(waits[0] <= FIRST && waits.iter().all(|it| *it <= most));
        assert!(waits[8] >= most / 2);
        assert_eq!(
            backoff.wait(Some(Duration::from_secs(60))),
            Duration::from_secs(60)
        );
        for (has_delivered, lasted) in [(true, Duration::ZERO), (false, GOOD)] {
            while backoff.wait(None) < most / 2 {}
            // A broker that takes the connection and then nothing is no good one.
            backoff.after(false, GOOD / 2);
            assert!(backoff.wait(None) >= most / 2);
            backoff.after(has_delivered, lasted);
            assert!(backoff.wait(None) <= FIRST);
        }
    }
}
