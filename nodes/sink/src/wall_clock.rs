//! The time of day, as far as it is believed when files are removed by their age.

use std::time::{Duration, Instant, SystemTime};

/// A clock that is ahead by more was set, and perhaps wrongly.
const JUMP: Duration = Duration::from_secs(86_400);
/// So long it has to stay there: what sets clocks rightly again does so within minutes.
const BELIEVED_AFTER: Duration = Duration::from_secs(3600);

/// The time of day, which must not remove a history because the clock was wrong for a moment.
pub(crate) struct WallClock {
    /// A time that is believed, and when that was.
    believed: (SystemTime, Instant),
    /// Since when the clock is far ahead of it.
    ahead: Option<Instant>,
}

impl WallClock {
    /// The clock says `now`, and the newest segment is of `newest`.
    pub fn new(now: SystemTime, newest: Option<SystemTime>, at: Instant) -> Self {
        Self {
            believed: (newest.unwrap_or(now), at),
            ahead: None,
        }
    }

    /// The time to go by, while the clock says `now`.
    pub fn believed(&mut self, now: SystemTime, at: Instant) -> SystemTime {
        let (time, since) = self.believed;
        let expected = time + at.duration_since(since);
        let ahead = now.duration_since(expected).unwrap_or_default();
        if ahead > JUMP {
            let since = *self.ahead.get_or_insert(at);
            if at.duration_since(since) < BELIEVED_AFTER {
                return expected;
            }
        }
        self.ahead = None;
        self.believed = (now, at);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_forward_counts_when_it_lasts() {
        let (begin, at) = (SystemTime::now(), Instant::now());
        let after = |minutes: u64| Duration::from_secs(60 * minutes);
        let year = Duration::from_secs(365 * 86_400);
        let mut clock = WallClock::new(begin, None, at);
        assert_eq!(
            clock.believed(begin + after(5), at + after(5)),
            begin + after(5)
        );
        // Wrong for ten minutes.
        for minute in 6..16 {
            let now = clock.believed(begin + year + after(minute), at + after(minute));
            assert_eq!(now, begin + after(minute));
        }
        assert_eq!(
            clock.believed(begin + after(16), at + after(16)),
            begin + after(16)
        );
        // The machine was off for a year, or its clock was wrong before.
        let mut clock = WallClock::new(begin + year, Some(begin), at);
        assert_eq!(clock.believed(begin + year, at), begin);
        let now = begin + year + after(60);
        assert_eq!(clock.believed(now, at + after(60)), now);
        // Back it goes at once: that removes nothing.
        assert_eq!(clock.believed(begin, at + after(61)), begin);
    }
}
