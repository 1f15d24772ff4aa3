//! The values of a frame's output, place by place.

use camweave_vision::{
    Activation, Background, BoxCoding, BoxSpace, HeadFormat, Order, Scores, Task, iou,
    oriented_box, probiou,
};

/// The values of one frame under a format that they have the length of.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub head: &'a HeadFormat,
    pub values: &'a [f32],
    /// Width and height of the network's input.
    pub size: (u32, u32),
}

/// What a place says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub place: usize,
    pub score: f32,
    /// An id, or what stands where one is expected.
    pub class: f32,
}

impl<'a> Values<'a> {
    fn places(&self) -> usize {
        self.head.anchors as usize
    }

    /// Values of a place after its box that say how sure the network is.
    pub fn scores(&self) -> usize {
        match self.head.scores {
            Scores::PerClass { values, .. } => values as usize,
            Scores::Objectness { classes } => classes as usize + 1,
            Scores::Labelled => 2,
        }
    }

    /// One of the four values of a place's box.
    pub fn of_box(&self, place: usize, index: usize) -> f32 {
        let at = match self.head.order {
            Order::Planes => index * self.places() + place,
            Order::Rows => place * self.head.values() + index,
            Order::Parts | Order::PartsByClass => place * 4 + index,
        };
        self.values.get(at).copied().unwrap_or(f32::NAN)
    }

    /// One of the values after a place's box.
    pub fn of_scores(&self, place: usize, index: usize) -> f32 {
        let places = self.places();
        let at = match self.head.order {
            Order::Planes => (4 + index) * places + place,
            Order::Rows => place * self.head.values() + 4 + index,
            Order::Parts if self.head.scores == Scores::Labelled => (4 + index) * places + place,
            Order::Parts => 4 * places + place * self.scores() + index,
            Order::PartsByClass => (4 + index) * places + place,
        };
        self.values.get(at).copied().unwrap_or(f32::NAN)
    }

    /// The least and the most of all values that are scores, as they are.
    pub fn score_range(&self) -> (f32, f32) {
        let count = match self.head.scores {
            Scores::Labelled => 1,
            _ => self.scores(),
        };
        let all = (0..self.places())
            .flat_map(|place| (0..count).map(move |index| self.of_scores(place, index)));
        all.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), it| {
            (least.min(it), most.max(it))
        })
    }

    /// The best class of a place.
    pub fn found(&self, place: usize) -> Found {
        let raw = |index: usize| self.of_scores(place, index);
        let one = |value: f32| match self.head.activation {
            Activation::None | Activation::Softmax => value,
            Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Activation::Percent => value / 100.0,
        };
        let best = |range: std::ops::Range<usize>| {
            let all = range.map(|index| (index, raw(index)));
            all.max_by(|a, b| a.1.total_cmp(&b.1))
                .unwrap_or((0, f32::NAN))
        };
        let (score, class) = match self.head.scores {
            Scores::Labelled => (one(raw(0)), raw(1)),
            Scores::Objectness { classes } => {
                let (class, value) = best(1..classes as usize + 1);
                (one(raw(0)) * one(value), class as f32 - 1.0)
            }
            Scores::PerClass { values, background } => {
                let count = values as usize;
                let range = match background {
                    Background::None => 0..count,
                    Background::First => 1..count,
                    Background::Last => 0..count.saturating_sub(1),
                };
                let first = range.start;
                let (class, value) = best(range);
                let score = if self.head.activation == Activation::Softmax {
                    let most = (0..count).map(raw).fold(value, f32::max);
                    let sum: f32 = (0..count).map(|index| (raw(index) - most).exp()).sum();
                    (value - most).exp() / sum
                } else {
                    one(value)
                };
                (score, (class - first) as f32)
            }
        };
        Found {
            place,
            score,
            class,
        }
    }

    /// The places that score more than `least`, the best first, at most `most`.
    pub fn best(&self, least: f32, most: usize) -> Vec<Found> {
        let all = (0..self.places()).map(|place| self.found(place));
        let mut all: Vec<Found> = all.filter(|it| it.score > least).collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(most);
        all
    }

    /// The edges of a place's box in parts of the input: left, top, right, bottom.
    pub fn edges(&self, place: usize) -> [f32; 4] {
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| self.of_box(place, index));
        let centred =
            |x: f32, y: f32, w: f32, h: f32| [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
        let edges = match self.head.boxes {
            BoxCoding::Centre => centred(a, b, c, d),
            BoxCoding::Corners => [a, b, c, d],
            BoxCoding::CornersYx => [b, a, d, c],
            BoxCoding::Grid => {
                let Some((column, row, stride)) = self.cell(place) else {
                    return [f32::NAN; 4];
                };
                centred(
                    (a + column) * stride,
                    (b + row) * stride,
                    c.exp() * stride,
                    d.exp() * stride,
                )
            }
        };
        match self.head.space {
            BoxSpace::Normalised if self.head.boxes != BoxCoding::Grid => edges,
            _ => [
                edges[0] / width,
                edges[1] / height,
                edges[2] / width,
                edges[3] / height,
            ],
        }
    }

    /// The overlap of two places' boxes.
    pub fn overlap(&self, one: usize, other: usize) -> f32 {
        if self.head.task == Task::Obb {
            let of = |place| oriented_box(self.values, self.head, place);
            return probiou(of(one), of(other));
        }
        iou(self.edges(one), self.edges(other))
    }

    /// Column, row and stride of a place in YOLOX's grids.
    fn cell(&self, place: usize) -> Option<(f32, f32, f32)> {
        let mut left = place;
        for stride in [8_u32, 16, 32] {
            let columns = (self.size.0 / stride) as usize;
            let cells = columns * (self.size.1 / stride) as usize;
            if left < cells {
                let (column, row) = (left % columns, left / columns);
                return Some((column as f32, row as f32, stride as f32));
            }
            left -= cells;
        }
        None
    }
}
