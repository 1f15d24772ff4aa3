//! Frames by when they were captured.
//!
//! The detector may look at another stream of the camera than the one that is recorded: another session,
//! with numbers, presentation times and a frame rate of its own. What both have in common is the clock by
//! which the source says when each frame was captured. Where that is set, frames from before and after
//! may have the same times: those of its newest setting count first.

use std::collections::VecDeque;

use camweave_message::{CapturedClock, FrameId};

const SECOND: i64 = 1_000_000_000;
/// Frames that are remembered: those of 40 s at 25 frames/s.
const MOST: usize = 1024;
/// Frames of which the usual step is known.
const OF_STEP: usize = 33;
/// What is assumed between two frames where nothing is known.
const STEP: i64 = SECOND / 25;
/// Frames are not further apart than this, as far as detections are concerned: of a stream of fewer
/// frames, each still shows only its own moment.
const LONGEST_STEP: i64 = SECOND / 2;
/// By so much a clock may differ from presentation times, from one frame to the next, without having
/// been set.
const AGREE: u64 = SECOND as u64 / 20;
/// An event's frame is not further from all that are remembered.
const REACH: i64 = 10 * SECOND;

/// A frame's session, and its number in it.
pub(crate) type Key = (i64, u64);

/// A frame that has been placed on the camera's line.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    frame: Key,
    captured: i64,
    clock: CapturedClock,
    line: i64,
}

impl Stamp {
    /// Whether the clock has not been set between this frame and another.
    fn agrees(&self, other: &Self) -> bool {
        let offset = |it: &Self| it.line.saturating_sub(it.captured);
        self.clock == other.clock
            && offset(self).saturating_sub(offset(other)).unsigned_abs() <= AGREE
    }

    fn off(&self, captured: i64) -> u64 {
        self.captured.abs_diff(captured)
    }
}

/// The last frames of a camera.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// As they came.
    stamps: VecDeque<Stamp>,
    /// The latest time since the clock was set.
    latest: i64,
}

impl Captured {
    pub fn note(&mut self, id: &FrameId, line: i64) {
        let stamp = Stamp {
            frame: (id.session_unix_nanos, id.sequence),
            captured: id.captured_unix_nanos,
            clock: id.captured_clock,
            line,
        };
        let goes_on = self.stamps.back().is_some_and(|it| it.agrees(&stamp));
        self.latest = match goes_on {
            true => self.latest.max(stamp.captured),
            false => stamp.captured,
        };
        if self.stamps.len() == MOST {
            self.stamps.pop_front();
        }
        self.stamps.push_back(stamp);
    }

    /// The usual step from one frame to the next, as presented.
    pub fn step(&self) -> i64 {
        let last = self.stamps.iter().rev().take(OF_STEP);
        let mut lines: Vec<i64> = last.map(|it| it.line).collect();
        lines.sort_unstable();
        let steps = lines.windows(2).map(|it| it[1].saturating_sub(it[0]));
        let mut steps: Vec<i64> = steps.filter(|it| *it > 0).collect();
        steps.sort_unstable();
        let median = steps.get(steps.len() / 2).copied().unwrap_or(STEP);
        median.min(LONGEST_STEP)
    }

    /// The frame that shows what a frame of another stream shows, and by how much it was captured earlier
    /// or later: the nearest, which is at most one step away. Without a frame missing it is at most half
    /// a step; where one is missing its neighbours stand for it, and no others. `None` as well where the
    /// two go by different clocks, as nobody knows by how much these differ.
    pub fn frame(&self, id: &FrameId) -> Option<(Key, u64)> {
        let found = self.nearest(id, self.step().unsigned_abs())?;
        Some((found.frame, found.off(id.captured_unix_nanos)))
    }

    /// Whether no frame comes any more that is nearer than those that have come, which are reordered by
    /// so much at most.
    pub fn has_passed(&self, id: &FrameId, reordered: i64) -> bool {
        let newest = self.stamps.back();
        // In order, the next one after it has come. Reordered, that may yet come.
        let more = match reordered {
            0 => 0,
            most => self.step().saturating_add(most),
        };
        newest.is_some_and(|it| it.clock == id.captured_clock)
            && self.latest.saturating_sub(more) >= id.captured_unix_nanos
    }

    /// Where a frame of another stream is on the line. By different clocks, it is where the newest frame
    /// is: the best that is known of when it was captured is that it comes now.
    pub fn line(&self, id: &FrameId) -> Option<i64> {
        let near = self.nearest(id, self.step().unsigned_abs());
        let found = near.or_else(|| self.nearest(id, REACH.unsigned_abs()));
        if let Some(it) = found {
            let since = id.captured_unix_nanos.saturating_sub(it.captured);
            return Some(it.line.saturating_add(since));
        }
        let newest = self.stamps.back()?;
        (newest.clock != id.captured_clock).then_some(newest.line)
    }

    /// The frame that was captured nearest to `id`, not more than `bound` away, by the newest setting of
    /// its clock by which there is one.
    fn nearest(&self, id: &FrameId, bound: u64) -> Option<&Stamp> {
        let captured = id.captured_unix_nanos;
        let mut found: Option<&Stamp> = None;
        let mut later: Option<&Stamp> = None;
        for stamp in self.stamps.iter().rev() {
            let was_set = later.is_some_and(|it| !it.agrees(stamp));
            if was_set && found.is_some() {
                break;
            }
            later = Some(stamp);
            let off = stamp.off(captured);
            let is_nearer = found.is_none_or(|it| off < it.off(captured));
            if stamp.clock == id.captured_clock && off <= bound && is_nearer {
                found = Some(stamp);
            }
        }
        found
    }
}

#[cfg(test)]
#[path = "captured_tests.rs"]
mod tests;
