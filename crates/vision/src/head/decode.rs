//! From a head's values to candidates.

use std::ops::Range;

use super::boxes::Boxes;
use super::scores::Scoring;
use super::strides::Strides;
use super::{Activation, HeadError, HeadFormat, HeadValue, Scores};

/// Anchors scanned at a time: their running best scores and classes stay in the first-level cache
/// while the class rows pass by.
const BLOCK: usize = 1024;
/// No class of the block's anchor has passed.
const NO_CLASS: u32 = u32::MAX;

/// A box that a network proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Edges x1, y1, x2, y2 in model pixels; finite, `x1 <= x2` and `y1 <= y2`.
    pub bbox: [f32; 4],
    /// Score of the class; finite and above the threshold.
    pub score: f32,
    /// The class: the place's best one, unless its head has several labels.
    pub class_id: u32,
    /// The place in the head: breaks ties of scores.
    pub anchor: u32,
}

/// Replaces `candidates` by those of one frame's head, in the order of their places, then of their
/// classes. `size` is the width and height of the network's input, in pixels.
///
/// A place passes with its best class if that score is strictly above `confidence`; of equal
/// values the lowest class wins. A value that is not finite counts as absent. A box with an edge
/// that is not finite, or whose edges are in reverse order, never passes; a labelled place does
/// not if its class is not in `0..2^24`, and one with an objectness only if that is strictly above
/// `confidence` as well, as YOLOv5 has it. Edges of centre boxes are `centre -/+ size / 2` in `f32`.
///
/// A place is one candidate at most; with [`HeadFormat::multi_label`], one for each class whose score
/// is above `confidence`.
///
/// # Errors
/// The number of values is not the format's, or the format contradicts itself or the size.
pub fn decode<T: HeadValue>(
    values: &[T],
    format: &HeadFormat,
    size: (u32, u32),
    confidence: f32,
    candidates: &mut Vec<Candidate>,
) -> Result<(), HeadError> {
    candidates.clear();
    format.validate_for(size)?;
    if values.len() != format.len() {
        return Err(HeadError::Length {
            format: Box::new(*format),
            found: values.len(),
            expected: format.len(),
        });
    }
    let head = Head {
        values,
        places: format.anchors as usize,
        strides: format.strides(),
        boxes: Boxes::new(format, size),
        scoring: Scoring::new(format, confidence),
        classes: format.multi_label.then(|| format.class_scores()),
    };
    let is_by_plane = head.strides.score_place == 1
        && format.scores != Scores::Labelled
        && format.activation != Activation::Softmax;
    if is_by_plane {
        head.decode_planes(format, candidates);
    } else {
        head.decode_places(candidates);
    }
    Ok(())
}

/// One frame's values, as many as its format has.
struct Head<'a, T> {
    values: &'a [T],
    places: usize,
    strides: Strides,
    boxes: Boxes,
    scoring: Scoring,
    /// Where places have several labels, which of their scores are those of classes.
    classes: Option<Range<usize>>,
}

impl<T: HeadValue> Head<'_, T> {
    /// Class by class, of heads in which the values of a class are side by side.
    fn decode_planes(&self, format: &HeadFormat, candidates: &mut Vec<Candidate>) {
        let places = self.places;
        let classes = format.class_scores();
        let scores = &self.values[self.strides.scores..];
        let scores = &scores[classes.start * places..classes.end * places];
        let floor = self.scoring.floor();
        let mut best = [0.0f32; BLOCK];
        let mut class = [NO_CLASS; BLOCK];
        let mut converted = [0.0f32; BLOCK];
        for start in (0..places).step_by(BLOCK) {
            let len = BLOCK.min(places - start);
            // The threshold is the score to beat.
            best[..len].fill(floor);
            class[..len].fill(NO_CLASS);
            for (class_id, row) in (0u32..).zip(scores.chunks_exact(places)) {
                let row = T::values(&row[start..start + len], &mut converted);
                raise(row, class_id, &mut best[..len], &mut class[..len]);
            }
            for (offset, (&value, &class_id)) in best[..len].iter().zip(&class[..len]).enumerate() {
                let place = start + offset;
                if class_id == NO_CLASS {
                    continue;
                }
                if let Some(score) = self.scoring.score(value, self.scores(place)) {
                    self.push(candidates, place, score, class_id);
                }
            }
        }
    }

    fn decode_places(&self, candidates: &mut Vec<Candidate>) {
        for place in 0..self.places {
            if let Some((score, class_id)) = self.scoring.best(self.scores(place)) {
                self.push(candidates, place, score, class_id);
            }
        }
    }

    /// Of a place whose best class passes with this score: that class, or all that pass.
    fn push(&self, candidates: &mut Vec<Candidate>, place: usize, score: f32, class_id: u32) {
        let bbox = self.corners(place);
        match &self.classes {
            None => push(candidates, bbox, score, class_id, place),
            Some(classes) => {
                for (class_id, index) in (0..).zip(classes.clone()) {
                    let scores = self.scores(place);
                    if let Some(score) = self.scoring.score(scores(index), scores) {
                        push(candidates, bbox, score, class_id, place);
                    }
                }
            }
        }
    }

    /// The scores of a place, by their number.
    #[inline]
    fn scores(&self, place: usize) -> impl Fn(usize) -> f32 {
        let first = self.strides.scores + place * self.strides.score_place;
        move |index| self.values[first + index * self.strides.score_value].value()
    }

    /// The edges of a place's box.
    fn corners(&self, place: usize) -> [f32; 4] {
        let first = place * self.strides.box_place;
        let values =
            [0, 1, 2, 3].map(|it| self.values[first + it * self.strides.box_value].value());
        self.boxes.corners(values, place)
    }
}

/// Raises the best scores, and their classes, to one class's where those are greater.
fn raise(row: &[f32], class_id: u32, best: &mut [f32], class: &mut [u32]) {
    for ((&score, best), class) in row.iter().zip(best).zip(class) {
        // False for NaN and infinity. Selected rather than branched on, so that it vectorises.
        let better = (score > *best) & (score <= f32::MAX);
        *best = if better { score } else { *best };
        *class = if better { class_id } else { *class };
    }
}

fn push(candidates: &mut Vec<Candidate>, bbox: [f32; 4], score: f32, class_id: u32, anchor: usize) {
    let [x1, y1, x2, y2] = bbox;
    if bbox.iter().all(|edge| edge.is_finite()) && x1 <= x2 && y1 <= y2 {
        // Heads of more than 2^32 anchors do not fit any memory they come from.
        candidates.push(Candidate {
            bbox,
            score,
            class_id,
            anchor: anchor as u32,
        });
    }
}
