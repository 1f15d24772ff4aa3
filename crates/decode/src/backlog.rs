//! What waits for one camera's decoder, and what gives way when it falls behind.

use std::collections::VecDeque;
use std::time::Duration;

use camweave_message::{CapturedClock, Row, Unit};

/// A camera with more units waiting than this loses them up to the next entry point.
pub const UNITS_PER_CAMERA: usize = 64;
/// So does one with more coded bytes waiting, and more than one unit.
pub const BYTES_PER_CAMERA: usize = 32 << 20;
/// Where all cameras together have more coded bytes waiting, each may have its equal part.
pub const BYTES_PER_PROCESS: usize = 128 << 20;

/// Once a camera's unit has waited for so long, pictures that no other refers to are left out.
const DISPOSABLE_AFTER: Duration = Duration::from_millis(150);
/// So long a camera's start may take, from its first unit that is decoded.
const START: Duration = Duration::from_secs(3);
/// A unit does not wait longer: the camera goes on at the newest entry point that waits, or at the next.
const WAIT_AT_MOST: Duration = Duration::from_millis(600);
/// The same within [`OVERLOADED_FOR`] of a wait beyond [`WAIT_AT_MOST`]: a hitch costs no frame, and a
/// lasting overload has half the latency.
const OVERLOADED_WAIT_AT_MOST: Duration = Duration::from_millis(300);
/// Longer than most cameras' groups of pictures: after one has given way, the next may come late too.
const OVERLOADED_FOR: Duration = Duration::from_secs(10);

/// One thing to do for a camera.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// Decode a unit.
    Unit(Box<Unit>),
    /// Give out what the decoder holds back: the run ends.
    Finish,
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Unit(unit) => unit.bytes(),
            Self::Finish => 0,
        }
    }

    fn is_frame(&self) -> bool {
        matches!(self, Self::Unit(unit) if unit.is_frame())
    }

    fn is_entry_point(&self) -> bool {
        match self {
            Self::Unit(unit) => unit.is_entry_point(),
            Self::Finish => true,
        }
    }

    /// How long a unit of a live camera has waited in this stage at `now`, in nanoseconds of the
    /// monotonic clock. Units of files may wait: they are late for nobody.
    fn waited(&self, now: i64) -> Duration {
        let Self::Unit(unit) = self else {
            return Duration::ZERO;
        };
        if unit.id.captured_clock == CapturedClock::File {
            return Duration::ZERO;
        }
        let entered = unit.trace.0.last().map_or(now, |pass| pass.enter_nanos);
        Duration::from_nanos(u64::try_from(now.saturating_sub(entered)).unwrap_or(0))
    }
}

/// What a worker is to do next.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Next {
    /// None where nothing waits any longer.
    pub job: Option<Job>,
    /// Whether the camera is behind: a picture that no other refers to is to be left out.
    pub is_late: bool,
    /// What waited too long, and was dropped.
    pub gone: Gone,
}

/// What was dropped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    pub jobs: usize,
    /// Units among them that are frames; the ends of sessions are none.
    pub frames: usize,
}

/// The jobs of one camera, in order.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    jobs: VecDeque<Job>,
    /// Coded bytes of the jobs.
    bytes: usize,
    is_skipping: bool,
    /// Whether the camera's start is over: nothing has waited at some time, or [`START`] has passed.
    /// Before that, what came while its decoder was opened is caught up with.
    has_started: bool,
    /// When the first unit was taken, in nanoseconds of the monotonic clock.
    first_taken: Option<i64>,
    /// When a unit had waited for longer than [`WAIT_AT_MOST`].
    overloaded: Option<i64>,
    /// Whether a worker has the camera, or will have it.
    pub is_scheduled: bool,
}

