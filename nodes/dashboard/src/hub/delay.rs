//! How long the detections of a camera take to come after their access unit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many delays count.
const RECENT: usize = 128;
/// Above the 95th percentile: frames that take a little longer than most are in step, too.
const MARGIN: Duration = Duration::from_millis(20);
/// A camera without detections for so long has none: no frame waits for any.
const SILENT: Duration = Duration::from_secs(10);

/// The delays of one camera's detections.
#[derive(Debug)]
pub(crate) struct Delay {
    /// A frame waits for its detections for so long at most.
    most: Duration,
    recent: VecDeque<Duration>,
    last: Option<Instant>,
    wait: Duration,
    is_too_long: bool,
    unused: usize,
}

impl Delay {
    pub fn new(most: Duration) -> Self {
        Self {
            most,
            recent: VecDeque::new(),
            last: None,
            wait: Duration::ZERO,
            is_too_long: false,
            unused: 0,
        }
    }

    /// Notes that a frame's detections came `delay` after its access unit.
    pub fn note(&mut self, delay: Duration, now: Instant) {
        let was_silent = self.last.is_none_or(|last| is_silent(last, now));
        if was_silent {
            self.recent.clear();
        }
        self.last = Some(now);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(delay);
        self.unused += 1;
        // The more there are, the less one more changes.
        if self.unused * 16 >= self.recent.len() {
            self.unused = 0;
            let wait = percentile(&self.recent) + MARGIN;
            self.is_too_long = wait > self.most;
            self.wait = wait.min(self.most);
        }
    }

    /// Whether detections take longer than a frame may wait.
    pub fn is_too_long(&self, now: Instant) -> bool {
        self.is_too_long && !self.wait(now).is_zero()
    }

    /// How long a frame waits for its detections.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.last {
            Some(last) if !is_silent(last, now) => self.wait,
            _ => Duration::ZERO,
        }
    }
}

fn is_silent(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) >= SILENT
}

/// The 95th percentile.
fn percentile(delays: &VecDeque<Duration>) -> Duration {
    let mut sorted: Vec<Duration> = delays.iter().copied().collect();
    sorted.sort_unstable();
    let index = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_MOST: Duration = Duration::from_millis(400);

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn frames_wait_as_long_as_nearly_all_detections_take() {
        let now = Instant::now();
        let mut delay = Delay::new(AT_MOST);
        assert_eq!(delay.wait(now), Duration::ZERO, "none have come");
        for number in 1..=100 {
            delay.note(millis(number), now);
        }
        let wait = delay.wait(now);
        assert!(
            (millis(91) + MARGIN..=millis(95) + MARGIN).contains(&wait),
            "{wait:?}"
        );
        for _ in 0..RECENT {
            delay.note(millis(10), now);
        }
        assert_eq!(
            delay.wait(now),
            millis(10) + MARGIN,
            "the old ones are over"
        );
        for _ in 0..RECENT {
            delay.note(millis(900), now);
        }
        assert_eq!(delay.wait(now), AT_MOST);
        assert!(delay.is_too_long(now) && !delay.is_too_long(now + SILENT));
    }

    #[test]
    fn nobody_waits_for_detections_that_have_ended() {
        let now = Instant::now();
        let mut delay = Delay::new(AT_MOST);
        delay.note(millis(100), now);
        assert_eq!(delay.wait(now), millis(120));
        assert_eq!(delay.wait(now + SILENT), Duration::ZERO);
        delay.note(millis(5), now + SILENT);
        assert_eq!(delay.wait(now + SILENT), millis(25), "they are back");
    }
}
