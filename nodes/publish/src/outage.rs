//! What the log says of a receiver that is away: when that begins, now and then while it lasts, and when
//! it is over.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::failure::Failure;

/// How often an outage that lasts is said again.
const SAY_EVERY: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(crate) struct Outage {
    receiver: String,
    /// When it began, and when it was said last.
    since: Option<(Instant, Instant)>,
    was_there: bool,
}

impl Outage {
    pub fn new(receiver: &str) -> Self {
        Self {
            receiver: receiver.to_owned(),
            since: None,
            was_there: false,
        }
    }

    pub fn lasts(&mut self, failure: &Failure, waiting: u64, now: Instant) {
        if let Some(line) = self.line(failure, waiting, now) {
            warn!("{line}");
        }
    }

    fn line(&mut self, failure: &Failure, waiting: u64, now: Instant) -> Option<String> {
        let (since, is_due) = match self.since {
            None => (now, true),
            Some((since, said)) => (since, now.saturating_duration_since(said) >= SAY_EVERY),
        };
        if !is_due {
            return None;
        }
        self.since = Some((since, now));
        let seconds = now.saturating_duration_since(since).as_secs();
        let lasts = if seconds == 0 {
            String::new()
        } else {
            format!(" for {seconds} s")
        };
        Some(format!(
            "{} is away{lasts}: {failure}; events wait in the queue ({waiting} so far)",
            self.receiver
        ))
    }

    pub fn ends(&mut self, waiting: u64, now: Instant) {
        if let Some((since, _)) = self.since.take() {
            let seconds = now.saturating_duration_since(since).as_secs();
            info!(
                "{} is back after {seconds} s; {waiting} events wait",
                self.receiver
            );
        } else if !self.was_there {
            info!("{} takes events; {waiting} wait", self.receiver);
        }
        self.was_there = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Reason;

    #[test]
    fn an_outage_is_said_when_it_begins_and_now_and_then() {
        let mut outage = Outage::new("mqtt://host:1883");
        let refused = Failure::new(Reason::Connection, "refused");
        let start = Instant::now();
        let line = outage.line(&refused, 3, start).expect("news");
        assert_eq!(
            line,
            "mqtt://host:1883 is away: refused; events wait in the queue (3 so far)"
        );
        assert_eq!(
            outage.line(&refused, 9, start + Duration::from_secs(30)),
            None
        );
        let later = outage.line(&refused, 90, start + SAY_EVERY);
        assert!(later.is_some_and(|it| it.contains("for 600 s")));
        outage.ends(90, start + SAY_EVERY);
        assert!(outage.line(&refused, 0, start + SAY_EVERY).is_some());
    }
}
