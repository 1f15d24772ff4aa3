//! Boxes, shapes and labels on a frame.

use camweave_image::{COLORS, Image, text_size};
use camweave_message::DetectedBox;
use camweave_redact::printable_up_to;
use camweave_vision::oriented_corners;

/// Ids of tracks are shown modulo this: the whole number is long, and in the messages.
const SHOWN_IDS: u64 = 10_000;
/// Bytes of a class name that are drawn.
const LABEL_BYTES: usize = 64;
/// Bytes of the label of an attribute that are drawn.
const ATTRIBUTE_BYTES: usize = 24;
/// Dots of lines that are drawn on one frame: there may be a million lines across all of it. Each box
/// has its share.
const MOST_DOTS: usize = 1 << 22;
/// Keypoints of less confidence are not drawn: Ultralytics' own threshold.
const LEAST_CONFIDENCE: f32 = 0.25;
/// Keypoints of COCO's persons, and the pairs of them that its skeleton joins.
const COCO_KEYPOINTS: usize = 17;
const COCO_SKELETON: [(usize, usize); 19] = [
    (15, 13),
    (13, 11),
    (16, 14),
    (14, 12),
    (11, 12),
    (5, 11),
    (6, 12),
    (5, 6),
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (1, 2),
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
];

/// Keypoints, and of as many as COCO's persons have the skeleton.
fn draw_keypoints(
    canvas: &mut Image,
    keypoints: &[[f32; 3]],
    thickness: i64,
    color: [u8; 3],
    left: &mut usize,
) {
    let seen = |point: [f32; 3]| {
        let [x, y, confidence] = point;
        (confidence >= LEAST_CONFIDENCE).then_some([x, y])
    };
    if keypoints.len() == COCO_KEYPOINTS {
        for (one, other) in COCO_SKELETON {
            if let (Some(from), Some(to)) = (seen(keypoints[one]), seen(keypoints[other])) {
                canvas.line([from, to], thickness, color, left);
            }
        }
    }
    for point in keypoints.iter().filter_map(|point| seen(*point)) {
        canvas.dot(point, 2 * thickness, color);
    }
}

/// What models of a second stage give of an object, as far as there is room.
fn attributes(item: &DetectedBox) -> String {
    let all = item.extras.attributes.iter();
    let labels = all.map(|it| format!(" {}", printable_up_to(&it.label, ATTRIBUTE_BYTES)));
    labels.collect()
}

