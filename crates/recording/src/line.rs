//! A camera's time line: one that only goes forward, through sessions and jumps of clocks.
//!
//! Within a session it follows presentation times. Where these jump, or a new session begins, it goes
//! on where it was. Events are placed on it by the frame that decided them, and by how long before that
//! frame they began; so neither a camera's clock that is set nor one that is years off moves them. A frame
//! of another stream of the camera is placed by when it was captured.

use std::collections::VecDeque;

use camweave_message::FrameId;

use crate::captured::{Captured, Key};

const SECOND: i64 = 1_000_000_000;
/// Reordered frames are not further back.
const BACK: i64 = 2 * SECOND;
/// A frame that is further ahead has either not been sent for so long, or its clock has jumped.
const FORWARD: i64 = 10 * SECOND;
/// By so much two clocks may differ in what they say of a gap.
const AGREE: u64 = 2 * SECOND as u64;
/// The longest gap between two sessions that is kept as one.
const LONGEST_GAP: i64 = 3600 * SECOND;
/// What is assumed between two frames where nothing is known.
const STEP: i64 = SECOND / 25;
/// Older ones are forgotten.
const MOST_SEGMENTS: usize = 32;

/// From a sequence of a session on, times on the line are presentation times and `offset`.
#[derive(Debug, Clone, Copy)]
struct Segment {
    session: i64,
    from: u64,
    offset: i64,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    line: i64,
    captured: i64,
}

#[derive(Debug, Default)]
pub(crate) struct CameraLine {
    segments: VecDeque<Segment>,
    newest: Option<Newest>,
    captured: Captured,
}

impl CameraLine {
    /// Places the next access unit, in nanoseconds.
    pub fn unit(&mut self, id: &FrameId) -> i64 {
        let line = self.place(id);
        if self.newest.is_none_or(|newest| line > newest.line) {
            let captured = id.captured_unix_nanos;
            self.newest = Some(Newest { line, captured });
        }
        self.captured.note(id, line);
        line
    }

    /// Whether access units of the frame's session have been placed: it is one of them, or never came.
    pub fn has_session_of(&self, id: &FrameId) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|it| it.session == id.session_unix_nanos)
    }

    /// Where a frame is: one whose access unit has been placed, or one of another stream.
    pub fn of(&self, id: &FrameId) -> Option<i64> {
        if !self.has_session_of(id) {
            return self.captured.line(id);
        }
        let mut segments = self.segments.iter().rev();
        let found =
            segments.find(|it| it.session == id.session_unix_nanos && it.from <= id.sequence)?;
        Some(id.pts_nanos.saturating_add(found.offset))
    }

    /// The frame that shows what a frame of another stream shows, and by how much they differ: as
    /// [`Captured::frame`].
    pub fn frame(&self, id: &FrameId) -> Option<(Key, u64)> {
        self.captured.frame(id)
    }

    /// As [`Captured::has_passed`].
    pub fn has_passed(&self, id: &FrameId, reordered: i64) -> bool {
        self.captured.has_passed(id, reordered)
    }

    /// The newest frame's.
    pub fn newest(&self) -> Option<i64> {
        self.newest.map(|it| it.line)
    }

    fn place(&mut self, id: &FrameId) -> i64 {
        let session = id.session_unix_nanos;
        let Some(newest) = self.newest else {
            return self.begin(id, 0);
        };
        let current = self.segments.back().filter(|it| it.session == session);
        let by_capture = id.captured_unix_nanos.saturating_sub(newest.captured);
        let Some(current) = current else {
            let gap = match by_capture {
                0..=LONGEST_GAP => by_capture.max(1),
                _ => STEP,
            };
            return self.begin(id, newest.line.saturating_add(gap));
        };
        let line = id.pts_nanos.saturating_add(current.offset);
        let ahead = line.saturating_sub(newest.line);
        let is_silence = || by_capture.saturating_sub(ahead).unsigned_abs() <= AGREE;
        if ahead < -BACK || (ahead > FORWARD && !is_silence()) {
            return self.begin(id, newest.line.saturating_add(STEP));
        }
        line
    }

    fn begin(&mut self, id: &FrameId, line: i64) -> i64 {
        if self.segments.len() == MOST_SEGMENTS {
            self.segments.pop_front();
        }
        self.segments.push_back(Segment {
            session: id.session_unix_nanos,
            from: id.sequence,
            offset: line.saturating_sub(id.pts_nanos),
        });
        line
    }
}

#[cfg(test)]
mod tests {
    use camweave_testing::frame_id;

    use super::*;

    fn id(session: i64, sequence: u64, pts: i64, captured: i64) -> FrameId {
        FrameId {
            session_unix_nanos: session,
            pts_nanos: pts * SECOND,
            captured_unix_nanos: captured * SECOND,
            ..frame_id("a", sequence)
        }
    }

    fn seconds(line: &mut CameraLine, ids: &[FrameId]) -> Vec<i64> {
        ids.iter().map(|id| line.unit(id) / SECOND).collect()
    }

    #[test]
    fn it_goes_on_through_sessions_and_jumps() {
        let mut line = CameraLine::default();
        let ids = [
            id(1, 0, 0, 100),
            id(1, 1, 1, 101),
            // A frame that is presented before it.
            id(1, 2, 0, 100),
            // Silence: both clocks agree.
            id(1, 3, 61, 161),
            // Presentation times jump ahead, then back.
            id(1, 4, 5000, 162),
            id(1, 5, 5001, 163),
            id(1, 6, 7, 164),
            // The camera's clock is set by a year, and nothing else happens.
            id(1, 7, 8, 31_536_165),
            // It reconnects, nine seconds later.
            id(2, 0, 0, 31_536_174),
            id(2, 1, 1, 31_536_175),
            // And once more, its clock having gone back.
            id(3, 0, 0, 50),
        ];
        let found = seconds(&mut line, &ids);
        assert_eq!(found, [0, 1, 0, 61, 61, 62, 62, 63, 72, 73, 73]);
        // Frames are found wherever their session and its jumps have put them.
        for (id, expected) in ids.iter().zip(found) {
            assert_eq!(line.of(id).map(|it| it / SECOND), Some(expected), "{id:?}");
        }
        assert_eq!(line.of(&id(4, 0, 0, 0)), None);
        assert_eq!(line.newest().map(|it| it / SECOND), Some(73));
    }

    #[test]
    fn no_time_overflows() {
        const MOST: i64 = (1 << 62) - 1;
        let mut line = CameraLine::default();
        for (index, pts) in [MOST, -MOST, MOST, 0].into_iter().enumerate() {
            let id = FrameId {
                pts_nanos: pts,
                captured_unix_nanos: -pts,
                ..frame_id("a", index as u64)
            };
            let placed = line.unit(&id);
            assert!((0..SECOND).contains(&placed), "{pts}: {placed}");
        }
    }
}
