//! When the next attempt is made.

use std::time::Duration;

use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(250);

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

    pub fn reset(&mut self) {
        self.next = FIRST.min(self.most);
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
        backoff.reset();
        assert!(backoff.wait(None) <= FIRST);
    }
}
