//! Access units and the detections of the same frame, brought together.
//!
//! Units leave in the order in which they came, which is decoding order, each with the detections
//! of its own frame: camera, session and sequence are the same. A unit waits for them until they
//! come, until those of a frame that is shown later have come (a camera's detections come in the
//! order of presentation, so its own will not), or for as long as they recently took. A frame that
//! was not chosen for detection does not wait, as far as that can be told from those before it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use camweave_message::{Detections, FrameId, Selection, Unit};

use super::delay::Delay;
use super::spacing::Spacing;

/// Access units of a camera that wait at most, and their bytes.
const MOST_WAITING: usize = 512;
const MOST_BYTES: usize = 8 << 20;
/// Detections of a camera that came before their access unit: those of so many frames are kept.
const MOST_EARLY: usize = 64;
/// Units that have left, of which it is known when they came.
const MOST_RELEASED: usize = 256;

/// A unit with what was detected in its frame, as far as that is known in time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub unit: Unit,
    pub detections: Option<Detections>,
}

/// What became of a frame's detections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// They leave with their unit.
    Paired,
    /// Their unit has not come yet.
    Early,
    /// Their unit has left.
    Late,
    /// Their unit never came, or is forgotten.
    Alone,
    /// They came before.
    Repeated,
}

#[derive(Debug)]
struct Waiting {
    unit: Unit,
    came: Instant,
    detections: Option<Detections>,
}

/// One camera's units and detections.
#[derive(Debug)]
pub(crate) struct Pairing {
    session: Option<i64>,
    last_sequence: u64,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    early: VecDeque<Detections>,
    released: VecDeque<(u64, Instant)>,
    /// The presentation times of this session's detections.
    detected: Spacing,
    /// Which frames are chosen, as of the last unit.
    selection: Selection,
    delay: Delay,
}

impl Pairing {
    /// A unit waits for its detections for `most` at most.
    pub fn new(most: Duration) -> Self {
        Self {
            session: None,
            last_sequence: 0,
            waiting: VecDeque::new(),
            bytes: 0,
            early: VecDeque::new(),
            released: VecDeque::new(),
            detected: Spacing::default(),
            selection: Selection::All,
            delay: Delay::new(most),
        }
    }

    /// Takes a unit; `false` where it came before. A new session's first unit lets those of the one
    /// before leave at once.
    pub fn unit(&mut self, unit: Unit, now: Instant, out: &mut Vec<Pair>) -> bool {
        let session = unit.id.session_unix_nanos;
        if self.session != Some(session) {
            self.flush(out);
            self.session = Some(session);
            self.detected = Spacing::default();
            self.released.clear();
        } else if unit.id.sequence <= self.last_sequence {
            return false;
        }
        self.last_sequence = unit.id.sequence;
        if self.selection != unit.selection {
            self.selection = unit.selection;
            self.detected.select_again(unit.id.sequence);
        }
        let own = |row: &Detections| is_same(&row.id, &unit.id);
        let early = self.early.iter().position(own);
        let detections = early.and_then(|index| self.early.remove(index));
        if let Some(row) = &detections {
            self.delay.note(Duration::ZERO, now);
            self.detected.note(row.id.sequence, row.id.pts_nanos);
        }
        self.bytes += unit.data.len();
        self.waiting.push_back(Waiting {
            unit,
            came: now,
            detections,
        });
        true
    }

    /// Takes the detections of a frame.
    pub fn detections(&mut self, row: Detections, now: Instant) -> Outcome {
        let (session, sequence) = (row.id.session_unix_nanos, row.id.sequence);
        if self.session != Some(session) {
            // Sessions are named by when they began: this one has ended, or not begun.
            return match self.session {
                Some(current) if session < current => Outcome::Alone,
                _ => self.keep(row),
            };
        }
        let waiting = self.waiting.iter_mut();
        let mut own = waiting.filter(|it| is_same(&it.unit.id, &row.id));
        if let Some(waiting) = own.next() {
            if waiting.detections.is_some() {
                return Outcome::Repeated;
            }
            let delay = now.saturating_duration_since(waiting.came);
            let pts = row.id.pts_nanos;
            waiting.detections = Some(row);
            self.delay.note(delay, now);
            self.detected.note(sequence, pts);
            return Outcome::Paired;
        }
        if sequence > self.last_sequence {
            return self.keep(row);
        }
        let released = self.released.iter().find(|(it, _)| *it == sequence);
        match released {
            Some((_, came)) => {
                let delay = now.saturating_duration_since(*came);
                self.delay.note(delay, now);
                self.detected.note(row.id.sequence, row.id.pts_nanos);
                Outcome::Late
            }
            None => Outcome::Alone,
        }
    }

    fn keep(&mut self, row: Detections) -> Outcome {
        if self.early.iter().any(|it| is_same(&it.id, &row.id)) {
            return Outcome::Repeated;
        }
        if self.early.len() == MOST_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(row);
        Outcome::Early
    }

    /// Gives the units that need not wait any more, the oldest first.
    pub fn release(&mut self, now: Instant, out: &mut Vec<Pair>) {
        let wait = self.delay.wait(now);
        while self.waiting.front().is_some_and(|first| {
            self.is_decided(first)
                || now.saturating_duration_since(first.came) >= wait
                || self.waiting.len() > MOST_WAITING
                || self.bytes > MOST_BYTES
        }) {
            self.leave(out);
        }
    }

    fn is_decided(&self, waiting: &Waiting) -> bool {
        let unit = &waiting.unit;
        waiting.detections.is_some()
            || unit.data.is_empty()
            || self.detected.last() > Some(unit.id.pts_nanos)
            || match unit.selection {
                Selection::All => false,
                // While nothing moves fewer frames are detected on than are chosen: their distances
                // say nothing of when something moves.
                Selection::Every(_) => {
                    unit.motion.is_none() && self.detected.is_too_soon(unit.id.pts_nanos)
                }
                Selection::Off => true,
            }
    }

    /// When the next unit leaves, whatever comes.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let first = self.waiting.front()?;
        Some(first.came + self.delay.wait(now))
    }

    /// Whether the camera's detections take longer than a unit may wait.
    pub fn is_too_late(&self, now: Instant) -> bool {
        self.delay.is_too_long(now)
    }

    /// Gives all units that wait.
    pub fn flush(&mut self, out: &mut Vec<Pair>) {
        while !self.waiting.is_empty() {
            self.leave(out);
        }
    }

    fn leave(&mut self, out: &mut Vec<Pair>) {
        let Some(first) = self.waiting.pop_front() else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(first.unit.data.len());
        if first.detections.is_none() {
            if self.released.len() == MOST_RELEASED {
                self.released.pop_front();
            }
            self.released
                .push_back((first.unit.id.sequence, first.came));
        }
        out.push(Pair {
            unit: first.unit,
            detections: first.detections,
        });
    }
}

fn is_same(a: &FrameId, b: &FrameId) -> bool {
    a.session_unix_nanos == b.session_unix_nanos && a.sequence == b.sequence
}

#[cfg(test)]
#[path = "pairing_tests.rs"]
mod tests;
