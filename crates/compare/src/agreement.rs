//! Whether two graphs found the same objects in the same frames.

use std::collections::BTreeMap;

use camweave_vision::iou;
use serde::{Deserialize, Serialize};

use crate::lines::Line;

/// Boxes of one class that overlap by so much are of one object.
const SAME_OBJECT: f32 = 0.5;
/// Two results that differ by less are the same up to rounding: another order of additions.
const SAME_IOU: f32 = 0.99;
const SAME_SCORE: f32 = 0.01;

/// A simulated camera's clock: when its frame 0 was taken, and frames per second.
pub type Clocks = BTreeMap<String, (i64, f64)>;

/// What is common to the detections of two runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Frames that both detected.
    pub frames: usize,
    /// Frames that one of them alone detected, in the time that both ran.
    pub frames_of_one: usize,
    /// Frames of both with the same boxes, bit for bit.
    pub identical: usize,
    /// Frames of both with the same boxes up to rounding (IoU 0.99, score 0.01).
    pub same: usize,
    /// Boxes of A in these frames.
    pub boxes_a: usize,
    /// Boxes of B in these frames.
    pub boxes_b: usize,
    /// Boxes that are of one object: of one class, IoU at least 0.5.
    pub matched: usize,
    /// Mean IoU of those.
    pub mean_iou: f64,
    /// Largest difference of their scores.
    pub score_difference: f64,
}

impl Agreement {
    /// In a few words.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { frames, same, .. } = self;
        if self.identical == *frames {
            return format!("detections identical in all {frames} frames");
        }
        if same == frames {
            return format!(
                "detections the same up to rounding in all {frames} frames (scores within {:.4})",
                self.score_difference
            );
        }
        let either = self.boxes_a + self.boxes_b - self.matched;
        let share = 100.0 * self.matched as f64 / either.max(1) as f64;
        format!(
            "detections differ in {} of {frames} frames; {share:.1} % of the objects are in both, mean IoU {:.3}",
            frames - same,
            self.mean_iou
        )
    }
}

/// Compares the frames that both runs have: by number for files, by the moment of capture for
/// simulated cameras, whose clocks are given. `None` if there is no frame that can be told to be
/// the same.
#[must_use]
pub fn compare(a: &[Line], a_clocks: &Clocks, b: &[Line], b_clocks: &Clocks) -> Option<Agreement> {
    let a = by_frame(a, a_clocks);
    let b = by_frame(b, b_clocks);
    let mut found = Agreement::default();
    let mut sum = 0.0;
    for (key, line) in &a {
        let Some(other) = b.get(key) else {
            continue;
        };
        found.frames += 1;
        found.boxes_a += line.boxes.len();
        found.boxes_b += other.boxes.len();
        let pairs = pairs(line, other);
        let all = pairs.len() == line.boxes.len() && pairs.len() == other.boxes.len();
        let mut same = all;
        let score = |line: &Line, index: usize| line.scores.get(index).copied().unwrap_or(0.0);
        for pair in pairs {
            let overlap = pair.overlap;
            found.matched += 1;
            sum += f64::from(overlap);
            let difference = (score(line, pair.a) - score(other, pair.b)).abs();
            found.score_difference = found.score_difference.max(f64::from(difference));
            same &= overlap >= SAME_IOU && difference <= SAME_SCORE;
        }
        found.same += usize::from(same);
        let identical = line.boxes == other.boxes
            && line.scores == other.scores
            && line.class_ids == other.class_ids;
        found.identical += usize::from(identical);
    }
    if found.frames == 0 {
        return None;
    }
    found.mean_iou = sum / found.matched.max(1) as f64;
    found.frames_of_one = of_one(&a, &b) + of_one(&b, &a);
    Some(found)
}

type Frames<'a> = BTreeMap<(&'a str, u64), &'a Line>;

/// Frames of `a` that `b` lacks, up to the last that `b` has of the camera.
fn of_one(a: &Frames<'_>, b: &Frames<'_>) -> usize {
    let mut ends: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (camera, frame) in b.keys() {
        let (first, last) = ends.entry(camera).or_insert((*frame, *frame));
        (*first, *last) = ((*first).min(*frame), (*last).max(*frame));
    }
    let inside = |(camera, frame): &&(&str, u64)| {
        ends.get(camera)
            .is_some_and(|(first, last)| (first..=last).contains(&frame))
    };
    a.keys()
        .filter(inside)
        .filter(|key| !b.contains_key(*key))
        .count()
}

