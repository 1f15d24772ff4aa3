//! From candidates to detections in the picture.

use serde::{Deserialize, Serialize};

use crate::head::{Candidate, HeadFormat};
use crate::letterbox::Letterbox;
use crate::nms::{NmsConfig, best_first, suppress};

/// An object found in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Edges x1, y1, x2, y2 in pixels of the source picture, inside it.
    pub bbox: [f32; 4],
    /// Score in 0..1.
    pub score: f32,
    /// Index of the class in the model's list.
    pub class_id: u32,
}

/// The second step of [`detect`](crate::detect()): drops duplicates and what is beyond the limits, best score first.
pub fn keep_best(candidates: &mut Vec<Candidate>, format: &HeadFormat, config: &NmsConfig) {
    if format.overlaps {
        suppress(candidates, config);
    } else {
        candidates.sort_unstable_by(best_first);
        candidates.truncate(config.max_detections);
    }
}

/// The last step of [`detect`](crate::detect()): from model pixels to those of the source picture. Boxes that are
/// empty after clipping are dropped.
pub fn in_image(
    candidates: &[Candidate],
    letterbox: &Letterbox,
) -> impl Iterator<Item = Detection> {
    candidates.iter().filter_map(
        |&Candidate {
             bbox,
             score,
             class_id,
             ..
         }| {
            let bbox = letterbox.image_box_from_model(bbox);
            let [x1, y1, x2, y2] = bbox;
            (x1 < x2 && y1 < y2).then_some(Detection {
                bbox,
                score,
                class_id,
            })
        },
    )
}
