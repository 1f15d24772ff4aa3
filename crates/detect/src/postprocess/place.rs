//! Boxes in the whole frame.

use std::sync::Arc;

use camweave_message::{DetectedBox, Head};
use camweave_vision::Crop;

/// Moves boxes in pixels of what the network saw to where they are in the frame, and leaves out those
/// whose anchor is in an ignored area: gives their number.
pub(super) fn place(boxes: &mut Vec<DetectedBox>, head: &Head) -> u64 {
    if let Some(crop) = &head.crop {
        for item in &mut *boxes {
            shift(item, crop);
        }
    }
    if head.ignored.polygons().is_empty() {
        return 0;
    }
    let (before, size) = (boxes.len(), head.image_size());
    boxes.retain(|item| !head.ignored.contain(anchor(item.bbox, size)));
    (before - boxes.len()) as u64
}

/// Where an object is in its scene, in parts of the frame: the middle of the lower edge of its box,
/// where it stands on the ground.
fn anchor([x1, _, x2, y2]: [f32; 4], (width, height): (u32, u32)) -> [f32; 2] {
    [f32::midpoint(x1, x2) / width as f32, y2 / height as f32]
}

fn shift(item: &mut DetectedBox, crop: &Crop) {
    item.bbox = crop.box_in_picture(item.bbox);
    let extras = &mut item.extras;
    if let Some(outline) = &mut extras.mask {
        *outline = points(outline, 2, crop);
    }
    if let Some(keypoints) = &mut extras.keypoints {
        *keypoints = points(keypoints, 3, crop);
    }
    if let Some([x, y, ..]) = &mut extras.oriented {
        [*x, *y] = crop.point_in_picture([*x, *y]);
    }
}

/// Points that have so many values each, the first two of them x and y.
fn points(values: &[f32], each_has: usize, crop: &Crop) -> Arc<[f32]> {
    let mut values = values.to_vec();
    for point in values.chunks_exact_mut(each_has) {
        [point[0], point[1]] = crop.point_in_picture([point[0], point[1]]);
    }
    Arc::from(values)
}

#[cfg(test)]
mod tests {
    use camweave_message::{Extras, Ignored, PictureRef, Polygon};
    use camweave_pool::{PoolSpec, Producer};
    use camweave_testing::{head, person};
    use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};

    use super::*;

    fn head_of(crop: Option<Crop>, ignored: &[&[f32]]) -> Head {
        let spec = PoolSpec {
            name: "frames".to_owned(),
            slots: 1,
            slot_bytes: 64,
        };
        let pool = Producer::create(&spec).expect("a small pool");
        let slot = pool.begin().expect("a free slot").publish();
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Full);
        let layout = PictureLayout::packed(640, 360, PixelFormat::Nv12, matrix, range);
        let picture = PictureRef {
            layout,
            slot: slot.clone(),
        };
        let polygons = ignored.iter().map(|it| Polygon::new(it).expect("points"));
        Head {
            crop,
            ignored: Ignored::new(polygons.collect()).expect("few"),
            ..head("cam1", 0, picture, slot)
        }
    }

    #[test]
    fn all_of_a_box_moves_to_where_the_part_is() {
        let head = head_of(Crop::new((100, 60), (200, 100)), &[]);
        let mut item = person([0.0, 10.0, 200.0, 100.0], 0.9);
        item.extras = Extras {
            mask: Some(Arc::from([1.0, 2.0, 3.5, 4.0, 200.0, 100.0])),
            keypoints: Some(Arc::from([5.0, 6.0, 0.5, 7.0, 8.0, 1.0])),
            oriented: Some([50.0, 40.0, 30.0, 20.0, 0.7]),
            embedding: Some(Arc::from([0.6, 0.8])),
            ..Extras::default()
        };
        let mut boxes = vec![item];
        assert_eq!(place(&mut boxes, &head), 0);
        assert_eq!(boxes[0].bbox, [100.0, 70.0, 300.0, 160.0]);
        let extras = &boxes[0].extras;
        let outline = [101.0, 62.0, 103.5, 64.0, 300.0, 160.0];
        assert_eq!(extras.mask.as_deref(), Some(&outline[..]));
        let keypoints = [105.0, 66.0, 0.5, 107.0, 68.0, 1.0];
        assert_eq!(extras.keypoints.as_deref(), Some(&keypoints[..]));
        assert_eq!(extras.oriented, Some([150.0, 100.0, 30.0, 20.0, 0.7]));
        assert_eq!(extras.embedding.as_deref(), Some(&[0.6, 0.8][..]));
        assert!(extras.is_valid(head.image_size()));
    }

    #[test]
    fn the_middle_of_the_lower_edge_decides_what_is_ignored() {
        // The lower half of the frame, and a triangle at the top.
        let lower: &[f32] = &[0.0, 0.5, 1.0, 0.5, 1.0, 1.0, 0.0, 1.0];
        let top: &[f32] = &[0.4, 0.0, 0.6, 0.0, 0.5, 0.2];
        let boxes = || {
            [
                // Most of it is in the lower half, but it stands above ...
                [0.0, 0.0, 100.0, 170.0],
                // ... and this one the other way round.
                [0.0, 0.0, 100.0, 190.0],
                // Cut by the frame's lower edge, which is the polygon's as well.
                [200.0, 300.0, 300.0, 360.0],
                // In the triangle, and beside it.
                [310.0, 0.0, 330.0, 20.0],
                [400.0, 0.0, 420.0, 20.0],
            ]
        };
        let left = |head: &Head, boxes: Vec<[f32; 4]>| {
            let mut boxes: Vec<_> = boxes.into_iter().map(|it| person(it, 0.9)).collect();
            let all = boxes.len() as u64;
            let ignored = place(&mut boxes, head);
            assert_eq!(ignored, all - boxes.len() as u64);
            boxes.into_iter().map(|it| it.bbox).collect::<Vec<_>>()
        };
        let expected = vec![boxes()[0], boxes()[4]];
        assert_eq!(
            left(&head_of(None, &[lower, top]), boxes().into()),
            expected
        );
        assert_eq!(left(&head_of(None, &[]), boxes().into()), boxes());
        // Parts of the frame, not of the region: the box is moved first.
        let crop = Crop::new((0, 100), (640, 260));
        let moved = left(
            &head_of(crop, &[lower]),
            vec![boxes()[0], [0.0, 0.0, 9.0, 70.0]],
        );
        assert_eq!(moved, [[0.0, 100.0, 9.0, 170.0]]);
    }
}
