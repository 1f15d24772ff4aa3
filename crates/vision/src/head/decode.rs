//! From a head's values to candidates.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{HeadError, HeadFormat};

/// Anchors scanned at a time: their running best scores and classes stay in the first-level cache
/// while the class rows pass by.
const BLOCK: usize = 1024;
/// No class of the block's anchor has passed.
const NO_CLASS: u32 = u32::MAX;
/// Classes at and above this are not exact in `f32`.
const CLASS_LIMIT: f32 = 16_777_216.0;

/// A box that a network proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Edges x1, y1, x2, y2 in model pixels; finite, `x1 <= x2` and `y1 <= y2`.
    pub bbox: [f32; 4],
    /// Score of the best class; finite and above the threshold.
    pub score: f32,
    /// The class with the best score.
    pub class_id: u32,
    /// Anchor, or row of an end-to-end head: breaks ties of scores.
    pub anchor: u32,
}

/// A number that heads are made of: `f32` or `f16`.
pub trait HeadValue: Copy + sealed::Sealed {
    /// The value as `f32`.
    fn value(self) -> f32;

    /// Values as `f32`, in place where they are already, else converted into `scratch`, which is
    /// at least as long.
    fn values<'a>(values: &'a [Self], scratch: &'a mut [f32]) -> &'a [f32];
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
}

impl HeadValue for f32 {
    #[inline]
    fn value(self) -> f32 {
        self
    }

    #[inline]
    fn values<'a>(values: &'a [Self], _scratch: &'a mut [f32]) -> &'a [f32] {
        values
    }
}

impl HeadValue for f16 {
    #[inline]
    fn value(self) -> f32 {
        self.to_f32()
    }

    #[inline]
    fn values<'a>(values: &'a [Self], scratch: &'a mut [f32]) -> &'a [f32] {
        let scratch = &mut scratch[..values.len()];
        values.convert_to_f32_slice(scratch);
        scratch
    }
}

/// Replaces `candidates` by those of one frame's head, in the order of their anchors.
///
/// An anchor passes with its best class if that score is strictly above `confidence`; of equal
/// scores the lowest class wins. A score that is not finite counts as absent. A box with an edge
/// that is not finite, or whose edges are in reverse order, never passes; an end-to-end row does
/// not if its class is not in `0..2^24`. Edges of a YOLOv8 head are `centre -/+ size / 2` in `f32`.
///
/// # Errors
/// The number of values is not the format's, or the format is another.
pub fn decode<T: HeadValue>(
    values: &[T],
    format: &HeadFormat,
    confidence: f32,
    candidates: &mut Vec<Candidate>,
) -> Result<(), HeadError> {
    candidates.clear();
    if values.len() != format.len() {
        return Err(HeadError::Length {
            format: Box::new(*format),
            found: values.len(),
            expected: format.len(),
        });
    }
    let classes = format.classes().unwrap_or_default();
    if *format == HeadFormat::yolov8(classes, format.anchors) {
        decode_yolov8(values, format.anchors as usize, confidence, candidates);
    } else if *format == HeadFormat::end_to_end(format.anchors) {
        decode_end_to_end(values, confidence, candidates);
    } else {
        return Err(HeadError::Format {
            format: Box::new(*format),
            expected: "that of YOLOv8, or rows of x1, y1, x2, y2, score and class in pixels",
        });
    }
    Ok(())
}

fn decode_yolov8<T: HeadValue>(
    values: &[T],
    anchors: usize,
    confidence: f32,
    candidates: &mut Vec<Candidate>,
) {
    if anchors == 0 {
        return;
    }
    let (boxes, scores) = values.split_at(4 * anchors);
    let mut best = [0.0f32; BLOCK];
    let mut class = [NO_CLASS; BLOCK];
    let mut converted = [0.0f32; BLOCK];
    for start in (0..anchors).step_by(BLOCK) {
        let len = BLOCK.min(anchors - start);
        // The threshold is the score to beat.
        best[..len].fill(confidence);
        class[..len].fill(NO_CLASS);
        for (class_id, row) in (0u32..).zip(scores.chunks_exact(anchors)) {
            let row = T::values(&row[start..start + len], &mut converted);
            raise(row, class_id, &mut best[..len], &mut class[..len]);
        }
        for (offset, (&score, &class_id)) in best[..len].iter().zip(&class[..len]).enumerate() {
            if class_id == NO_CLASS {
                continue;
            }
            let anchor = start + offset;
            let [cx, cy, w, h] = [0, 1, 2, 3].map(|row| boxes[row * anchors + anchor].value());
            let (half_w, half_h) = (w / 2.0, h / 2.0);
            let bbox = [cx - half_w, cy - half_h, cx + half_w, cy + half_h];
            push(candidates, bbox, score, class_id, anchor);
        }
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

fn decode_end_to_end<T: HeadValue>(values: &[T], confidence: f32, candidates: &mut Vec<Candidate>) {
    let (rows, _) = values.as_chunks::<6>();
    for (anchor, row) in rows.iter().enumerate() {
        let [x1, y1, x2, y2, score, class] = row.map(T::value);
        if score > confidence && score <= f32::MAX && (0.0..CLASS_LIMIT).contains(&class) {
            push(candidates, [x1, y1, x2, y2], score, class as u32, anchor);
        }
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
