//! How often the table is shown.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::settings::TableEvery;

/// On a terminal.
const LIVE: Duration = Duration::from_secs(2);
/// Elsewhere the table goes into a log, which dora keeps: 64 cameras are 13 KB each time, 570 MB a
/// day at the rate of a terminal. So it comes at first as often, and then rarer and rarer.
const RAREST: Duration = Duration::from_secs(3600);

/// When the table is due.
#[derive(Debug)]
pub(crate) struct Pace {
    /// None where there is no table.
    every: Option<Duration>,
    /// How long it takes at most, where the time doubles with each table.
    rarest: Option<Duration>,
    shown: Instant,
}

impl Pace {
    /// As the settings have it.
    pub fn of(every: TableEvery, now: Instant) -> Self {
        match every {
            TableEvery::Auto => {
                let rarest = (!std::io::stdout().is_terminal()).then_some(RAREST);
                Self::new(Some(LIVE), rarest, now)
            }
            TableEvery::Time(every) => Self::new((!every.is_zero()).then_some(every), None, now),
        }
    }

    fn new(every: Option<Duration>, rarest: Option<Duration>, now: Instant) -> Self {
        Self {
            every,
            rarest,
            shown: now,
        }
    }

    /// Whether there is a table at all.
    pub fn is_on(&self) -> bool {
        self.every.is_some()
    }

    /// Whether it is to be shown now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let Some(every) = self.every else {
            return false;
        };
        if now.duration_since(self.shown) < every {
            return false;
        }
        self.shown = now;
        if let Some(rarest) = self.rarest {
            self.every = Some((every * 2).min(rarest));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables within a day, looked at every quarter of a second.
    fn in_a_day(mut pace: Pace, begin: Instant) -> usize {
        let looks = (0..4 * 86_400).map(|look| begin + Duration::from_millis(250 * look));
        looks.filter(|now| pace.is_due(*now)).count()
    }

    #[test]
    fn a_log_gets_few_tables_a_day_and_a_terminal_all() {
        let now = Instant::now();
        let logged = in_a_day(Pace::new(Some(LIVE), Some(RAREST), now), now);
        assert!((24..=36).contains(&logged), "{logged}");
        assert_eq!(in_a_day(Pace::new(Some(LIVE), None, now), now), 43_199);
        assert_eq!(in_a_day(Pace::new(None, None, now), now), 0);
    }
}
