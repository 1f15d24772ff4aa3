//! When the frames of a camera are presented in the MP4 that browsers play.
//!
//! Cameras' own times have gaps, jumps and sessions that begin again, and say nothing of when a frame
//! is decoded. Media Source Extensions take them badly: a step of decode times that goes back, or is
//! longer than two frames, drops everything up to the next keyframe, and a player stalls at a
//! gap between presentation times for as long as the gap is. So fragments have times of their own,
//! which are the same for all viewers; a frame's own time stays in its message's header.
//!
//! - **Presentation times** follow the camera's, so that the player's clock goes as fast as frames
//!   come, but no step forward is longer than twice the usual one, and a time that goes back by more
//!   than reordered frames do, or a new session, goes on where the last frame was. So after a gap the
//!   next frame is shown when it comes. Frames that come before others in presentation order are
//!   placed between those around them, in proportion: their order is that of the camera.
//! - A frame is **shown** for as long as the step to the next one can be: twice the usual one. Players
//!   stall where a frame ends before the next begins; that it ends after the next has begun is of
//!   no matter to them.
//! - **Decode times** are dense: each is that of the sample before and its duration. Durations are
//!   those of a frame, and such that decode times stay before presentation times by [`LEAD`], so that
//!   no frame is presented before it is decoded. The lead costs no latency: players go by presentation
//!   times.

use std::collections::VecDeque;

/// Decode times are before presentation times by so much: more than frames are reordered by.
const LEAD: i64 = 2_000_000;
/// The step that is assumed until one is known.
const FIRST_STEP: i64 = 100_000;
/// Usual steps are between these.
const SHORTEST_STEP: i64 = 1_000;
const LONGEST_STEP: i64 = 1_000_000;
/// The usual step follows what comes within about so many.
const STEPS: i64 = 8;
/// A frame's duration grows by one part of so many, where it was longer of late.
const GROWTH: i64 = 16;
/// Decode times come back to their lead within about so many frames.
const FRAMES: i64 = 32;
/// Frames that go forward whose times are kept: no frame is reordered over more.
const KNOTS: usize = 8;
/// Times given of late, of which no two may be the same.
const GIVEN: usize = 64;
/// Times that are less apart are the same for the page, since browsers round them.
const APART: i64 = 10;

/// A sample's times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub decode: u64,
    pub presentation: u64,
    /// To the decode time of the next one.
    pub duration: u32,
    /// From its presentation time; the next frame is presented before that ends.
    pub shown: u32,
}

/// One camera's, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The camera's time and ours, of the frames that went forward last.
    knots: VecDeque<(i64, i64)>,
    /// The usual step from one of these to the next.
    step: Option<i64>,
    /// The duration of a frame: the shortest time of late between two that follow one another in
    /// decoding order, since the others go over frames that are reordered.
    frame: Option<i64>,
    /// The last camera's time, whichever frame's it was.
    last: i64,
    given: VecDeque<i64>,
    decode: i64,
}

impl Timeline {
    /// The times of the next frame in decoding order. `begins`: it is the first one of its session.
    pub fn next(&mut self, pts_nanos: i64, begins: bool) -> Times {
        let camera = pts_nanos / 1000;
        let is_first = self.knots.is_empty();
        let presentation = self.presentation(camera, begins);
        let presentation = self.unique(presentation);
        let newest = self.knots.back().map_or(presentation, |knot| knot.1);
        if !is_first && !begins {
            self.note_frame((camera - self.last).abs());
        }
        self.last = camera;
        let decode = self.decode;
        let duration = self.duration(newest);
        self.decode += duration;
        // The first step may be of any length.
        let longest = 2 * self.step.unwrap_or(LONGEST_STEP);
        Times {
            decode: decode.unsigned_abs(),
            presentation: presentation.unsigned_abs(),
            duration: duration as u32,
            shown: duration.max(longest) as u32,
        }
    }

    fn step(&self) -> i64 {
        self.step.unwrap_or(FIRST_STEP)
    }

    fn presentation(&mut self, camera: i64, begins: bool) -> i64 {
        let Some(&(newest, ours)) = self.knots.back() else {
            return self.knot(camera, LEAD);
        };
        if begins || self.goes_back(camera) {
            self.knots.clear();
            return self.knot(camera, ours + self.step());
        }
        if camera > newest {
            let step = camera - newest;
            let usual = step.clamp(SHORTEST_STEP, LONGEST_STEP);
            let longest = 2 * *self.step.get_or_insert(usual);
            // A rate that falls is followed within some frames.
            self.step = self.step.map(|it| it + (usual.min(4 * it) - it) / STEPS);
            return self.knot(camera, ours + step.min(longest));
        }
        self.between(camera)
    }

    /// Whether the frame is before all those that it can have been reordered with.
    fn goes_back(&self, camera: i64) -> bool {
        match (self.knots.front(), self.knots.len()) {
            // Frames before the keyframe at which a session began belong to it.
            (Some(first), 1) => camera < first.0 - LONGEST_STEP,
            (first, _) => first.is_some_and(|first| camera < first.0),
        }
    }

    fn knot(&mut self, camera: i64, ours: i64) -> i64 {
        if self.knots.len() == KNOTS {
            self.knots.pop_front();
        }
        self.knots.push_back((camera, ours));
        ours
    }

    /// A time between those of two frames that went forward, or before the first of them.
    fn between(&self, camera: i64) -> i64 {
        let after = self.knots.iter().position(|knot| knot.0 >= camera);
        let after = after.unwrap_or(0);
        let (next, ours) = self.knots[after];
        match after.checked_sub(1).map(|index| self.knots[index]) {
            Some((last, place)) => {
                // In the camera's time there may be years between them.
                let part = i128::from(ours - place) * i128::from(camera - last);
                place + (part / i128::from(next - last).max(1)) as i64
            }
            None => (ours - (next - camera)).max(0),
        }
    }

    /// Two frames with the same time would take each other's place, and their boxes.
    fn unique(&mut self, mut time: i64) -> i64 {
        let is_near = |given: &i64, time: i64| (given - time).abs() < APART;
        while self.given.iter().any(|it| is_near(it, time)) {
            time += APART;
        }
        if self.given.len() == GIVEN {
            self.given.pop_front();
        }
        self.given.push_back(time);
        time
    }

    fn note_frame(&mut self, difference: i64) {
        let difference = difference.clamp(SHORTEST_STEP, LONGEST_STEP);
        let most = self.frame.map_or(difference, |it| it + it / GROWTH);
        self.frame = Some(difference.min(most));
    }

    /// Towards [`LEAD`] before the newest presentation time, and never past half of it.
    fn duration(&self, newest: i64) -> i64 {
        let behind = newest - LEAD - self.decode;
        let most = (behind + LEAD / 2).max(SHORTEST_STEP);
        let usual = self.frame.unwrap_or(FIRST_STEP);
        (usual + behind / FRAMES).clamp(SHORTEST_STEP, most)
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
