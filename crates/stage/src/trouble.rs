//! An output that cannot be written: that is logged when it begins, while it lasts and when it is
//! over, with how many results were lost, in two lines a minute at most.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tracing::{error, warn};

/// How often trouble that lasts, or that comes and goes, is reported.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// An output's trouble.
#[derive(Debug, Default)]
pub struct Trouble {
    /// Whose results were not written at the last try: cameras, or '' for an output of all.
    failing: BTreeSet<String>,
    /// When the last line about failure was logged.
    said: Option<Instant>,
    /// Whether the log has a line about failure, and none yet that it is over.
    is_open: bool,
    lost: u64,
}

/// What is to be logged.
#[derive(Debug, PartialEq)]
enum Line {
    Fails(String),
    Over(String),
}

impl Trouble {
    /// Notes how it went with the `output` of a camera ('' for an output of all): `Err` has how many
    /// results were lost, and why. What it logs begins with the output's name.
    pub fn note(&mut self, output: &str, camera: &str, result: Result<(), (u64, &str)>) {
        match self.line(camera, result, Instant::now()) {
            Some(Line::Fails(line)) => error!("{output}: {line}"),
            Some(Line::Over(line)) => warn!("{output}: {line}"),
            None => {}
        }
    }

    /// Logs what was lost since the last line of the output: nothing comes after this.
    pub fn close(&mut self, output: &str) {
        if let Some(line) = self.last_line() {
            warn!("{output}: {line}");
        }
    }

    fn line(
        &mut self,
        camera: &str,
        result: Result<(), (u64, &str)>,
        now: Instant,
    ) -> Option<Line> {
        let Err((lost, why)) = result else {
            self.failing.remove(camera);
            // What came and went between two lines is reported as well, once a line is due.
            let is_due = self.is_open || (self.lost > 0 && self.is_due(now));
            if !self.failing.is_empty() || !is_due {
                return None;
            }
            if !std::mem::take(&mut self.is_open) {
                self.said = Some(now);
            }
            let lost = std::mem::take(&mut self.lost);
            return Some(Line::Over(format!("written again; {lost} were not")));
        };
        self.failing.insert(camera.to_owned());
        self.lost += lost;
        if !self.is_due(now) {
            return None;
        }
        self.said = Some(now);
        let cameras = match self.failing.len() {
            0 | 1 => String::new(),
            count => format!(" of {count} cameras"),
        };
        Some(Line::Fails(if std::mem::replace(&mut self.is_open, true) {
            format!("still not written{cameras}, {} so far: {why}", self.lost)
        } else {
            format!("not written{cameras}: {why}; the run continues, and what is lost is counted")
        }))
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_due = |said: Instant| now.duration_since(said) >= SAY_EVERY;
        self.said.is_none_or(is_due)
    }

    fn last_line(&mut self) -> Option<String> {
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| match self.failing.is_empty() {
            true => format!("written again; {lost} were not"),
            false => format!("not written at the end; {lost} were not"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_works_does_not_end_the_trouble_of_another() {
        let mut trouble = Trouble::default();
        let begin = Instant::now();
        let mut lines = Vec::new();
        // Ten minutes, a frame of each a second.
        for second in 0..600 {
            let now = begin + Duration::from_secs(second);
            lines.extend(trouble.line("cam1", Err((1, "foreign")), now));
            lines.extend(trouble.line("cam2", Ok(()), now));
        }
        assert_eq!(lines.len(), 10, "{lines:?}");
        assert!(lines.iter().all(|line| matches!(line, Line::Fails(_))));
        let line = trouble.line("cam1", Ok(()), begin);
        assert_eq!(
            line,
            Some(Line::Over("written again; 600 were not".to_owned()))
        );
    }

    #[test]
    fn what_comes_and_goes_has_two_lines_a_minute() {
        let mut trouble = Trouble::default();
        let begin = Instant::now();
        let mut lines = Vec::new();
        for second in 0..600 {
            let now = begin + Duration::from_secs(second);
            let result = if second % 2 == 0 {
                Err((1, "full"))
            } else {
                Ok(())
            };
            lines.extend(trouble.line("", result, now));
        }
        assert_eq!(lines.len(), 20, "{lines:?}");
        // What was not said meanwhile is in the next line.
        assert_eq!(
            lines[3],
            Line::Over("written again; 30 were not".to_owned())
        );
    }

    #[test]
    fn what_fails_soon_after_it_was_written_again_is_reported_too() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let over = |lost: u64| Some(Line::Over(format!("written again; {lost} were not")));
        let mut trouble = Trouble::default();
        assert!(trouble.line("", Err((11, "full")), at(0)).is_some());
        assert_eq!(trouble.line("", Ok(()), at(1)), over(11));
        assert_eq!(trouble.line("", Err((8, "full")), at(2)), None);
        assert_eq!(trouble.line("", Ok(()), at(3)), None);
        assert_eq!(trouble.line("", Ok(()), at(60)), over(8));
        assert_eq!(trouble.line("", Ok(()), at(61)), None);
        // At the end at once.
        assert_eq!(trouble.line("", Err((2, "full")), at(62)), None);
        let last = trouble.last_line();
        assert_eq!(last.as_deref(), Some("not written at the end; 2 were not"));
        assert_eq!(trouble.last_line(), None);
    }
}
