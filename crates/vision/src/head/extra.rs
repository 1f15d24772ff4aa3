//! Where in a frame's values those are that are not of boxes and scores.

use super::{HeadFormat, HeadValue, Order};

impl HeadFormat {
    /// The extra values of a place of a frame. `values` has as many values as the format.
    pub fn extra_of<'a, T: HeadValue>(
        &self,
        values: &'a [T],
        place: usize,
    ) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a, T> {
        let (places, count) = (self.anchors as usize, self.extra as usize);
        let before = self.values() - count;
        let (first, step) = match self.order {
            Order::Rows => (place * self.values() + before, 1),
            // Boxes and scores that are apart have none.
            Order::Planes | Order::Parts | Order::PartsByClass => (before * places + place, places),
        };
        (0..count).map(move |index| values[first + index * step].value())
    }

    /// The prototypes of masks of a frame, one after the other. `values` has as many values as the
    /// format.
    pub fn prototypes_of<'a, T: HeadValue>(&self, values: &'a [T]) -> &'a [T] {
        &values[self.values_of_places()..]
    }
}
