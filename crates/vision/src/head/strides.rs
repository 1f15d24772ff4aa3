//! Where in a frame's values those of a place are.

use super::{HeadFormat, Order, Scores};

/// Where in a frame's values those of a place are, counted in values.
///
/// Value `k` of the box of place `p` is at `p * box_place + k * box_value`, its score `k` at
/// `scores + p * score_place + k * score_value`. Where each place has one class, that is score 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strides {
    /// From one place's box to the next one's.
    pub box_place: usize,
    /// From one value of a box to the next.
    pub box_value: usize,
    /// The first score of the first place.
    pub scores: usize,
    /// From one place's scores to the next one's.
    pub score_place: usize,
    /// From one score of a place to the next.
    pub score_value: usize,
}

impl HeadFormat {
    /// Where the values of a place are; for heads of less than 2^63 values.
    #[must_use]
    pub fn strides(&self) -> Strides {
        let (places, values) = (self.anchors as usize, self.values());
        let is_by_plane = match self.order {
            Order::Planes | Order::PartsByClass => true,
            Order::Rows => false,
            Order::Parts => self.scores == Scores::Labelled,
        };
        let (box_place, box_value) = match self.order {
            Order::Planes => (1, places),
            Order::Rows => (values, 1),
            Order::Parts | Order::PartsByClass => (4, 1),
        };
        let (score_place, score_value) = match self.order {
            _ if is_by_plane => (1, places),
            Order::Rows => (values, 1),
            _ => (values - 4, 1),
        };
        Strides {
            box_place,
            box_value,
            scores: if self.order == Order::Rows {
                4
            } else {
                4 * places
            },
            score_place,
            score_value,
        }
    }
}
