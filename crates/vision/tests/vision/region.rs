//! What a network finds in a region, in pixels of the frame.

use camweave_vision::{
    ColorMatrix, ColorRange, Crop, Fit, Letterbox, Picture, PictureLayout, PixelFormat, Region,
    letterbox_into,
};
use proptest::prelude::*;

const MODEL: (u32, u32) = (96, 64);

/// A black frame with a white rectangle: `[x1, y1, x2, y2]` in pixels.
fn frame((width, height): (u32, u32), [x1, y1, x2, y2]: [u32; 4]) -> (PictureLayout, Vec<u8>) {
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Full);
    let layout = PictureLayout::packed(width, height, PixelFormat::I420, matrix, range);
    let mut data = vec![128; layout.required_bytes().unwrap()];
    for y in 0..height {
        for x in 0..width {
            let is_white = (x1..x2).contains(&x) && (y1..y2).contains(&y);
            data[(y * width + x) as usize] = if is_white { 255 } else { 0 };
        }
    }
    (layout, data)
}

/// The box of what is white in a network's input; padding is darker.
fn found(input: &[f32]) -> Option<[f32; 4]> {
    let (width, height) = (MODEL.0 as usize, MODEL.1 as usize);
    let white = (0..width * height).filter(|&at| input[at] > 0.5);
    let points = white.map(|at| ((at % width) as f32, (at / width) as f32));
    points.fold(None, |whole: Option<[f32; 4]>, (x, y)| {
        let [x1, y1, x2, y2] = whole.unwrap_or([x, y, x, y]);
        Some([x1.min(x), y1.min(y), x2.max(x + 1.0), y2.max(y + 1.0)])
    })
}

/// Where a rectangle of `region` is, and what it is in pixels: whole ones.
fn rectangle(crop: &Crop, [x, y, width, height]: [f32; 4]) -> [u32; 4] {
    let ((left, top), (wide, high)) = (crop.position(), crop.size());
    let within = |start: f32, length: f32, side: u32| {
        let first = (start * 0.6 * side as f32) as u32;
        let last = first + ((0.2 + 0.2 * length) * side as f32).ceil() as u32;
        (first, last.min(side))
    };
    let ((x1, x2), (y1, y2)) = (within(x, width, wide), within(y, height, high));
    [left + x1, top + y1, left + x2, top + y2]
}

proptest! {
    #[test]
    fn a_box_found_in_a_region_is_where_it_is_in_the_frame(
        width in 40_u32..400,
        height in 40_u32..400,
        corner in (0.0_f32..0.9, 0.0_f32..0.9),
        sides in (0.01_f32..1.0, 0.01_f32..1.0),
        object in [0.0_f32..1.0, 0.0_f32..1.0, 0.0_f32..1.0, 0.0_f32..1.0],
        fit in proptest::sample::select(Fit::ALL),
    ) {
        let (x2, y2) = ((corner.0 + sides.0).min(1.0), (corner.1 + sides.1).min(1.0));
        let region = Region::new([corner.0, corner.1, x2, y2]).unwrap();
        let crop = Crop::of_region(&region, (width, height));
        let ((left, top), size) = (crop.position(), crop.size());
        prop_assert!(left % 2 == 0 && top % 2 == 0 && crop.is_inside((width, height)));
        prop_assert!(size.0 >= Crop::LEAST_OF_REGION && size.1 >= Crop::LEAST_OF_REGION);
        let truth = rectangle(&crop, object);
        let (layout, data) = frame((width, height), truth);
        let part = crop.layout(&layout).unwrap();
        let letterbox = Letterbox::fit(size, MODEL, fit).unwrap();
        let mut input = vec![0.0; letterbox.output_len()];
        letterbox_into(&Picture::new(&part, &data).unwrap(), &letterbox, &mut input).unwrap();
        let in_model = found(&input).expect("at least a fifth of the region is white");
        let in_frame = crop.box_in_picture(letterbox.image_box_from_model(in_model));
        // A pixel of the frame, or of the network's input where that is coarser; YOLOX truncates the
        // resized sides, but maps by the scale before.
        let truncated = if fit == Fit::TopLeft { 1.0 } else { 0.0 };
        let scales = [letterbox.scale_x, letterbox.scale_y];
        let pixel = scales.map(|scale| ((1.0 + truncated) / scale).max(1.0));
        for edge in 0..4 {
            let apart = (in_frame[edge] - truth[edge] as f32).abs();
            prop_assert!(apart <= pixel[edge % 2] + 0.01, "{in_frame:?}, truth {truth:?}, {crop:?}");
        }
        let [x1, y1, x2, y2] = in_frame;
        prop_assert!(x1 >= left as f32 && x2 <= (left + size.0) as f32);
        prop_assert!(y1 >= top as f32 && y2 <= (top + size.1) as f32);
    }
}
