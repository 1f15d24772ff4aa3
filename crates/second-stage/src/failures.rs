//! Why objects have no answer, for the log: a line at once, then one a minute at most.

use std::time::{Duration, Instant};

use tracing::warn;

/// From one line to the next.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Questions that have failed since the last line.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    said: Option<Instant>,
    count: u64,
}

impl Failures {
    /// Notes that a question about an object of a camera has failed.
    pub fn note(&mut self, camera: &str, why: &str) {
        if let Some(line) = self.line(camera, why, Instant::now()) {
            warn!("{line}");
        }
    }

    fn line(&mut self, camera: &str, why: &str, now: Instant) -> Option<String> {
        self.count += 1;
        let is_due = |said: Instant| now.saturating_duration_since(said) >= SAY_EVERY;
        if !self.said.is_none_or(is_due) {
            return None;
        }
        self.said = Some(now);
        Some(match std::mem::take(&mut self.count) {
            1 => format!("camera '{camera}': an object is not looked at: {why}"),
            count => {
                format!("{count} objects were not looked at, the last of camera '{camera}': {why}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_reported_and_then_one_line_a_minute() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..=60 {
            let now = start + Duration::from_secs(second);
            lines.extend(failures.line("north", "no numbers", now));
        }
        assert_eq!(
            lines,
            [
                "camera 'north': an object is not looked at: no numbers",
                "60 objects were not looked at, the last of camera 'north': no numbers"
            ]
        );
    }
}
