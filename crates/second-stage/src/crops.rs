//! Which parts of a frame the model is asked about.

use camweave_message::DetectedBox;
use camweave_vision::{Crop, CropFit};

/// An object at the frame's edge is cut: its answer weighs so much.
const CUT_WEIGHT: f32 = 0.25;
/// The least that a small object's answer weighs.
const LEAST_WEIGHT: f32 = 0.1;

/// What makes a crop of a box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CropRule {
    /// The shorter side of a box at least, in pixels.
    pub min_size: f32,
    /// Beyond each side, in parts of it.
    pub margin: f32,
    /// How the crop fits into the input.
    pub fit: CropFit,
    /// Width and height of the input, in pixels.
    pub model: (u32, u32),
}

impl CropRule {
    /// The crop of a box in a frame of this width and height, and how much an answer about it
    /// weighs; none of a box that is too small.
    pub fn crop(&self, item: &DetectedBox, image: (u32, u32)) -> Option<(Crop, f32)> {
        let [x1, y1, x2, y2] = item.bbox;
        let shorter = (x2 - x1).min(y2 - y1);
        if shorter < self.min_size {
            return None;
        }
        let crop = Crop::of_box(item.bbox, image, self.margin, self.fit, self.model)?;
        let is_cut =
            x1 <= 0.5 || y1 <= 0.5 || x2 >= image.0 as f32 - 0.5 || y2 >= image.1 as f32 - 0.5;
        let size = shorter / self.model.0.min(self.model.1) as f32;
        let weight = size.clamp(LEAST_WEIGHT, 1.0) * if is_cut { CUT_WEIGHT } else { 1.0 };
        Some((crop, weight))
    }
}

#[cfg(test)]
mod tests {
    use camweave_testing::person;

    use super::*;

    #[test]
    fn small_boxes_have_no_crop_and_cut_ones_weigh_less() {
        let rule = CropRule {
            min_size: 16.0,
            margin: 0.0,
            fit: CropFit::Stretch,
            model: (64, 64),
        };
        let weight = |bbox| Some(rule.crop(&person(bbox, 0.9), (640, 360))?.1);
        assert_eq!(weight([100.0, 100.0, 115.0, 180.0]), None);
        assert_eq!(weight([100.0, 100.0, 132.0, 180.0]), Some(0.5));
        assert_eq!(weight([100.0, 100.0, 200.0, 300.0]), Some(1.0));
        assert_eq!(weight([0.0, 100.0, 100.0, 300.0]), Some(CUT_WEIGHT));
        assert_eq!(weight([540.0, 100.0, 640.0, 300.0]), Some(CUT_WEIGHT));
    }
}
