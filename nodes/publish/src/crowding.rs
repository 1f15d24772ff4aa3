//! What the log says of rows that are dropped as the queue is full: when that begins, and now and then while
//! it lasts.

use std::time::{Duration, Instant};

/// How often it is said again.
const SAY_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Crowding {
    /// Rows of which the log says that they were dropped.
    said: u64,
    at: Option<Instant>,
}

impl Crowding {
    /// The line that is due, when so many rows were dropped in all.
    pub fn line(&mut self, dropped: u64, now: Instant) -> Option<String> {
        let is_due = |at| now.saturating_duration_since(at) >= SAY_EVERY;
        if dropped == self.said || !self.at.is_none_or(is_due) {
            return None;
        }
        let new = dropped - self.said;
        (self.said, self.at) = (dropped, Some(now));
        Some(format!(
            "the queue is full: its oldest {new} undelivered rows are dropped, {dropped} so far (SPOOL_MB)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_said_now_and_then() {
        let (mut crowding, start) = (Crowding::default(), Instant::now());
        assert_eq!(crowding.line(0, start), None);
        let first = crowding.line(5, start).expect("news");
        assert!(
            first.contains("oldest 5 undelivered rows are dropped"),
            "{first}"
        );
        assert_eq!(crowding.line(9, start + SAY_EVERY / 2), None);
        let later = crowding.line(9, start + SAY_EVERY).expect("news");
        assert!(
            later.contains("oldest 4") && later.contains("9 so far"),
            "{later}"
        );
        assert_eq!(crowding.line(9, start + 2 * SAY_EVERY), None);
    }
}
