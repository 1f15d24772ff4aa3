//! Rotated boxes: their overlap, their suppression, and their place in the picture.

use std::f32::consts::TAU;

use crate::head::{Candidate, HeadFormat, HeadValue};
use crate::letterbox::Letterbox;
use crate::nms::{NmsConfig, best_first};

/// As Ultralytics has it.
const EPSILON: f32 = 1e-7;

/// `[x, y, width, height, angle]` of a place of a head of oriented boxes, in model pixels and
/// radians.
#[must_use]
pub fn oriented_box<T: HeadValue>(values: &[T], format: &HeadFormat, place: usize) -> [f32; 5] {
    let strides = format.strides();
    let of_box =
        |index: usize| values[place * strides.box_place + index * strides.box_value].value();
    let angle = format.extra_of(values, place).next();
    let angle = angle.unwrap_or(0.0);
    [of_box(0), of_box(1), of_box(2), of_box(3), angle]
}

/// The corners of a rotated box, in order around it: Ultralytics' `xywhr2xyxyxyxy`
/// (`utils/ops.py`, 8.4). With y down, a positive angle rotates clockwise as displayed.
#[must_use]
pub fn oriented_corners([x, y, width, height, angle]: [f32; 5]) -> [[f32; 2]; 4] {
    let (sin, cos) = angle.sin_cos();
    let along = [width / 2.0 * cos, width / 2.0 * sin];
    let across = [-height / 2.0 * sin, height / 2.0 * cos];
    [(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)].map(|(a, b)| {
        [
            x + a * along[0] + b * across[0],
            y + a * along[1] + b * across[1],
        ]
    })
}

/// A rotated box as the normal distribution of the points in it.
#[derive(Debug, Clone, Copy)]
struct Gaussian {
    x: f32,
    y: f32,
    /// The covariance `[[a, c], [c, b]]`.
    a: f32,
    b: f32,
    c: f32,
}

impl Gaussian {
    fn new([x, y, width, height, angle]: [f32; 5]) -> Self {
        let (a, b) = (width * width / 12.0, height * height / 12.0);
        let (sin, cos) = angle.sin_cos();
        Self {
            x,
            y,
            a: a * (cos * cos) + b * (sin * sin),
            b: a * (sin * sin) + b * (cos * cos),
            c: (a - b) * cos * sin,
        }
    }

    fn determinant(&self) -> f32 {
        (self.a * self.b - self.c * self.c).max(0.0)
    }

    /// The Bhattacharyya distance, unclamped.
    fn distance(&self, other: &Self) -> f32 {
        let (a, b, c) = (self.a + other.a, self.b + other.b, self.c + other.c);
        let (dx, dy) = (other.x - self.x, self.y - other.y);
        let determinant = a * b - c * c;
        let t1 = (a * (dy * dy) + b * (dx * dx)) / (determinant + EPSILON) * 0.25;
        let t2 = (c * dx * dy) / (determinant + EPSILON) * 0.5;
        let each = (self.determinant() * other.determinant()).sqrt();
        let t3 = (determinant / (4.0 * each + EPSILON) + EPSILON).ln() * 0.5;
        t1 + t2 + t3
    }

    /// Whether the centres alone are too far apart for a distance of `most`, which is at least a
    /// quarter of their squared distance in parts of the greatest variance.
    fn is_beyond(&self, other: &Self, most: f32) -> bool {
        let (dx, dy) = (other.x - self.x, other.y - self.y);
        let (a, b, c) = (self.a + other.a, self.b + other.b, self.c + other.c);
        // Without area the epsilons decide. The 1 is room for the rounding of the distance.
        dx * dx + dy * dy > (4.0 * most + 1.0) * (a + b) && a * b - c * c > 1.0
    }
}

/// Overlap of two rotated boxes `[x, y, width, height, angle]`, 0 to 1: one less the Hellinger
/// distance of the normal distributions that they stand for.
///
/// This is Ultralytics' `batch_probiou` (`utils/metrics.py`, 8.4, after arXiv:2106.06072), with its
/// epsilons and in its order, in `f32`. Not a number where a value is not one.
#[must_use]
pub fn probiou(one: [f32; 5], other: [f32; 5]) -> f32 {
    similarity(Gaussian::new(one).distance(&Gaussian::new(other)))
}

fn similarity(distance: f32) -> f32 {
    let distance = distance.clamp(EPSILON, 100.0);
    1.0 - (1.0 - (-distance).exp() + EPSILON).sqrt()
}

/// Suppresses rotated boxes, in place: what remains is best first, ties by lower anchor.
///
/// The best `max_candidates` take part. Each is kept unless its [`probiou`] with a better one of its
/// class is above the threshold, **whether or not that one is kept itself**; at most
/// `max_detections` are. This is `TorchNMS.fast_nms` as Ultralytics' `non_max_suppression` calls it
/// for oriented boxes (`utils/nms.py`, 8.4), except that classes are compared and not moved apart.
pub(super) fn suppress(
    candidates: &mut Vec<Candidate>,
    config: &NmsConfig,
    oriented: impl Fn(&Candidate) -> [f32; 5],
) {
    candidates.sort_unstable_by(best_first);
    candidates.truncate(config.max_candidates);
    let all = candidates.iter().map(|it| Gaussian::new(oriented(it)));
    let all: Vec<Gaussian> = all.collect();
    // The distance at which the similarity is the threshold.
    let apart = 1.0 - config.iou;
    let most = -(1.0 - apart * apart).max(f32::MIN_POSITIVE).ln();
    let mut kept = Vec::new();
    for (index, (candidate, own)) in candidates.iter().zip(&all).enumerate() {
        if kept.len() >= config.max_detections {
            break;
        }
        let mut better = candidates[..index].iter().zip(&all);
        let is_suppressed = better.any(|(better, its)| {
            better.class_id == candidate.class_id
                && !its.is_beyond(own, most)
                && similarity(its.distance(own)) > config.iou
        });
        if !is_suppressed {
            kept.push(*candidate);
        }
    }
    *candidates = kept;
}

/// A rotated box of the model's input in the source picture, not clipped: Ultralytics'
/// `scale_boxes` with `xywh=True` (`utils/ops.py`, 8.4). Where the axes have scales of their own,
/// sides are scaled by that of the axis that they would be along without rotation. An angle of more
/// than a turn loses whole turns.
pub(super) fn in_image([x, y, width, height, angle]: [f32; 5], letterbox: &Letterbox) -> [f32; 5] {
    let (x, y) = letterbox.image_from_model(x, y);
    [
        x,
        y,
        width / letterbox.scale_x,
        height / letterbox.scale_y,
        angle % TAU,
    ]
}

/// The rectangle without rotation that encloses a rotated one, clipped to a picture of this width
/// and height; `None` where nothing is left.
pub(super) fn clipped(oriented: [f32; 5], (width, height): (u32, u32)) -> Option<[f32; 4]> {
    let corners = oriented_corners(oriented);
    let range = |axis: usize, side: u32| {
        let all = corners.map(|corner| corner[axis]);
        let least = all.into_iter().fold(f32::INFINITY, f32::min);
        let most = all.into_iter().fold(f32::NEG_INFINITY, f32::max);
        (least.clamp(0.0, side as f32), most.clamp(0.0, side as f32))
    };
    let ((x1, x2), (y1, y2)) = (range(0, width), range(1, height));
    (x1 < x2 && y1 < y2).then_some([x1, y1, x2, y2])
}
