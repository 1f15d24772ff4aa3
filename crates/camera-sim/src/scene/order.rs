//! Painter's order: what stands behind is drawn first.

use super::view::{Ground, Pose};

/// What is compared: an upright thing's outline on the ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footprint {
    pub(super) pose: Pose,
    pub(super) half_length: f32,
    pub(super) half_width: f32,
}

impl Footprint {
    fn axes(&self) -> [Ground; 2] {
        let (sin, cos) = self.pose.heading.sin_cos();
        [[cos, sin], [-sin, cos]]
    }

    /// Middle and half extent along a direction.
    fn shadow(&self, direction: Ground) -> (f32, f32) {
        let dot = |a: Ground| a[0] * direction[0] + a[1] * direction[1];
        let [forward, left] = self.axes();
        (
            dot(self.pose.at),
            self.half_length * dot(forward).abs() + self.half_width * dot(left).abs(),
        )
    }

    fn distance(&self) -> f32 {
        self.pose.at[0].hypot(self.pose.at[1])
    }

    /// Whether `self` must be drawn before `other` for a camera above the origin.
    ///
    /// Two upright convex things are parted by a vertical plane along one of their sides (separating axis theorem); the
    /// one on the camera's side of the widest gap is in front. Where they overlap, the farther one is behind.
    pub(super) fn is_behind(&self, other: &Self) -> bool {
        let mut widest = 0.0;
        let mut behind = self.distance() > other.distance();
        for axis in self.axes().into_iter().chain(other.axes()) {
            let (a, ra) = self.shadow(axis);
            let (b, rb) = other.shadow(axis);
            let gap = (a - b).abs() - ra - rb;
            if gap <= widest {
                continue;
            }
            widest = gap;
            // The plane in the middle of the gap; the camera is at 0.
            let plane = if a < b {
                (a + ra + b - rb) * 0.5
            } else {
                (b + rb + a - ra) * 0.5
            };
            behind = (a > plane) != (0.0 > plane);
        }
        behind
    }
}

/// Indices of `items` from the farthest to the nearest. `may_overlap` tells whether two of them meet in the image:
/// the others' order does not matter.
pub(super) fn painters_order(
    items: &[Footprint],
    may_overlap: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..items.len()).collect();
    waiting.sort_by(|a, b| items[*b].distance().total_cmp(&items[*a].distance()));
    let mut ordered = Vec::with_capacity(items.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|candidate| {
            waiting.iter().all(|other| {
                other == candidate
                    || !may_overlap(*candidate, *other)
                    || !items[*other].is_behind(&items[*candidate])
            })
        });
        // A ring of things that hide each other has no right order: the farthest goes first.
        ordered.push(waiting.remove(free.unwrap_or(0)));
    }
    ordered
}
