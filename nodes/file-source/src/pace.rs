use std::time::{Duration, Instant};

/// A source further behind than this goes on from where it is: no burst after a pause.
const MAX_LATE: Duration = Duration::from_secs(1);

/// Longest wait for the next access unit, whatever its timestamp says.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(10);

/// Maps a file's time line to the clock.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the unit at the nanoseconds was due: the one before.
    last: Option<(Instant, i64)>,
}

/// When a unit is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub at: Instant,
    /// What the file asks to wait, where that is more than [`MAX_WAIT`].
    pub instead_of: Option<Duration>,
}

impl Pace {
    /// When the unit at `nanos` is due. Asked again of the same unit, the answer is the same.
    pub fn due(&mut self, nanos: i64, now: Instant) -> Due {
        let &mut (at, then) = self.last.get_or_insert((now, nanos));
        let wait = Duration::from_nanos(u64::try_from(nanos.saturating_sub(then)).unwrap_or(0));
        let at = at + wait.min(MAX_WAIT);
        // A source further behind goes on from where it is.
        let at = if now.saturating_duration_since(at) > MAX_LATE {
            now
        } else {
            at
        };
        Due {
            at,
            instead_of: (wait > MAX_WAIT).then_some(wait),
        }
    }

    /// The unit at `nanos`, which was due at `due`, is sent.
    pub fn sent(&mut self, nanos: i64, due: Instant) {
        // One that is needed before the one before it does not set the clock back.
        match &mut self.last {
            Some((_, then)) if *then > nanos => {}
            last => *last = Some((due, nanos)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn send(pace: &mut Pace, nanos: i64, now: Instant) -> Instant {
        let due = pace.due(nanos, now);
        assert_eq!(pace.due(nanos, now), due, "asking changes nothing");
        pace.sent(nanos, due.at);
        due.at
    }

    #[test]
    fn begins_with_the_first_unit_and_slips_after_a_pause() {
        let begin = Instant::now();
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(send(&mut pace, 0, begin), begin);
        let at = |now: u64| begin + millis(now);
        assert_eq!(send(&mut pace, 40 * MS, at(1)), at(40));
        // A little late: catches up.
        assert_eq!(send(&mut pace, 80 * MS, at(500)), at(80));
        // After a pause of 10 s: goes on from there.
        assert_eq!(send(&mut pace, 120 * MS, at(10_000)), at(10_000));
        assert_eq!(send(&mut pace, 160 * MS, at(10_000)), at(10_040));
        // Decoding times before the first are due at once.
        assert_eq!(Pace::default().due(-5, begin).at, begin);
        // One that is a little early, and the next, lose no time.
        assert_eq!(send(&mut pace, 150 * MS, at(10_040)), at(10_040));
        assert_eq!(send(&mut pace, 200 * MS, at(10_040)), at(10_080));
    }

    #[test]
    fn no_time_stamp_makes_it_wait_for_long() {
        let begin = Instant::now();
        let mut pace = Pace::default();
        send(&mut pace, 0, begin);
        let due = pace.due(60_000 * MS, begin);
        assert_eq!(due.at, begin + MAX_WAIT);
        assert_eq!(due.instead_of, Some(Duration::from_secs(60)));
        pace.sent(60_000 * MS, due.at);
        // The next follows it as the file says.
        let next = pace.due(60_100 * MS, due.at);
        assert_eq!(next.at, due.at + Duration::from_millis(100));
        assert_eq!(next.instead_of, None);
        for nanos in [i64::MAX, i64::MIN, 0, i64::MAX] {
            let due = pace.due(nanos, due.at);
            assert!(due.at <= next.at + MAX_WAIT, "{nanos}");
            pace.sent(nanos, due.at);
        }
    }
}
