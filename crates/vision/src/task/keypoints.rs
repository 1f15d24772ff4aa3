//! Keypoints of a pose.

use crate::letterbox::Letterbox;

/// x, y and confidence of each keypoint in the source picture, of values in model pixels.
///
/// This is Ultralytics' `scale_coords` (`utils/ops.py`, 8.4): padding is subtracted, the rest is
/// divided by the scale and clipped to the picture. Exports have applied the grid, the strides and
/// the sigmoid already (`Pose.kpts_decode`, `nn/modules/head.py`).
pub(super) fn in_image(
    mut values: impl Iterator<Item = f32>,
    each_has: u32,
    letterbox: &Letterbox,
) -> Vec<f32> {
    let (width, height) = (letterbox.source.0 as f32, letterbox.source.1 as f32);
    let mut points = Vec::new();
    while let (Some(x), Some(y)) = (values.next(), values.next()) {
        let confidence = if each_has == 3 { values.next() } else { None };
        let (x, y) = letterbox.image_from_model(x, y);
        // Rounding in half precision may leave 0 to 1.
        let confidence = confidence.map_or(1.0, |it| it.clamp(0.0, 1.0));
        points.extend([x.clamp(0.0, width), y.clamp(0.0, height), confidence]);
    }
    points
}
