//! The boxes of a frame, in an order in which those near a track are found quickly.

use camweave_vision::Detection;

use crate::follow::is_sound;
use crate::motion::Measured;

/// A box of the frame, which may continue a track.
pub(crate) struct Candidate {
    pub index: usize,
    pub measured: Measured,
    pub is_taken: bool,
}

/// The boxes of the frame that can be tracked, from left to right.
pub(crate) struct Candidates {
    pub all: Vec<Candidate>,
    /// The greatest width and height.
    largest: [f32; 2],
}

impl Candidates {
    pub fn of(boxes: &[Detection]) -> Self {
        let sound = boxes.iter().enumerate().filter(|(_, item)| is_sound(item));
        let mut largest = [0.0_f32; 2];
        let mut all: Vec<Candidate> = sound
            .map(|(index, item)| {
                let [x1, y1, x2, y2] = item.bbox;
                largest = [largest[0].max(x2 - x1), largest[1].max(y2 - y1)];
                Candidate {
                    index,
                    measured: Measured::of(item.bbox),
                    is_taken: false,
                }
            })
            .collect();
        all.sort_unstable_by(|a, b| {
            let by_x = a.measured.centre[0].total_cmp(&b.measured.centre[0]);
            by_x.then(a.index.cmp(&b.index))
        });
        Self { all, largest }
    }

    /// Those whose boxes may meet a box, both enlarged by `buffer`, with their places in `all`.
    pub fn near(
        &self,
        [x1, y1, x2, y2]: [f32; 4],
        buffer: f32,
    ) -> impl Iterator<Item = (usize, &Candidate)> {
        let share = 0.5 + buffer;
        let reach = [x2 - x1 + self.largest[0], y2 - y1 + self.largest[1]].map(|it| it * share);
        let middle = [(x1 + x2) * 0.5, (y1 + y2) * 0.5];
        let first = (self.all).partition_point(|it| it.measured.centre[0] < middle[0] - reach[0]);
        let right = middle[0] + reach[0];
        (self.all.iter().enumerate().skip(first))
            .take_while(move |(_, it)| it.measured.centre[0] <= right)
            .filter(move |(_, it)| (it.measured.centre[1] - middle[1]).abs() <= reach[1])
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
