//! What networks give beside boxes: masks, keypoints, rotated boxes.

mod keypoints;
mod mask;
mod oriented;
mod outline;

pub use oriented::{oriented_box, oriented_corners, probiou};

use crate::candidates::{Detection, in_image, keep_best};
use crate::head::{Candidate, HeadFormat, HeadValue, Task};
use crate::letterbox::Letterbox;
use crate::nms::NmsConfig;
use mask::Masks;

/// What a network gives of an object beside its box, in pixels of the source picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Nothing, or a mask that was left out.
    None,
    /// The outline of its mask, a closed polygon: x and y of each point, inside the picture.
    Outline(Vec<f32>),
    /// x and y, inside the picture, and confidence of each keypoint; confidence is 1 where the
    /// network gives none.
    Keypoints(Vec<f32>),
    /// `[x, y, width, height, angle]`: centre, sides, and a rotation in radians, clockwise as
    /// displayed, of less than a turn.
    Oriented([f32; 5]),
}

/// Memory that [`shapes`] uses again from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct ShapeScratch {
    mask: mask::MaskScratch,
}

/// As [`keep_best`], for a head of any task: oriented boxes are suppressed by [`probiou`].
///
/// `values` are those that `candidates` were decoded from.
pub fn keep_best_of<T: HeadValue>(
    values: &[T],
    candidates: &mut Vec<Candidate>,
    format: &HeadFormat,
    config: &NmsConfig,
) {
    if format.task == Task::Obb {
        // No rotation, no box.
        let is_rotated = |it: &Candidate| {
            let angle = format.extra_of(values, it.anchor as usize).next();
            angle.is_some_and(f32::is_finite)
        };
        candidates.retain(is_rotated);
        if format.overlaps {
            let of = |it: &Candidate| oriented_box(values, format, it.anchor as usize);
            return oriented::suppress(candidates, config, of);
        }
    }
    keep_best(candidates, format, config);
}

/// As [`in_image`], with what the head has of each object beside its box.
///
/// `values` are those that `candidates` were decoded from, of a network whose input is that of
/// `letterbox`. An outline has at most `most_points` points. As in Ultralytics' `predict`, an object
/// whose mask has no pixel is dropped.
///
/// The masks of a frame have 16 times the pixels of the network's input at most (4,194,304 of a small
/// one), counted by their boxes in the order of `candidates`; an object for which too few are left has
/// [`Shape::None`].
pub fn shapes<T: HeadValue>(
    values: &[T],
    format: &HeadFormat,
    letterbox: &Letterbox,
    candidates: &[Candidate],
    most_points: usize,
    scratch: &mut ShapeScratch,
) -> Vec<(Detection, Shape)> {
    let each = |candidate: &Candidate| in_image(std::slice::from_ref(candidate), letterbox).next();
    let all = candidates.iter();
    match format.task {
        Task::Detect => all
            .filter_map(|it| Some((each(it)?, Shape::None)))
            .collect(),
        Task::Segment { height, width } => {
            let masks = Masks::new(values, format, (width, height), letterbox, most_points);
            let mut left = masks.budget();
            all.filter_map(|candidate| {
                let detection = each(candidate)?;
                let Some(rest) = left.checked_sub(masks.pixels(candidate)) else {
                    return Some((detection, Shape::None));
                };
                left = rest;
                let outline = masks.outline(candidate, &mut scratch.mask)?;
                Some((detection, Shape::Outline(outline)))
            })
            .collect()
        }
        Task::Pose { values: each_has } => all
            .filter_map(|candidate| {
                let points = format.extra_of(values, candidate.anchor as usize);
                let points = keypoints::in_image(points, each_has, letterbox);
                Some((each(candidate)?, Shape::Keypoints(points)))
            })
            .collect(),
        Task::Obb => all
            .filter_map(|candidate| {
                let place = candidate.anchor as usize;
                let oriented = oriented::in_image(oriented_box(values, format, place), letterbox);
                let bbox = oriented::clipped(oriented, letterbox.source)?;
                let detection = Detection {
                    bbox,
                    score: candidate.score,
                    class_id: candidate.class_id,
                };
                Some((detection, Shape::Oriented(oriented)))
            })
            .collect(),
    }
}
