use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

/// A camera that is alive may pause for so many of its own frame intervals.
const INTERVALS: u32 = 3;
/// The longest of so many intervals counts.
const REMEMBERED: usize = 8;
/// Until its interval is known, a camera that is alive may be without a frame for so many
/// stall limits.
const UNKNOWN: u32 = 6;
/// Intervals that must be known.
const ENOUGH: usize = 2;

/// Tells a stalled camera from a slow one: by its own frame interval, and by whether it
/// answers at all.
#[derive(Debug)]
pub(crate) struct Liveness {
    limit: Duration,
    last_traffic: Instant,
    last_frame: Instant,
    has_frame: bool,
    /// Its client sees only frames, so that nothing else tells that it is alive.
    frames_only: bool,
    intervals: VecDeque<Duration>,
}

impl Liveness {
    /// `limit`: how long a camera of many frames a second may be without one. `frames_only`: its
    /// client does not tell of other signs of life.
    pub fn new(limit: Duration, frames_only: bool, now: Instant) -> Self {
        Self {
            limit,
            last_traffic: now,
            last_frame: now,
            has_frame: false,
            frames_only,
            intervals: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// Anything came from the camera.
    pub fn traffic(&mut self, now: Instant) {
        self.last_traffic = now;
    }

    pub fn frame(&mut self, now: Instant) {
        if self.has_frame {
            if self.intervals.len() == REMEMBERED {
                self.intervals.pop_front();
            }
            self.intervals.push_back(now - self.last_frame);
        }
        self.has_frame = true;
        self.last_frame = now;
        self.last_traffic = now;
    }

    pub fn has_frame(&self) -> bool {
        self.has_frame
    }

    /// How long no frame has come.
    pub fn without_frame(&self) -> Duration {
        self.last_frame.elapsed()
    }

    /// When the camera counts as stalled if nothing comes until then.
    pub fn deadline(&self) -> Instant {
        let longest = self.intervals.iter().max().copied().unwrap_or_default();
        if self.intervals.len() >= ENOUGH {
            return self.last_frame + self.limit.max(longest * INTERVALS);
        }
        // It may be one that sends a frame in many seconds, as long as it answers.
        let unknown = self.last_frame + self.limit * UNKNOWN;
        if self.frames_only {
            return unknown;
        }
        let silent = self.last_traffic + self.limit.max(longest * INTERVALS);
        silent.min(unknown)
    }
}

/// Frames are judged over so long.
const WINDOW: Duration = Duration::from_secs(10);
/// So few frames prove nothing.
const MIN_FRAMES: u32 = 25;

/// Whether what a camera sends is of use: one whose frames are nearly all corrupt is alive and
/// plays, but there is nothing to see.
#[derive(Debug)]
pub(crate) struct Usable {
    since: Instant,
    frames: u32,
    corrupt: u32,
}

impl Usable {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            frames: 0,
            corrupt: 0,
        }
    }

    pub fn frame(&mut self) {
        self.frames = self.frames.saturating_add(1);
    }

    /// Frames whose packets break their format: what the network loses is not the client's
    /// to mend. True if these are most of the last [`WINDOW`].
    pub fn corrupt(&mut self, frames: u32, now: Instant) -> bool {
        self.corrupt = self.corrupt.saturating_add(frames);
        if now.saturating_duration_since(self.since) < WINDOW {
            return false;
        }
        let enough = self.frames.saturating_add(self.corrupt) >= MIN_FRAMES;
        let useless = enough && self.corrupt > self.frames;
        *self = Self::new(now);
        useless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn one_of_many_frames_a_second_is_stalled_at_the_limit_whatever_it_answers() {
        let begin = Instant::now();
        let mut liveness = Liveness::new(LIMIT, false, begin);
        for frame in 0..10 {
            liveness.frame(begin + seconds(f64::from(frame) / 25.0));
        }
        let last = begin + seconds(9.0 / 25.0);
        liveness.traffic(last + seconds(4.0));
        assert_eq!(liveness.deadline(), last + LIMIT);
    }

    #[test]
    fn one_frame_in_six_seconds() {
        let begin = Instant::now();
        let mut liveness = Liveness::new(LIMIT, false, begin);
        liveness.frame(begin);
        // It answers what it is asked.
        liveness.traffic(begin + seconds(2.5));
        assert_eq!(liveness.deadline(), begin + seconds(7.5));
        liveness.frame(begin + seconds(6.0));
        liveness.traffic(begin + seconds(8.5));
        assert!(liveness.deadline() > begin + seconds(12.0));
        liveness.frame(begin + seconds(12.0));
        // From then on by its own interval, without an answer.
        assert_eq!(liveness.deadline(), begin + seconds(30.0));
    }

    #[test]
    fn one_frame_in_six_seconds_of_a_client_that_sees_nothing_else() {
        let begin = Instant::now();
        let mut liveness = Liveness::new(LIMIT, true, begin);
        // FFmpeg gives a frame out once the next one begins.
        assert_eq!(liveness.deadline(), begin + LIMIT * UNKNOWN);
        liveness.frame(begin);
        assert_eq!(liveness.deadline(), begin + LIMIT * UNKNOWN);
        liveness.frame(begin + seconds(6.0));
        liveness.frame(begin + seconds(12.0));
        assert_eq!(liveness.deadline(), begin + seconds(30.0));
    }

    #[test]
    fn one_of_which_most_frames_are_corrupt() {
        let begin = Instant::now();
        let judge = |share: u32, every: f64| {
            let mut usable = Usable::new(begin);
            (0..60_u32).any(|frame| {
                let now = begin + seconds(f64::from(frame) * every);
                if frame % 10 < share {
                    return usable.corrupt(1, now);
                }
                usable.frame();
                false
            })
        };
        assert!(judge(10, 0.2) && judge(6, 0.2));
        assert!(!judge(4, 0.2) && !judge(0, 0.2));
        // A frame a second: too few to tell.
        assert!(!judge(10, 1.0));
    }

    #[test]
    fn one_that_answers_but_never_sends_a_frame() {
        let begin = Instant::now();
        let mut liveness = Liveness::new(LIMIT, false, begin);
        assert_eq!(liveness.deadline(), begin + LIMIT);
        for probe in 1..100 {
            liveness.traffic(begin + seconds(f64::from(probe)));
        }
        assert_eq!(liveness.deadline(), begin + LIMIT * UNKNOWN);
    }
}
