//! What a head gives beside boxes, as messages carry it.

use std::sync::Arc;

use camweave_message::limits::{MAX_BOX_VALUES, MAX_CLASSES, MAX_FRAME_VALUES};
use camweave_message::{DetectedBox, Extras};
use camweave_vision::{Detection, Shape};

use super::Classes;

/// Points that each outline of a frame of so many may have: all go into one message.
#[must_use]
pub fn most_points(outlines: usize) -> usize {
    let values = MAX_BOX_VALUES.min(MAX_FRAME_VALUES / outlines.max(1));
    (values / 2).max(1)
}

impl Classes {
    /// As [`Classes::named`], with what the head gives beside boxes, in a frame of this width and
    /// height.
    ///
    /// An object of which messages carry no such thing is dropped: one whose values are no numbers,
    /// or whose oriented box is far from the frame. So are the weakest beyond the keypoints that fit
    /// into a message.
    pub fn named_shaped(
        &self,
        found: Vec<(Detection, Shape)>,
        image_size: (u32, u32),
    ) -> Vec<DetectedBox> {
        let mut left = MAX_FRAME_VALUES;
        let mut boxes = Vec::with_capacity(found.len());
        for (detection, shape) in found {
            let extras = extras(shape);
            if detection.class_id >= MAX_CLASSES || !extras.is_valid(image_size) {
                continue;
            }
            let values = extras.keypoints.as_ref().map_or(0, |it| it.len());
            let Some(rest) = left.checked_sub(values) else {
                break;
            };
            left = rest;
            boxes.push(self.boxed(detection, extras));
        }
        boxes
    }
}

fn extras(shape: Shape) -> Extras {
    let mut extras = Extras::default();
    match shape {
        Shape::None => {}
        Shape::Outline(points) => extras.mask = Some(Arc::from(points)),
        Shape::Keypoints(points) => extras.keypoints = Some(Arc::from(points)),
        Shape::Oriented(rectangle) => extras.oriented = Some(rectangle),
    }
    extras
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(score: f32, shape: Shape) -> (Detection, Shape) {
        let detection = Detection {
            bbox: [1.0, 2.0, 3.0, 4.0],
            score,
            class_id: 0,
        };
        (detection, shape)
    }

    #[test]
    fn what_messages_do_not_carry_is_dropped() {
        let classes = Classes::new(&Arc::from("a"), &[]);
        let far = Shape::Oriented([1e6, 0.0, 5.0, 5.0, 0.0]);
        let near = Shape::Oriented([5.0, 5.0, 5.0, 5.0, 1.0]);
        let unknown = Shape::Keypoints(vec![f32::NAN, 1.0, 1.0]);
        let boxes = classes.named_shaped(
            vec![found(0.9, far), found(0.8, near), found(0.7, unknown)],
            (64, 64),
        );
        let scores: Vec<f32> = boxes.iter().map(|it| it.score).collect();
        assert_eq!(scores, [0.8]);
        assert_eq!(boxes[0].extras.oriented, Some([5.0, 5.0, 5.0, 5.0, 1.0]));
    }

    #[test]
    fn a_frame_of_many_large_shapes_fits_into_a_message() {
        let classes = Classes::new(&Arc::from("a"), &[]);
        let points = vec![1.0; 3 * 2000];
        let most = MAX_FRAME_VALUES / points.len();
        let all = vec![found(0.5, Shape::Keypoints(points)); most + 10];
        assert_eq!(classes.named_shaped(all, (64, 64)).len(), most);
        for outlines in [0, 1, 300, 30_000] {
            let values = 2 * most_points(outlines);
            assert!(values <= MAX_BOX_VALUES && values * outlines <= MAX_FRAME_VALUES);
            assert!(values >= 2);
        }
    }
}
