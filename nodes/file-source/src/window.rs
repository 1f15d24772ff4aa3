use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Frames of one camera that were sent and have not come back.
#[derive(Debug, Default)]
pub(crate) struct Window {
    sent: BTreeMap<u64, Instant>,
}

impl Window {
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    pub fn sent(&mut self, sequence: u64, now: Instant) {
        self.sent.insert(sequence, now);
    }

    /// Whether `sequence` was awaited.
    pub fn returned(&mut self, sequence: u64) -> bool {
        self.sent.remove(&sequence).is_some()
    }

    /// Gives up frames that were sent before `now - timeout`; how many.
    pub fn expire(&mut self, now: Instant, timeout: Duration) -> u64 {
        let before = self.sent.len();
        self.sent
            .retain(|_, sent| now.saturating_duration_since(*sent) < timeout);
        (before - self.sent.len()) as u64
    }

    /// When the next frame is given up.
    pub fn next_expiry(&self, timeout: Duration) -> Option<Instant> {
        self.sent.first_key_value().map(|(_, sent)| *sent + timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_free_up_by_return_or_time() {
        let begin = Instant::now();
        let millis = Duration::from_millis;
        let mut window = Window::default();
        for sequence in 0..4 {
            window.sent(sequence, begin + millis(10 * sequence));
        }
        assert!(window.returned(1) && !window.returned(1) && !window.returned(9));
        assert_eq!(window.next_expiry(millis(100)), Some(begin + millis(100)));
        assert_eq!(window.expire(begin + millis(99), millis(100)), 0);
        assert_eq!(window.expire(begin + millis(120), millis(100)), 2);
        assert_eq!((window.len(), window.is_empty()), (1, false));
        assert_eq!(window.next_expiry(millis(100)), Some(begin + millis(130)));
    }
}
