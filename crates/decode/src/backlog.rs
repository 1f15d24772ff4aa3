//! What waits for one camera's decoder, and what is dropped when it falls behind.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use camweave_message::{CapturedClock, GroupTurn, KeyframeGate, Row, Unit};

/// A camera with more units waiting than this loses them up to the next keyframe.
pub const UNITS_PER_CAMERA: usize = 64;
/// So does one with more coded bytes waiting, and more than one unit.
pub const BYTES_PER_CAMERA: usize = 32 << 20;
/// Where all cameras together have more coded bytes waiting, each may have its equal part.
pub const BYTES_PER_PROCESS: usize = 128 << 20;

/// Once a camera's unit has waited for so long, frames that no other refers to are left out.
const DISPOSABLE_AFTER: Duration = Duration::from_millis(150);
/// The same for a camera that is overloaded: before any group of pictures is dropped.
const OVERLOADED_DISPOSABLE_AFTER: Duration = Duration::from_millis(50);
/// So long a camera's start may take, from its first unit that is decoded.
const START: Duration = Duration::from_secs(3);
/// A unit does not wait longer: the camera goes on at the newest keyframe that waits, or at the
/// next.
const WAIT_AT_MOST: Duration = Duration::from_millis(600);
/// The same for a camera that is overloaded: between these two, another for each group of pictures. So
/// cameras drop one after the other, as many as there are too many, and not all at once.
const OVERLOADED_WAIT_AT_MOST: Range<Duration> =
    Duration::from_millis(100)..Duration::from_millis(300);
/// A camera is overloaded from a wait beyond [`WAIT_AT_MOST`] on, or once units have waited longer than
/// the least of [`OVERLOADED_WAIT_AT_MOST`] for so long, with its backlog never empty. What is shorter is
/// a hitch, or a burst, which costs no frame.
const HITCH: Duration = Duration::from_secs(2);
/// It is so for this time, up to a half more, and then waits as before: whether it is still overloaded
/// shows only then. One that soon is again is so for twice as long.
const OVERLOADED_FOR: Duration = Duration::from_secs(10);
const OVERLOADED_FOR_AT_MOST: Duration = Duration::from_secs(160);

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
        since(entered, now)
    }
}

/// What a worker is to do next.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Next {
    /// None where nothing waits any longer.
    pub job: Option<Job>,
    /// Whether the camera is behind: a frame that no other refers to is to be left out.
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
    gate: KeyframeGate,
    /// Whether the camera's start is over: nothing has waited at some time, or [`START`] has passed.
    /// Before that, what came while its decoder was opened is caught up with.
    has_started: bool,
    /// When the first unit was taken, in nanoseconds of the monotonic clock.
    first_taken: Option<i64>,
    /// Since when all have waited longer than the least of [`OVERLOADED_WAIT_AT_MOST`].
    late_since: Option<i64>,
    /// Until when the camera is overloaded, or was last.
    overloaded_until: Option<i64>,
    /// For how long it was so the last time.
    overloaded_for: Duration,
    /// Where in [`OVERLOADED_WAIT_AT_MOST`] this group of pictures is dropped.
    turn: GroupTurn,
    /// Whether a worker has the camera, or will have it.
    pub is_scheduled: bool,
}

impl Backlog {
    /// Adds a job; returns what was dropped, the new one perhaps among it.
    /// More than `most_bytes` wait only in one unit.
    ///
    /// Frames depend on those before them up to a keyframe. So a camera that
    /// falls behind goes on at the newest keyframe that waits, or at the next.
    pub fn push(&mut self, job: Job, most_bytes: usize) -> Gone {
        if !self.gate.passes(job.is_entry_point()) {
            return Gone { jobs: 1, frames: 1 };
        }
        self.bytes += job.bytes();
        self.jobs.push_back(job);
        let has_room = self.bytes <= most_bytes || self.jobs.len() == 1;
        if self.jobs.len() <= UNITS_PER_CAMERA && has_room {
            return Gone::default();
        }
        self.drop_to_keyframe()
    }

    /// Goes on at the newest keyframe that waits behind the first unit, or at the next that comes.
    fn drop_to_keyframe(&mut self) -> Gone {
        let waiting = self.jobs.iter().map(Job::is_entry_point);
        let jobs = self.gate.drop_waiting(waiting);
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
        self.has_started |= since(first, now) > START;
        self.note_group();
        let waits = waited(self);
        let mut gone = Gone::default();
        if self.has_started {
            let bound = self.most_wait(now, waits);
            if waits > bound {
                gone = self.drop_to_keyframe();
                self.note_group();
            }
            if waited(self) <= OVERLOADED_WAIT_AT_MOST.start {
                self.late_since = None;
            }
        }
        let disposable_after = if self.is_overloaded(now) {
            OVERLOADED_DISPOSABLE_AFTER
        } else {
            DISPOSABLE_AFTER
        };
        let is_late = self.has_started && waited(self) > disposable_after;
        let job = self.jobs.pop_front();
        self.bytes -= job.as_ref().map_or(0, Job::bytes);
        if self.jobs.is_empty() {
            // It keeps up, however long each unit takes.
            self.late_since = None;
            // The decoder is opened with the first unit.
            self.has_started |= !is_first;
        }
        Next { job, is_late, gone }
    }

    /// Where the next job begins a group of pictures, that has a bound of its own.
    fn note_group(&mut self) {
        if let Some(Job::Unit(unit)) = self.jobs.front()
            && unit.is_entry_point()
        {
            self.turn.next(&unit.id.camera);
        }
    }

    /// How long a unit may wait, where the next one has waited for `waits`.
    fn most_wait(&mut self, now: i64, waits: Duration) -> Duration {
        if waits > OVERLOADED_WAIT_AT_MOST.start {
            let late_since = *self.late_since.get_or_insert(now);
            let lasts = since(late_since, now) > HITCH || waits > WAIT_AT_MOST;
            if lasts && !self.is_overloaded(now) {
                self.begin_overload(now);
            }
        }
        if self.is_overloaded(now) && waits <= WAIT_AT_MOST {
            self.turn.within(&OVERLOADED_WAIT_AT_MOST)
        } else {
            WAIT_AT_MOST
        }
    }

    fn begin_overload(&mut self, now: i64) {
        let is_back = self
            .overloaded_until
            .is_some_and(|then| since(then, now) < OVERLOADED_FOR);
        self.overloaded_for = if is_back {
            (2 * self.overloaded_for).min(OVERLOADED_FOR_AT_MOST)
        } else {
            OVERLOADED_FOR
        };
        // Not all cameras find out at once.
        let lasts = self
            .overloaded_for
            .mul_f64(1.0 + self.turn.part().unwrap_or(0.0) / 2.0);
        let nanos = i64::try_from(lasts.as_nanos()).unwrap_or(i64::MAX);
        self.overloaded_until = Some(now.saturating_add(nanos));
    }

    fn is_overloaded(&self, now: i64) -> bool {
        self.overloaded_until.is_some_and(|then| now < then)
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

/// From `then` to `now`, both in nanoseconds of the monotonic clock.
fn since(then: i64, now: i64) -> Duration {
    Duration::from_nanos(u64::try_from(now.saturating_sub(then)).unwrap_or(0))
}

#[cfg(test)]
#[path = "overload_tests.rs"]
mod overload_tests;
#[cfg(test)]
#[path = "backlog_tests.rs"]
mod tests;
