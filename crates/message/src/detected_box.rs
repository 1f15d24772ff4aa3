//! One box of a frame.

use std::sync::Arc;

use crate::extras::Extras;

/// One detected object.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedBox {
    /// `[x1, y1, x2, y2]` in source-image pixels.
    pub bbox: [f32; 4],
    /// 0 to 1.
    pub score: f32,
    /// The model's class id.
    pub class_id: u32,
    /// The class's name.
    pub label: Arc<str>,
    /// Unique within the camera; absent where nothing tracked it.
    pub track_id: Option<u64>,
    /// What the model gives beside the box, of a model that does.
    pub extras: Extras,
}

impl DetectedBox {
    /// The rectangle of [`Extras::oriented`]; of another box the box itself, which is not rotated.
    #[must_use]
    pub fn oriented(&self) -> [f32; 5] {
        let [x1, y1, x2, y2] = self.bbox;
        (self.extras.oriented).unwrap_or([(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1, 0.0])
    }
}