impl Backlog {
    /// Adds a job; returns what was dropped, the new one perhaps among it.
    /// More than `most_bytes` wait only in one unit.
    ///
    /// Pictures depend on those before them up to an entry point. So a camera that
    /// falls behind goes on at the newest entry point that waits, or at the next.
    pub fn push(&mut self, job: Job, most_bytes: usize) -> Gone {
        if self.is_skipping && !job.is_entry_point() {
            return Gone { jobs: 1, frames: 1 };
        }
        self.is_skipping = false;
        self.bytes += job.bytes();
        self.jobs.push_back(job);
        let has_room = self.bytes <= most_bytes || self.jobs.len() == 1;
        if self.jobs.len() <= UNITS_PER_CAMERA && has_room {
            return Gone::default();
        }
        self.give_way()
    }

    /// Goes on at the newest entry point that waits behind the first unit, or at the next that comes.
    fn give_way(&mut self) -> Gone {
        let newest_entry = self.jobs.iter().rposition(Job::is_entry_point);
        let jobs = match newest_entry {
            Some(index) if index > 0 => index,
            _ => {
                self.is_skipping = true;
                self.jobs.len()
            }
        };
        let mut frames = 0;
        for job in self.jobs.drain(..jobs) {
            self.bytes -= job.bytes();
            frames += usize::from(job.is_frame());
        }
        Gone { jobs, frames }
    }

    /// The next job at `now`, in nanoseconds of the monotonic clock.
    pub fn pop(&mut self, now: i64) -> Next {
        let waited = |this: &Self| {
            this.jobs
                .front()
                .map_or(Duration::ZERO, |job| job.waited(now))
        };
        let is_first = self.first_taken.is_none();
        let first = *self.first_taken.get_or_insert(now);
        let since = u64::try_from(now.saturating_sub(first)).unwrap_or(0);
        self.has_started |= Duration::from_nanos(since) > START;
        let is_overloaded = self.overloaded.is_some_and(|since| {
            let since = u64::try_from(now.saturating_sub(since)).unwrap_or(0);
            Duration::from_nanos(since) < OVERLOADED_FOR
        });
        let most = if is_overloaded {
            OVERLOADED_WAIT_AT_MOST
        } else {
            WAIT_AT_MOST
        };
        let gone = if self.has_started && waited(self) > most {
            if waited(self) > WAIT_AT_MOST {
                self.overloaded = Some(now);
            }
            self.give_way()
        } else {
            Gone::default()
        };
        let is_late = self.has_started && waited(self) > DISPOSABLE_AFTER;
        let job = self.jobs.pop_front();
        self.bytes -= job.as_ref().map_or(0, Job::bytes);
        // The decoder is opened with the first unit.
        self.has_started |= self.jobs.is_empty() && !is_first;
        Next { job, is_late, gone }
    }

