//! A camera that waits for a decoder because no more can be opened.

use std::time::{Duration, Instant};

/// From a failed attempt to the next; doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Since when, and until when.
#[derive(Debug)]
pub(crate) struct Shortage {
    since: Instant,
    wait: Duration,
    due: Instant,
    /// [`Backend::released`](crate::Backend::released) before the last attempt.
    released: u64,
}

impl Shortage {
    /// After the first failed attempt.
    pub fn begin(now: Instant, released: u64) -> Self {
        Self {
            since: now,
            wait: FIRST_WAIT,
            due: now + FIRST_WAIT,
            released,
        }
    }

    /// After another failed attempt.
    pub fn go_on(&mut self, now: Instant, released: u64) {
        // A released decoder that another camera has got says nothing about the rest.
        if now >= self.due {
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        self.due = now + self.wait;
        self.released = released;
    }

    /// Whether to try again: the wait is over, or a decoder has been released since the last
    /// attempt.
    pub fn is_due(&self, now: Instant, released: u64) -> bool {
        now >= self.due || released != self.released
    }

    /// How long the camera has waited so far.
    pub fn duration(&self, now: Instant) -> Duration {
        now.duration_since(self.since)
    }

    /// From the last attempt to the next, unless a decoder is released before.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// As if the wait were over.
    #[cfg(test)]
    pub fn end_wait(&mut self) {
        self.due = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_one_second_to_thirty() {
        let mut now = Instant::now();
        let mut shortage = Shortage::begin(now, 7);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(shortage.wait(), Duration::from_secs(seconds));
            assert!(!shortage.is_due(now, 7));
            now += Duration::from_secs(seconds);
            assert!(!shortage.is_due(now - Duration::from_millis(1), 7));
            assert!(shortage.is_due(now, 7));
            shortage.go_on(now, 7);
        }
        assert_eq!(shortage.duration(now), Duration::from_secs(91));
    }

    #[test]
    fn a_released_decoder_is_tried_for_at_once_and_once() {
        let now = Instant::now();
        let mut shortage = Shortage::begin(now, 7);
        assert!(!shortage.is_due(now, 7));
        assert!(shortage.is_due(now, 8));
        shortage.go_on(now, 8);
        assert!(!shortage.is_due(now, 8));
        assert_eq!(shortage.wait(), FIRST_WAIT, "it was tried before its time");
    }
}