/// Draws each box with its label, score and track id, its outline and its keypoints; an oriented box
/// in place of the one that encloses it. A track keeps its colour.
pub fn annotate(canvas: &mut Image, boxes: &[DetectedBox]) {
    let thickness = (i64::from(canvas.height) / 240).max(1) + 1;
    // Weak boxes first, so that strong ones lie on top.
    let mut dots = MOST_DOTS;
    for (better, item) in (boxes.iter().enumerate().rev())
        .filter(|(_, item)| item.bbox.iter().all(|edge| edge.is_finite()))
    {
        let share = dots / (better + 1);
        let mut left = share;
        let key = item.track_id.unwrap_or(u64::from(item.class_id));
        let color = COLORS[(key % COLORS.len() as u64) as usize];
        let [x1, y1, x2, y2] = item.bbox.map(|edge| edge.round() as i64);
        let extras = &item.extras;
        if let Some(oriented) = extras.oriented {
            canvas.polygon(&oriented_corners(oriented), thickness, color, &mut left);
        } else {
            canvas.outline([x1, y1, x2, y2], thickness, color);
        }
        if let Some(mask) = &extras.mask {
            canvas.polygon(mask.as_chunks().0, thickness, color, &mut left);
        }
        if let Some(keypoints) = &extras.keypoints {
            draw_keypoints(canvas, keypoints.as_chunks().0, thickness, color, &mut left);
        }
        dots -= share - left;
        let track = item
            .track_id
            .map(|id| format!(" #{}", id % SHOWN_IDS))
            .unwrap_or_default();
        let name = printable_up_to(&item.label, LABEL_BYTES);
        let attributes = attributes(item);
        let label = format!("{name} {:.2}{track}{attributes}", item.score);
        let [_, high] = text_size(&label, 1);
        let top = if y1 >= high { y1 - high } else { y1 };
        canvas.label([x1, top], &label, 1, color);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camweave_message::Extras;

    use super::*;

    fn item(bbox: [f32; 4]) -> DetectedBox {
        DetectedBox {
            bbox,
            score: 0.9,
            class_id: 0,
            label: Arc::from("car"),
            track_id: Some(2),
            extras: Extras::default(),
        }
    }

    #[test]
    fn the_frame_is_drawn_and_the_inside_left_alone() {
        let mut canvas = Image {
            width: 100,
            height: 100,
            rgb: vec![9; 30_000],
        };
        annotate(&mut canvas, &[item([20.0, 30.0, 60.0, 80.0])]);
        let pixel = |x: usize, y: usize| &canvas.rgb[(y * 100 + x) * 3..][..3];
        assert_eq!(pixel(20, 50), COLORS[2]);
        assert_eq!(pixel(59, 50), COLORS[2]);
        assert_eq!(pixel(40, 79), COLORS[2]);
        assert_eq!(pixel(40, 50), [9, 9, 9]);
        assert_eq!(pixel(10, 50), [9, 9, 9]);
        // The label's letters stand above the box.
        assert!((20..28).any(|y| (20..60).any(|x| pixel(x, y) == [0, 0, 0])));
    }

    fn drawn(extras: Extras) -> Image {
        let mut canvas = Image {
            width: 100,
            height: 100,
            rgb: vec![9; 30_000],
        };
        let bbox = [10.0, 30.0, 90.0, 90.0];
        annotate(
            &mut canvas,
            &[DetectedBox {
                extras,
                ..item(bbox)
            }],
        );
        canvas
    }

    fn is_drawn(canvas: &Image, x: usize, y: usize) -> bool {
        canvas.rgb[(y * 100 + x) * 3..][..3] == COLORS[2]
    }

    #[test]
    fn an_outline_is_closed_and_its_inside_left_alone() {
        let triangle = drawn(Extras {
            mask: Some(Arc::from([20.0, 80.0, 80.0, 80.0, 50.0, 40.0])),
            ..Extras::default()
        });
        // Each side's middle, and the box.
        for (x, y) in [(50, 80), (65, 60), (35, 60), (10, 60)] {
            assert!(is_drawn(&triangle, x, y), "{x}, {y}");
        }
        for (x, y) in [(50, 60), (20, 50), (80, 50)] {
            assert!(!is_drawn(&triangle, x, y), "{x}, {y}");
        }
    }

    #[test]
    fn an_oriented_box_is_drawn_as_it_lies() {
        let oriented = drawn(Extras {
            oriented: Some([50.0, 60.0, 40.0, 20.0, std::f32::consts::FRAC_PI_2]),
            ..Extras::default()
        });
        // Rotated by a quarter it is 20 wide and 40 high.
        for (x, y) in [(40, 60), (60, 60), (50, 40), (50, 80)] {
            assert!(is_drawn(&oriented, x, y), "{x}, {y}");
        }
        // Neither as without rotation nor as the box that encloses it.
        for (x, y) in [(30, 60), (70, 60), (10, 60), (50, 89), (50, 60)] {
            assert!(!is_drawn(&oriented, x, y), "{x}, {y}");
        }
    }

    #[test]
    fn seventeen_keypoints_are_a_skeleton_as_far_as_they_are_seen() {
        let points = |unseen: usize, count: usize| {
            // Shoulders (5, 6) and hips (11, 12) are the corners of a square; the others are one point.
            let point = |index: usize| {
                let [x, y] = match index {
                    5 => [30.0, 40.0],
                    6 => [70.0, 40.0],
                    11 => [30.0, 80.0],
                    12 => [70.0, 80.0],
                    _ => [50.0, 36.0],
                };
                [x, y, if index == unseen { 0.2 } else { 0.9 }]
            };
            let points: Vec<f32> = (0..count).flat_map(point).collect();
            drawn(Extras {
                keypoints: Some(Arc::from(points)),
                ..Extras::default()
            })
        };
        let all = points(99, 17);
        for (x, y) in [(50, 40), (30, 60), (70, 60), (50, 80)] {
            assert!(is_drawn(&all, x, y), "{x}, {y}");
        }
        let unseen = points(5, 17);
        assert!(is_drawn(&unseen, 70, 60) && is_drawn(&unseen, 50, 80));
        assert!(!is_drawn(&unseen, 30, 60) && !is_drawn(&unseen, 30, 40));
        // Of another number only the points are known.
        let others = points(99, 16);
        assert!(is_drawn(&others, 30, 40) && !is_drawn(&others, 30, 60));
    }

    #[test]
    fn shapes_far_beyond_the_frame_take_no_time() {
        let canvas = drawn(Extras {
            mask: Some(Arc::from([-1e5, 50.0, 1e5, 50.0, 1e5, -1e5])),
            oriented: Some([0.0, 0.0, 1e5, 1e5, 0.5]),
            keypoints: Some(Arc::from([1e9, 1e9, 1.0])),
            ..Extras::default()
        });
        assert!(is_drawn(&canvas, 50, 50), "a line through the frame");
    }

    #[test]
    fn an_outline_without_end_takes_its_share_and_no_more() {
        // Fifty thousand times across the frame, and then below that.
        let mut endless = [10.0, 20.0, 90.0, 20.0].repeat(50_000);
        endless.extend([10.0, 95.0, 90.0, 95.0]);
        let with = |mask: Vec<f32>, track_id| DetectedBox {
            extras: Extras {
                mask: Some(Arc::from(mask)),
                ..Extras::default()
            },
            track_id: Some(track_id),
            ..item([200.0, 200.0, 300.0, 300.0])
        };
        let triangle = vec![20.0, 80.0, 80.0, 80.0, 50.0, 40.0];
        let mut canvas = Image {
            width: 100,
            height: 100,
            rgb: vec![9; 30_000],
        };
        annotate(&mut canvas, &[with(triangle, 2), with(endless, 2)]);
        assert!(is_drawn(&canvas, 50, 20) && is_drawn(&canvas, 50, 80));
        assert!(!is_drawn(&canvas, 50, 95), "beyond its share");
    }

    #[test]
    fn boxes_beyond_the_picture_are_cut() {
        let mut canvas = Image {
            width: 10,
            height: 10,
            rgb: vec![0; 300],
        };
        annotate(
            &mut canvas,
            &[
                item([-50.0, -50.0, 500.0, 500.0]),
                item([f32::NAN, 0.0, 1.0, 1.0]),
            ],
        );
        assert_eq!(canvas.rgb.len(), 300);
    }
}