    /// Coded bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Forgets all; returns how many frames that were.
    pub fn clear(&mut self) -> usize {
        let units = self.jobs.iter().filter(|job| job.is_frame()).count();
        self.jobs.clear();
        self.bytes = 0;
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::Buffer;
    use camweave_message::{Codec, FrameId, Orientation, Selection, StagePass, Trace};
    use std::sync::Arc;

    fn unit(sequence: u64, keyframe: bool) -> Job {
        Job::Unit(Box::new(Unit {
            id: FrameId {
                camera: Arc::from("cam1"),
                session_unix_nanos: 1,
                sequence,
                pts_nanos: 0,
                captured_unix_nanos: 0,
                captured_clock: CapturedClock::Arrival,
            },
            trace: Trace::default(),
            codec: Codec::H264,
            keyframe,
            lost_packets: 0,
            orientation: Orientation::UPRIGHT,
            selection: Selection::All,
            motion: None,
            data: Buffer::from(vec![0_u8]),
        }))
    }

    fn sequences(backlog: &mut Backlog) -> Vec<u64> {
        let mut sequences = Vec::new();
        while let Some(job) = backlog.pop(0).job {
            if let Job::Unit(unit) = job {
                sequences.push(unit.id.sequence);
            }
        }
        sequences
    }

    #[test]
    fn a_camera_that_falls_behind_goes_on_at_the_newest_entry_point_that_waits() {
        let mut backlog = Backlog::default();
        let mut gone = 0;
        for sequence in 0..=UNITS_PER_CAMERA as u64 {
            let pushed = backlog.push(unit(sequence, sequence % 30 == 0), BYTES_PER_CAMERA);
            gone += pushed.frames;
        }
        assert_eq!(gone, 60);
        assert_eq!(sequences(&mut backlog), [60, 61, 62, 63, 64]);
    }

    #[test]
    fn without_an_entry_point_all_units_go_up_to_the_next() {
        let mut backlog = Backlog::default();
        let mut gone = 0;
        for sequence in 0..100 {
            let pushed = backlog.push(
                unit(sequence, sequence == 0 || sequence == 90),
                BYTES_PER_CAMERA,
            );
            gone += pushed.frames;
        }
        assert_eq!(gone, 90);
        assert_eq!(sequences(&mut backlog), (90..100).collect::<Vec<_>>());
        assert_eq!(backlog.push(Job::Finish, BYTES_PER_CAMERA).jobs, 0);
    }

    #[test]
    fn bytes_give_way_as_units_do() {
        let large = |sequence, keyframe| {
            let Job::Unit(mut unit) = unit(sequence, keyframe) else {
                unreachable!("it is a unit")
            };
            unit.data = Buffer::from(vec![0_u8; 1000]);
            Job::Unit(unit)
        };
        let mut backlog = Backlog::default();
        // One unit may be of any size.
        assert_eq!(backlog.push(large(0, true), 10).frames, 0);
        assert_eq!(backlog.push(large(1, false), 2000).frames, 0);
        assert_eq!(backlog.push(large(2, true), 2000).frames, 2);
        assert_eq!(backlog.push(large(3, false), 2000).frames, 0);
        // The only entry point is the first: nothing can be kept.
        assert_eq!(backlog.push(large(4, false), 2000).frames, 3);
        assert_eq!(backlog.push(large(5, false), 2000).frames, 1);
        assert_eq!(backlog.bytes(), 0);
        assert_eq!(backlog.push(large(6, true), 2000).frames, 0);
        assert_eq!((sequences(&mut backlog), backlog.bytes()), (vec![6], 0));
    }

    const MILLIS: i64 = 1_000_000;

    fn came(sequence: u64, keyframe: bool, millis: i64, clock: CapturedClock) -> Job {
        let Job::Unit(mut it) = unit(sequence, keyframe) else {
            unreachable!("it is a unit")
        };
        it.id.captured_clock = clock;
        it.trace.0.push(StagePass {
            stage: Arc::from("decode"),
            enter_nanos: millis * MILLIS,
            leave_nanos: 0,
        });
        Job::Unit(it)
    }

    /// Sequence, whether it is late, how many gave way.
    fn next(backlog: &mut Backlog, millis: i64) -> (Option<u64>, bool, usize) {
        let next = backlog.pop(millis * MILLIS);
        let sequence = next.job.map(|job| match job {
            Job::Unit(unit) => unit.id.sequence,
            Job::Finish => unreachable!("there is none"),
        });
        (sequence, next.is_late, next.gone.frames)
    }

    #[test]
    fn a_live_camera_that_falls_behind_in_time_gives_way() {
        let live = CapturedClock::Arrival;
        let mut backlog = Backlog::default();
        // While the decoder was opened, nothing is given up.
        for sequence in 0..40 {
            let millis = 40 * sequence as i64;
            backlog.push(
                came(sequence, sequence == 0, millis, live),
                BYTES_PER_CAMERA,
            );
        }
        for sequence in 0..40 {
            assert_eq!(next(&mut backlog, 3000), (Some(sequence), false, 0));
        }
        // Unless it never catches up.
        let mut slow = Backlog::default();
        for sequence in 0..10 {
            slow.push(came(sequence, sequence == 0, 0, live), BYTES_PER_CAMERA);
        }
        assert_eq!(next(&mut slow, 1000), (Some(0), false, 0));
        assert_eq!(next(&mut slow, 3900), (Some(1), false, 0));
        assert_eq!(next(&mut slow, 4100), (None, false, 8));
        // From then on disposable pictures are dropped after 150 ms, groups of pictures after 600.
        for sequence in 40..60 {
            let millis = 3000 + 40 * (sequence as i64 - 40);
            backlog.push(
                came(sequence, sequence == 55, millis, live),
                BYTES_PER_CAMERA,
            );
        }
        assert_eq!(next(&mut backlog, 3100), (Some(40), false, 0));
        assert_eq!(next(&mut backlog, 3240), (Some(41), true, 0));
        assert_eq!(next(&mut backlog, 3720), (Some(55), false, 13));
        // Without an entry point all goes, up to the next.
        assert_eq!(next(&mut backlog, 4400), (None, false, 4));
        assert_eq!(
            backlog
                .push(came(60, false, 4400, live), BYTES_PER_CAMERA)
                .frames,
            1
        );
        assert_eq!(
            backlog
                .push(came(61, true, 4440, live), BYTES_PER_CAMERA)
                .frames,
            0
        );
        assert_eq!(next(&mut backlog, 4450), (Some(61), false, 0));
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn a_camera_that_gave_way_waits_half_as_long_for_ten_seconds() {
        let live = CapturedClock::Arrival;
        let mut backlog = Backlog::default();
        // It has started: nothing waits after the second unit.
        for sequence in 0..2 {
            backlog.push(came(sequence, true, 0, live), BYTES_PER_CAMERA);
            next(&mut backlog, 0);
        }
        let mut give = |begin: i64, wait: i64| {
            for sequence in 0..2 {
                let millis = begin + wait * sequence as i64;
                backlog.push(came(sequence, true, millis, live), BYTES_PER_CAMERA);
            }
            let gone = next(&mut backlog, begin + wait).2;
            while backlog.len() > 0 {
                next(&mut backlog, begin + wait);
            }
            gone
        };
        assert_eq!(give(1000, 590), 0);
        assert_eq!(give(2000, 610), 1);
        assert_eq!(give(3000, 290), 0);
        assert_eq!(give(4000, 310), 1, "still overloaded");
        assert_eq!(give(12_000, 310), 1, "ten seconds from the long wait on");
        assert_eq!(give(12_700, 590), 0, "no longer");
    }

    #[test]
    fn what_came_while_the_decoder_was_opened_is_caught_up_with() {
        let live = CapturedClock::Arrival;
        let mut backlog = Backlog::default();
        backlog.push(came(0, true, 0, live), BYTES_PER_CAMERA);
        assert_eq!(next(&mut backlog, 0), (Some(0), false, 0));
        for sequence in 1..30 {
            let millis = 40 * sequence as i64;
            backlog.push(came(sequence, false, millis, live), BYTES_PER_CAMERA);
        }
        for sequence in 1..30 {
            assert_eq!(next(&mut backlog, 1200), (Some(sequence), false, 0));
        }
    }

    #[test]
    fn the_end_of_a_session_gives_way_and_is_no_frame() {
        let live = CapturedClock::Arrival;
        let mut backlog = Backlog::default();
        for (sequence, keyframe) in [(0, true), (1, false)] {
            backlog.push(came(sequence, keyframe, 0, live), BYTES_PER_CAMERA);
            next(&mut backlog, 0);
        }
        backlog.push(came(2, false, 0, live), BYTES_PER_CAMERA);
        let Job::Unit(mut end) = came(3, false, 0, live) else {
            unreachable!("it is a unit")
        };
        end.data = Buffer::from(Vec::<u8>::new());
        backlog.push(Job::Unit(end), BYTES_PER_CAMERA);
        backlog.push(came(0, true, 1000, live), BYTES_PER_CAMERA);
        let next = backlog.pop(1010 * MILLIS);
        assert_eq!(next.gone, Gone { jobs: 2, frames: 1 });
    }

    #[test]
    fn units_of_files_wait_as_long_as_it_takes() {
        let mut backlog = Backlog::default();
        for sequence in 0..3 {
            backlog.push(
                came(sequence, sequence == 0, 0, CapturedClock::File),
                BYTES_PER_CAMERA,
            );
            assert_eq!(next(&mut backlog, 60_000), (Some(sequence), false, 0));
        }
    }
}