fn by_frame<'a>(lines: &'a [Line], clocks: &Clocks) -> Frames<'a> {
    lines
        .iter()
        .filter_map(|line| Some(((line.camera.as_str(), number(line, clocks)?), line)))
        .collect()
}

/// The frame's number on its camera's time line.
fn number(line: &Line, clocks: &Clocks) -> Option<u64> {
    if line.captured_clock == "file" {
        return Some(line.sequence);
    }
    let (begin, fps) = clocks.get(&line.camera)?;
    let exact = (line.captured_unix_nanos - begin) as f64 * fps / 1e9;
    let frame = exact.round();
    // Without the camera's own clock a frame cannot be told from its neighbours.
    (frame >= 0.0 && (exact - frame).abs() < 0.05).then_some(frame as u64)
}

/// An object that is in two results of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Its number in the one.
    pub a: usize,
    /// Its number in the other.
    pub b: usize,
    /// IoU of its boxes.
    pub overlap: f32,
}

/// The boxes that are of one object, best first; each is in one pair at most.
#[must_use]
pub fn pairs(a: &Line, b: &Line) -> Vec<Pair> {
    let mut candidates = Vec::new();
    for (index, (bbox, class)) in a.boxes.iter().zip(&a.class_ids).enumerate() {
        for (other, (other_box, other_class)) in b.boxes.iter().zip(&b.class_ids).enumerate() {
            let overlap = iou(*bbox, *other_box);
            if class == other_class && overlap >= SAME_OBJECT {
                candidates.push(Pair {
                    a: index,
                    b: other,
                    overlap,
                });
            }
        }
    }
    candidates.sort_by(|x, y| y.overlap.total_cmp(&x.overlap));
    let (mut of_a, mut of_b) = (vec![false; a.boxes.len()], vec![false; b.boxes.len()]);
    let mut found = Vec::new();
    for pair in candidates {
        if !of_a[pair.a] && !of_b[pair.b] {
            (of_a[pair.a], of_b[pair.b]) = (true, true);
            found.push(pair);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::tests::line;

    fn lines(count: u64) -> Vec<Line> {
        (0..count)
            .map(|index| line("a", index, 1_000_000_000 + index as i64 * 100_000_000))
            .collect()
    }

    #[test]
    fn the_same_is_identical_and_a_moved_box_is_not() {
        let none = Clocks::new();
        let a = lines(10);
        let same = compare(&a, &none, &a, &none).expect("frames");
        assert_eq!((same.frames, same.identical, same.matched), (10, 10, 10));
        assert_eq!(same.text(), "detections identical in all 10 frames");

        let mut rounded = a.clone();
        rounded[3].scores[0] += 0.001;
        let found = compare(&a, &none, &rounded, &none).expect("frames");
        assert_eq!((found.identical, found.same), (9, 10));
        assert!(found.text().contains("up to rounding"), "{}", found.text());

        let mut moved = a.clone();
        moved[3].boxes[0] = [0.0, 0.0, 10.0, 8.0];
        moved[4].boxes[0] = [50.0, 0.0, 60.0, 10.0];
        moved[5].class_ids[0] = 2;
        let found = compare(&a, &none, &moved, &none).expect("frames");
        assert_eq!((found.same, found.matched), (7, 8));
        assert!((found.mean_iou - (7.0 + 0.8) / 8.0).abs() < 1e-6);
        // 8 objects in both, 2 of A alone, 2 of B alone.
        assert!(
            found.text().contains("3 of 10 frames; 66.7 %"),
            "{}",
            found.text()
        );
    }

    #[test]
    fn frames_of_cameras_are_found_by_their_capture_time() {
        let live = |begin: i64, frames: &[i64]| {
            let lines: Vec<Line> = frames
                .iter()
                .map(|frame| {
                    let mut line = line("a", 77 + *frame as u64, 0);
                    line.captured_clock = "sender-report".to_owned();
                    line.captured_unix_nanos = begin + frame * 100_000_000 + 5_000;
                    line
                })
                .collect();
            (lines, Clocks::from([("a".to_owned(), (begin, 10.0))]))
        };
        let (a, a_clocks) = live(1_000, &[0, 1, 2, 3, 4]);
        let (b, b_clocks) = live(9_000_000, &[1, 3, 4, 5]);
        let found = compare(&a, &a_clocks, &b, &b_clocks).expect("frames");
        assert_eq!((found.frames, found.frames_of_one), (3, 1));
        assert_eq!(compare(&a, &Clocks::new(), &b, &Clocks::new()), None);
    }
}
