//! Which frame of a camera what was detected is on.

use std::time::{Duration, Instant};

use camweave_message::{Detections, FrameId};

use super::Camera;
use crate::captured::Key;
use crate::disk::Disk;
use crate::lent::Lent;
use crate::notes::SeenNote;
use crate::report::Report;
use crate::seen::{Place, Waiting};

/// By so much the recorded stream may be later than what is detected in another one.
const LATE_AT_MOST: Duration = Duration::from_secs(10);
/// Where no access unit has come for so long, the last one is taken for the last.
const STILL: Duration = Duration::from_secs(1);

/// What is known of frames that are yet to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coming {
    More,
    /// Not for now.
    Still,
    /// The recorder ends.
    Nothing,
}

impl Camera {
    /// Takes what was detected in a frame, of the stream that is recorded or of another one.
    pub fn detections(&mut self, row: &Detections, lent: &mut Lent<'_>) {
        let note = SeenNote::new(row);
        if self.line.has_session_of(&row.id) {
            return self.answer(key(&row.id), note, 0, lent.disk);
        }
        self.seen.wait(Waiting {
            id: row.id.clone(),
            note,
            since: lent.now,
        });
        self.place_waiting(lent);
    }

    /// What was detected in a frame, or `off` nanoseconds from it.
    fn answer(&mut self, frame: Key, note: SeenNote, off: u64, disk: &Disk) {
        let Some(note) = self.seen.put(frame, note, off) else {
            return;
        };
        for clip in &self.clips {
            if clip.has(frame.0, frame.1) {
                clip.seen(self.number, &note, disk);
            }
        }
    }

    /// Finds the frames of what was detected in another stream, as far as they have come.
    pub(super) fn place_waiting(&mut self, lent: &mut Lent<'_>) {
        let is_still = self.silent_for(lent.now).is_some_and(|it| it >= STILL);
        let coming = if is_still {
            Coming::Still
        } else {
            Coming::More
        };
        let late = self.place(lent.now, coming, lent.disk);
        if late > 0 {
            lent.reports.push(Report::Unmatched {
                camera: self.id.clone(),
                rows: late,
            });
        }
    }

    /// The same, where no more frames come.
    pub(super) fn place_all(&mut self, disk: &Disk) {
        self.place(Instant::now(), Coming::Nothing, disk);
    }

    /// How many have waited in vain while frames came.
    fn place(&mut self, now: Instant, coming: Coming, disk: &Disk) -> u64 {
        if !self.seen.is_waiting() {
            return 0;
        }
        let is_recorded = self.line.newest().is_some()
            && self.silent_for(now).is_some_and(|it| it < LATE_AT_MOST);
        let mut late = 0;
        let (line, reordered) = (&self.line, self.reordered);
        let placed = self.seen.placed(|waiting| {
            let id = &waiting.id;
            // What is detected may come before the first access unit of its own stream.
            if line.has_session_of(id) {
                return Place::On(key(id), 0);
            }
            let has_passed = line.has_passed(id, reordered);
            let is_late = now.saturating_duration_since(waiting.since) >= LATE_AT_MOST;
            let is_due = has_passed || is_late || coming != Coming::More;
            match line.frame(id).filter(|_| is_due) {
                Some((frame, off)) => Place::On(frame, off),
                None if is_late => {
                    late += u64::from(is_recorded);
                    Place::Nowhere
                }
                None if has_passed || coming == Coming::Nothing => Place::Nowhere,
                None => Place::Later,
            }
        });
        for (frame, off, waiting) in placed {
            let Waiting { id, mut note, .. } = waiting;
            if frame != key(&id) {
                note.sequence = frame.1;
                note.captured_unix_nanos = Some(id.captured_unix_nanos);
            }
            self.answer(frame, note, off, disk);
        }
        late
    }
}

fn key(id: &FrameId) -> Key {
    (id.session_unix_nanos, id.sequence)
}
