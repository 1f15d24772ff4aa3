//! The time of a camera: seconds of capture time that no clock can make jump.

use std::time::Instant;

use camweave_message::{CapturedClock, FrameId};

/// A moment: on the camera's own time line, which only goes forward, and as others know it. Nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the first frame, without jumps: what durations are measured in.
    pub at: i64,
    /// In Unix time, by the clock of the frame.
    pub unix: i64,
}

impl Moment {
    /// The moment between two, at a part of the way.
    pub fn mix(self, other: Self, part: f64) -> Self {
        let mix = |a: i64, b: i64| a.saturating_add((b.saturating_sub(a) as f64 * part) as i64);
        Self {
            at: mix(self.at, other.at),
            unix: mix(self.unix, other.unix),
        }
    }

    /// Seconds since an earlier moment.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.at.saturating_sub(earlier.at) as f64 / 1e9
    }
}

/// Between two frames of a session the presentation times say how long it was. Where they say this
/// much more than the capture times do, they have jumped.
const PTS_JUMP_NANOS: i64 = 10_000_000_000;
/// Between two sessions the capture times say how long it was, unless it is longer by this much than
/// the time between the arrivals: then the camera's clock was set.
const CLOCK_SET_NANOS: i64 = 60_000_000_000;

/// Makes a time line of the frames of a camera.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    nanos: i64,
    last: Option<(FrameId, Instant)>,
    /// Whether the frame before was not newer than `last`.
    is_behind: bool,
}

impl Clock {
    /// The moment of the next frame; `None`: it is not newer than the one before, and says nothing.
    /// Two such frames in a row are a clock that was set back: time goes on with the second.
    pub fn next(&mut self, id: &FrameId, arrived: Instant) -> Option<Moment> {
        let elapsed = match &self.last {
            None => 1,
            Some((last, last_arrived)) => {
                let arrivals = arrived.saturating_duration_since(*last_arrived);
                elapsed(
                    last,
                    id,
                    i64::try_from(arrivals.as_nanos()).unwrap_or(i64::MAX),
                )
            }
        };
        if elapsed <= 0 && !self.is_behind {
            self.is_behind = true;
            return None;
        }
        self.is_behind = false;
        self.nanos = self.nanos.saturating_add(elapsed.max(0));
        self.last = Some((id.clone(), arrived));
        Some(Moment {
            at: self.nanos,
            unix: id.captured_unix_nanos,
        })
    }
}

/// Nanoseconds from one frame to the next, by the clock that can be believed.
fn elapsed(last: &FrameId, next: &FrameId, arrivals: i64) -> i64 {
    let captured = (last.captured_clock == next.captured_clock).then(|| {
        next.captured_unix_nanos
            .saturating_sub(last.captured_unix_nanos)
    });
    if last.session_unix_nanos != next.session_unix_nanos {
        let is_believed = |it: &i64| (0..=arrivals.saturating_add(CLOCK_SET_NANOS)).contains(it);
        return captured.filter(is_believed).unwrap_or(arrivals).max(1);
    }
    let presented = next.pts_nanos.saturating_sub(last.pts_nanos);
    match captured {
        // A file's capture times are when it was read.
        Some(captured) if next.captured_clock != CapturedClock::File => {
            let has_jumped = presented > captured.saturating_add(PTS_JUMP_NANOS);
            if captured > 0 && (presented <= 0 || has_jumped) {
                captured
            } else {
                presented
            }
        }
        _ => presented,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use camweave_testing::frame_id;

    use super::*;

    const TENTH: i64 = 100_000_000;
    const HOUR: i64 = 3_600_000_000_000;

    fn id(session: i64, pts: i64, captured: i64) -> FrameId {
        FrameId {
            session_unix_nanos: session,
            pts_nanos: pts,
            captured_unix_nanos: captured,
            captured_clock: CapturedClock::SenderReport,
            ..frame_id("a", 0)
        }
    }

    /// How long it is to each of these frames from the one before, tenths of a second; `None`: a late
    /// one. They arrive a tenth of a second after each other.
    fn tenths(frames: &[FrameId]) -> Vec<Option<i64>> {
        let (mut clock, began) = (Clock::default(), Instant::now());
        let mut last = 0;
        let mut steps = Vec::new();
        for (count, frame) in frames.iter().enumerate() {
            let arrived = began + Duration::from_millis(100) * count as u32;
            let moment = clock.next(frame, arrived);
            steps.push(moment.map(|it| (it.at - last + TENTH / 2) / TENTH));
            last = moment.map_or(last, |it| it.at);
        }
        steps
    }

    #[test]
    fn no_clock_makes_time_jump() {
        let regular = |it: i64| id(1, it * TENTH, it * TENTH);
        let steps = tenths(&[regular(0), regular(1), regular(4)]);
        assert_eq!(steps, [Some(0), Some(1), Some(3)]);
        // The camera's clock is set, by an hour in either direction.
        for set in [HOUR, -HOUR] {
            let frames = [regular(10), id(1, 11 * TENTH, 11 * TENTH + set)];
            assert_eq!(tenths(&frames), [Some(0), Some(1)]);
        }
        // Its presentation times jump, in either direction.
        for set in [HOUR, -HOUR] {
            let frames = [regular(10), id(1, 11 * TENTH + set, 11 * TENTH)];
            assert_eq!(tenths(&frames), [Some(0), Some(1)]);
        }
        // Its packets come in bunches: the capture times of arrivals do not matter.
        let bunched = |pts: i64, captured: i64| FrameId {
            captured_clock: CapturedClock::Arrival,
            ..id(1, pts * TENTH, captured)
        };
        let frames = [
            bunched(0, 0),
            bunched(1, 3 * TENTH),
            bunched(2, 3 * TENTH + 1),
        ];
        assert_eq!(tenths(&frames), [Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn a_reconnect_is_as_long_as_it_was() {
        let before = id(1, 50 * TENTH, 50 * TENTH);
        let steps = |frame| tenths(&[before.clone(), frame])[1];
        assert_eq!(steps(id(2, 0, 80 * TENTH)), Some(30));
        // Its clock was set meanwhile, or is another: the arrivals say it.
        assert_eq!(steps(id(2, 0, HOUR)), Some(1));
        assert_eq!(steps(id(2, 0, 0)), Some(1));
        let other = FrameId {
            captured_clock: CapturedClock::Arrival,
            ..id(2, 0, 80 * TENTH)
        };
        assert_eq!(steps(other), Some(1));
    }

    #[test]
    fn a_late_frame_says_nothing_and_two_are_a_clock_that_was_set_back() {
        let regular = |it: i64| id(1, it * TENTH, it * TENTH);
        let frames = [10, 11, 8, 12, 5, 6, 7].map(regular);
        let steps = [Some(0), Some(1), None, Some(1), None, Some(0), Some(1)];
        assert_eq!(tenths(&frames), steps);
        // Twice the same.
        assert_eq!(tenths(&[10, 10, 11].map(regular)), [Some(0), None, Some(1)]);
    }

    #[test]
    fn damaged_times_end_nothing() {
        let most = camweave_message::limits::MAX_NANOS;
        for (a, b) in [(-most, most), (most, -most), (0, 0)] {
            for session in [1, 2] {
                let mut clock = Clock::default();
                for frame in [id(1, a, b), id(session, b, a), id(1, a, a), id(2, b, b)] {
                    let moment = clock.next(&frame, Instant::now());
                    assert!(moment.is_none_or(|it| it.at > 0), "{moment:?}");
                }
            }
        }
    }
}
