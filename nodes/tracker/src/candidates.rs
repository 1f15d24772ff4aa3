//! The boxes of a frame, in an order in which those near a track are found quickly.

use camweave_vision::Detection;

use crate::follow::is_sound;
use crate::motion::{Measured, middle};

/// A box of the frame, which may continue a track.
pub(crate) struct Candidate {
    pub index: usize,
    pub item: Detection,
    pub measured: Measured,
    /// Whether a track has it.
    pub is_taken: bool,
}

/// The boxes of the frame that can be tracked, from left to right.
#[derive(Default)]
pub(crate) struct Candidates {
    pub all: Vec<Candidate>,
    /// Their centres, close together: most of them are only compared.
    centres: Vec<[f32; 2]>,
    /// The greatest width and height.
    largest: [f32; 2],
    /// The frame in columns of equal width: the leftmost centre, columns per pixel, and how many centres
    /// are left of each column's end.
    left: f32,
    per_pixel: f32,
    columns: Vec<usize>,
    /// Memory that is used again.
    order: Vec<u64>,
}

impl Candidates {
    /// Takes the boxes of a frame in place of those of the one before.
    pub fn fill(&mut self, boxes: &[Detection]) {
        self.largest = [0.0; 2];
        self.order.clear();
        // Indices fit into 32 bits: a frame of more boxes is no message.
        for (index, item) in (0_u32..).zip(boxes).filter(|(_, item)| is_sound(item)) {
            let [x1, y1, x2, y2] = item.bbox;
            self.largest = [self.largest[0].max(x2 - x1), self.largest[1].max(y2 - y1)];
            let key = u64::from(in_order(middle(x1, x2))) << u32::BITS;
            self.order.push(key | u64::from(index));
        }
        self.order.sort_unstable();
        self.all.clear();
        self.all.extend(self.order.iter().map(|key| {
            let index = (key & u64::from(u32::MAX)) as usize;
            Candidate {
                index,
                item: boxes[index],
                measured: Measured::of(boxes[index].bbox),
                is_taken: false,
            }
        }));
        self.centres.clear();
        let centres = self.all.iter().map(|it| it.measured.centre);
        self.centres.extend(centres);
        self.divide();
    }

    /// Divides the frame into as many columns as it has boxes.
    fn divide(&mut self) {
        let edge = |it: Option<&[f32; 2]>| it.map_or(0.0, |it| it[0]);
        let (left, right) = (edge(self.centres.first()), edge(self.centres.last()));
        let count = self.centres.len().max(1);
        self.left = left;
        self.per_pixel = count as f32 / (right - left).max(f32::MIN_POSITIVE);
        self.columns.clear();
        self.columns.resize(count, 0);
        for at in 0..self.centres.len() {
            let column = self.column(self.centres[at][0]);
            self.columns[column] += 1;
        }
        let mut sum = 0;
        for column in &mut self.columns {
            sum += *column;
            *column = sum;
        }
    }

    fn column(&self, x: f32) -> usize {
        // What is no number is in the first one, and what is too large in the last.
        let column = ((x - self.left) * self.per_pixel) as u32;
        (column as usize).min(self.columns.len().saturating_sub(1))
    }

    /// The places in `all` of those whose boxes may meet a box, both enlarged by `buffer`. `memory` is
    /// for them.
    pub fn near<'memory>(
        &self,
        [x1, y1, x2, y2]: [f32; 4],
        buffer: f32,
        memory: &'memory mut Vec<usize>,
    ) -> &'memory [usize] {
        let share = 0.5 + buffer;
        let reach = [x2 - x1 + self.largest[0], y2 - y1 + self.largest[1]].map(|it| it * share);
        let [x, y] = [middle(x1, x2), middle(y1, y2)];
        let (left, right) = (x - reach[0], x + reach[0]);
        let first = match self.column(left) {
            0 => 0,
            column => self.columns[column - 1],
        };
        let last = self.columns.get(self.column(right)).copied().unwrap_or(0);
        let centres = self.centres.get(first..last).unwrap_or_default();
        memory.resize(centres.len().max(memory.len()), 0);
        let mut count = 0;
        // Without a branch that could be predicted wrongly.
        for (place, centre) in (first..).zip(centres) {
            memory[count] = place;
            let is_near =
                (centre[0] >= left) & (centre[0] <= right) & ((centre[1] - y).abs() <= reach[1]);
            count += usize::from(is_near);
        }
        &memory[..count]
    }
}

