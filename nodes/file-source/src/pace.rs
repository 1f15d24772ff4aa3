use std::time::{Duration, Instant};

/// A source further behind than this goes on from where it is: no burst after a pause.
const MAX_LATE: Duration = Duration::from_secs(1);

/// Maps a file's time line to the clock.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    begin: Option<Instant>,
}

impl Pace {
    /// When the unit at `nanos` is due.
    pub fn due(&mut self, nanos: i64, now: Instant) -> Instant {
        let offset = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
        let due = *self.begin.get_or_insert(now) + offset;
        let late = now.saturating_duration_since(due);
        if late <= MAX_LATE {
            return due;
        }
        self.begin = self.begin.map(|begin| begin + late);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_the_first_unit_and_slips_after_a_pause() {
        let begin = Instant::now();
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.due(0, begin), begin);
        assert_eq!(pace.due(40_000_000, begin + millis(1)), begin + millis(40));
        // A little late: catches up.
        assert_eq!(
            pace.due(80_000_000, begin + millis(500)),
            begin + millis(80)
        );
        // After a pause of 10 s: goes on from there.
        let resumed = begin + millis(10_000);
        assert_eq!(pace.due(120_000_000, resumed), resumed);
        assert_eq!(pace.due(160_000_000, resumed), resumed + millis(40));
        // Decoding times before the first are due at once.
        assert_eq!(Pace::default().due(-5, begin), begin);
    }
}