/// An integer that is ordered as [`f32::total_cmp`] orders numbers, and is compared faster.
fn in_order(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_sign_negative() {
        !bits
    } else {
        bits | 1 << 31
    }
}

/// A box that is larger by `buffer` times its size on each side.
pub(crate) fn buffered([x1, y1, x2, y2]: [f32; 4], buffer: f32) -> [f32; 4] {
    let (wide, high) = ((x2 - x1) * buffer, (y2 - y1) * buffer);
    [x1 - wide, y1 - high, x2 + wide, y2 + high]
}

/// The share of `covered` that lies inside `cover`.
pub(crate) fn covers(cover: [f32; 4], covered: [f32; 4]) -> f32 {
    let side = |axis: usize| {
        (cover[axis + 2].min(covered[axis + 2]) - cover[axis].max(covered[axis])).max(0.0)
    };
    let area = (covered[2] - covered[0]) * (covered[3] - covered[1]);
    if area > 0.0 {
        side(0) * side(1) / area
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bbox: [f32; 4]) -> Detection {
        Detection {
            bbox,
            score: 0.9,
            class_id: 0,
        }
    }

    #[test]
    fn boxes_are_found_from_left_to_right_wherever_they_are() {
        let mut boxes = Vec::new();
        for at in 0..40_i16 {
            let (x, y) = (
                f32::from(at * 37 % 41) * 20.0 - 400.0,
                f32::from(at % 5) * 30.0,
            );
            boxes.push(item([x, y, x + 10.0 + f32::from(at % 7), y + 25.0]));
        }
        // Of one place the first comes first; what has no area is left out.
        boxes.push(boxes[3]);
        boxes.push(item([0.0; 4]));
        let mut found = Candidates::default();
        // What was there before is gone.
        found.fill(&vec![item([-9e3, -9e3, 9e3, 9e3]); 99]);
        found.fill(&boxes);
        assert_eq!(found.all.len(), 41);
        let all = found.all.iter();
        let order: Vec<_> = all.map(|it| (it.measured.centre[0], it.index)).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        let mut memory = Vec::new();
        for buffer in [0.0, 0.3] {
            for place in [
                [-10.0, 20.0, 60.0, 90.0],
                [-1e9, 0.0, 1e9, 1.0],
                [5e8, 0.0, 6e8, 1.0],
            ] {
                let near = found.near(place, buffer, &mut memory).to_vec();
                assert!(near.is_sorted());
                let meets = |it: &Candidate| {
                    let larger = buffered(it.item.bbox, buffer);
                    camweave_vision::iou(buffered(place, buffer), larger) > 0.0
                };
                let missed = (0..41).filter(|at| meets(&found.all[*at]) && !near.contains(at));
                assert_eq!(missed.count(), 0);
            }
        }
    }

    #[test]
    fn few_boxes_and_none_are_found_too() {
        let (mut found, mut memory) = (Candidates::default(), Vec::new());
        let place = [0.0, 0.0, 10.0, 10.0];
        assert!(found.near(place, 0.0, &mut memory).is_empty());
        found.fill(&[]);
        assert!(found.near(place, 0.0, &mut memory).is_empty());
        found.fill(&[item(place)]);
        assert_eq!(found.near(place, 0.0, &mut memory), [0]);
        found.fill(&[item(place); 3]);
        assert_eq!(found.near(place, 0.2, &mut memory), [0, 1, 2]);
        let nowhere = [1e6, 0.0, 1e6 + 1.0, 1.0];
        assert!(found.near(nowhere, 0.0, &mut memory).is_empty());
    }

    #[test]
    fn numbers_stay_in_order() {
        let values = [
            f32::MIN,
            -1.0,
            -1e-40,
            -0.0,
            0.0,
            1e-40,
            2.5,
            f32::MAX,
            f32::INFINITY,
        ];
        assert!(values.map(in_order).is_sorted_by(|a, b| a < b));
    }
}
