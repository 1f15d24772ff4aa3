use camweave_vision::{
    ColorMatrix, ColorRange, Fit, InputFormat, Letterbox, LetterboxError, LetterboxPlan,
    LetterboxPlans, Picture, PictureLayout, PixelFormat, letterbox_into,
};
use proptest::prelude::*;

use crate::reference::{check_pixels, pictures};

/// Source, model, and then resized width and height, left and top padding as Ultralytics' Python
/// computes them.
#[test]
fn geometry_is_that_of_ultralytics() {
    let table = [
        ((640, 360), (320, 320), (0.5, 0.5), (320, 180), (0, 70)),
        (
            (1920, 1080),
            (640, 640),
            (0.333_333_333_333_333_3, 0.333_333_333_333_333_3),
            (640, 360),
            (0, 140),
        ),
        // 2.5 rounds to even.
        ((640, 5), (320, 320), (0.5, 0.4), (320, 2), (0, 159)),
        (
            (641, 361),
            (320, 320),
            (0.499_219_968_798_751_97, 0.498_614_958_448_753_5),
            (320, 180),
            (0, 70),
        ),
        (
            (333, 777),
            (640, 640),
            (0.822_822_822_822_822_8, 0.823_680_823_680_823_6),
            (274, 640),
            (183, 0),
        ),
        // 375.3 rows become 375: their scale is another than that of the columns.
        (
            (2592, 1520),
            (640, 640),
            (0.246_913_580_246_913_57, 0.246_710_526_315_789_46),
            (640, 375),
            (0, 132),
        ),
        ((100, 50), (640, 640), (6.4, 6.4), (640, 320), (0, 160)),
        // An odd row of padding goes to the bottom.
        (
            (1281, 719),
            (640, 384),
            (0.499_609_679_937_548_8, 0.499_304_589_707_927_7),
            (640, 359),
            (0, 12),
        ),
        (
            (3, 1000),
            (320, 320),
            (0.333_333_333_333_333_3, 0.32),
            (1, 320),
            (159, 0),
        ),
        (
            (1919, 1079),
            (640, 640),
            (0.333_507_034_914_017_73, 0.333_642_261_353_104_7),
            (640, 360),
            (0, 140),
        ),
        ((320, 320), (320, 320), (1.0, 1.0), (320, 320), (0, 0)),
        // Where Python would fail, one column remains.
        (
            (1, 3000),
            (320, 320),
            (1.0, 0.106_666_666_666_666_67),
            (1, 320),
            (159, 0),
        ),
    ];
    for (source, model, (scale_x, scale_y), resized, pad) in table {
        let letterbox = Letterbox::new(source, model).unwrap();
        let scales = (letterbox.scale_x, letterbox.scale_y);
        assert_eq!(
            scales,
            (scale_x as f32, scale_y as f32),
            "{source:?} in {model:?}"
        );
        assert_eq!((letterbox.resized_width, letterbox.resized_height), resized);
        assert_eq!((letterbox.pad_left, letterbox.pad_top), pad);
    }
}

/// Source, model, and then YOLOX' ratio and resized width and height, as its Python computes them.
#[test]
fn geometry_of_the_upper_left_is_that_of_yolox() {
    let table = [
        ((640, 360), (640, 640), 1.0_f64, (640, 360)),
        ((1920, 1080), (640, 640), 1.0 / 3.0, (640, 360)),
        // 640.0 and 359.2.
        ((1281, 719), (640, 384), 0.499_609_679_937_548_8, (640, 359)),
        // 178.3.
        ((333, 777), (416, 416), 0.535_392_535_392_535_4, (178, 416)),
        // 391.8 is not rounded.
        ((49, 30), (640, 640), 13.061_224_489_795_919, (640, 391)),
        (
            (1919, 1079),
            (640, 640),
            0.333_507_034_914_017_73,
            (640, 359),
        ),
        // Where Python would fail, one column remains.
        ((3, 1000), (320, 320), 0.32, (1, 320)),
    ];
    for (source, model, ratio, resized) in table {
        let letterbox = Letterbox::fit(source, model, Fit::TopLeft).unwrap();
        let scales = (letterbox.scale_x, letterbox.scale_y);
        assert_eq!(
            scales,
            (ratio as f32, ratio as f32),
            "{source:?} in {model:?}"
        );
        assert_eq!((letterbox.resized_width, letterbox.resized_height), resized);
        assert_eq!((letterbox.pad_left, letterbox.pad_top), (0, 0));
    }
}

#[test]
fn a_stretched_picture_fills_the_input() {
    let letterbox = Letterbox::fit((1920, 1080), (640, 384), Fit::Stretch).unwrap();
    let scales = (letterbox.scale_x, letterbox.scale_y);
    assert_eq!(
        scales,
        ((1.0_f64 / 3.0) as f32, (384.0_f64 / 1080.0) as f32)
    );
    assert_eq!(
        (letterbox.resized_width, letterbox.resized_height),
        (640, 384)
    );
    assert_eq!((letterbox.pad_left, letterbox.pad_top), (0, 0));
}

#[test]
fn boxes_by_hand() {
    let letterbox = Letterbox::new((1280, 720), (640, 640)).unwrap();
    assert_eq!(
        letterbox.image_box_from_model([10.0, 150.0, 20.0, 170.0]),
        [20.0, 20.0, 40.0, 60.0]
    );
    assert_eq!(
        letterbox.model_box_from_image([20.0, 20.0, 40.0, 60.0]),
        [10.0, 150.0, 20.0, 170.0]
    );
    // Into the padding, and out of the input.
    assert_eq!(
        letterbox.image_box_from_model([-5.0, 0.0, 900.0, 640.0]),
        [0.0, 0.0, 1280.0, 720.0]
    );
    let upper_left = Letterbox::fit((1280, 720), (640, 640), Fit::TopLeft).unwrap();
    let stretched = Letterbox::fit((1280, 720), (640, 180), Fit::Stretch).unwrap();
    for (letterbox, in_model, in_image) in [
        (
            upper_left,
            [10.0, 10.0, 20.0, 30.0],
            [20.0, 20.0, 40.0, 60.0],
        ),
        (stretched, [10.0, 5.0, 20.0, 15.0], [20.0, 20.0, 40.0, 60.0]),
    ] {
        assert_eq!(letterbox.image_box_from_model(in_model), in_image);
        assert_eq!(letterbox.model_box_from_image(in_image), in_model);
    }
    assert_eq!(
        upper_left.image_box_from_model([0.0, 350.0, 640.0, 640.0]),
        [0.0, 700.0, 1280.0, 720.0]
    );
}

#[test]
fn impossible_sizes_are_refused() {
    for (source, model) in [
        ((0, 1), (1, 1)),
        ((1, 0), (1, 1)),
        ((1, 1), (0, 1)),
        ((1, 1), (1, 40_000)),
    ] {
        for fit in Fit::ALL {
            assert!(matches!(
                Letterbox::fit(source, model, *fit),
                Err(LetterboxError::Size { .. })
            ));
        }
    }
    let error = Letterbox::new((640, 360), (320, 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model size 320x0: expected sides of 1 to 32768 pixels"
    );
}

#[test]
fn serialised_as_sizes() {
    let letterbox = Letterbox::new((1281, 719), (640, 384)).unwrap();
    let text = serde_json::to_string(&letterbox).unwrap();
    assert_eq!(text, r#"{"source":[1281,719],"model":[640,384]}"#);
    assert_eq!(serde_json::from_str::<Letterbox>(&text).unwrap(), letterbox);
    assert!(serde_json::from_str::<Letterbox>(r#"{"source":[0,719],"model":[640,384]}"#).is_err());
    let letterbox = Letterbox::fit((1281, 719), (640, 384), Fit::TopLeft).unwrap();
    let text = serde_json::to_string(&letterbox).unwrap();
    assert_eq!(
        text,
        r#"{"source":[1281,719],"model":[640,384],"fit":"top_left"}"#
    );
    assert_eq!(serde_json::from_str::<Letterbox>(&text).unwrap(), letterbox);
}

fn rgb_layout(width: u32, height: u32) -> PictureLayout {
    PictureLayout::packed(
        width,
        height,
        PixelFormat::Rgb8,
        ColorMatrix::Bt709,
        ColorRange::Full,
    )
}

/// A picture of which OpenCV's results are known.
pub fn seven_by_five() -> (PictureLayout, Vec<u8>) {
    let mut data = Vec::new();
    for y in 0..5u32 {
        for x in 0..7u32 {
            data.extend((0..3u32).map(|c| ((x * 37 + y * 59 + c * 101) % 256) as u8));
        }
    }
    (rgb_layout(7, 5), data)
}

/// `cv2.resize(picture.astype(numpy.float32), size, interpolation=cv2.INTER_LINEAR)`, OpenCV 5.0:
/// the first values of the first channel, and the sum of all channels.
#[test]
fn pixels_are_those_of_opencv() {
    let (layout, data) = seven_by_five();
    let picture = Picture::new(&layout, &data).unwrap();
    let table: [((u32, u32), &[f32], f32); 3] = [
        (
            (4, 3),
            &[
                33.5417, 98.2917, 163.0417, 174.4583, 131.875, 196.625, 37.375, 70.125, 166.2083,
                113.625, 103.7083, 168.4583,
            ],
            4445.3335,
        ),
        (
            (10, 7),
            &[
                0.0, 20.35, 46.25, 72.15, 98.05, 123.95, 149.85, 175.75, 201.65, 222.0, 33.7143,
                54.0643,
            ],
            26246.287,
        ),
        (
            (7, 2),
            &[
                44.25, 81.25, 118.25, 155.25, 192.25, 229.25, 74.25, 191.75, 164.75, 201.75, 46.75,
                83.75,
            ],
            5348.0,
        ),
    ];
    for (size, first, sum) in table {
        // Stretched to fill the input, as `cv2.resize` does.
        let letterbox = Letterbox::fit((7, 5), size, Fit::Stretch).unwrap();
        let mut out = vec![f32::NAN; letterbox.output_len()];
        letterbox_into(&picture, &letterbox, &mut out).unwrap();
        for (found, expected) in out.iter().zip(first) {
            assert!(
                (found * 255.0 - expected).abs() < 1e-3,
                "{size:?}: {found} {expected}"
            );
        }
        assert!((out.iter().sum::<f32>() * 255.0 - sum).abs() < 0.05);
    }
}

#[test]
fn mismatches_are_refused_by_name() {
    let letterbox = Letterbox::new((8, 6), (4, 4)).unwrap();
    let (layout, data) = (rgb_layout(8, 6), vec![0; 8 * 6 * 3]);
    let picture = Picture::new(&layout, &data).unwrap();
    let mut plan = LetterboxPlan::new(&layout, &letterbox).unwrap();
    let error = plan.run(&picture, &mut [0.0; 47]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an output of 47 values: 3 x 4 x 4 are 48"
    );

    let other = PictureLayout::packed(
        8,
        6,
        PixelFormat::Nv12,
        ColorMatrix::Bt709,
        ColorRange::Full,
    );
    let other = Picture::new(&other, &data).unwrap();
    let error = plan.run(&other, &mut [0.0; 48]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a picture of 8x6 nv12 bt709 full: the letterbox was planned for 8x6 rgb8 bt709 full"
    );
    assert!(matches!(
        LetterboxPlan::new(&rgb_layout(8, 7), &letterbox),
        Err(LetterboxError::Source { .. })
    ));
    for tampered in [
        Letterbox {
            pad_left: 1,
            ..letterbox
        },
        Letterbox {
            pad_top: u32::MAX,
            ..letterbox
        },
        Letterbox {
            resized_height: 0,
            ..letterbox
        },
        Letterbox {
            model: (0, 0),
            ..letterbox
        },
    ] {
        let error = LetterboxPlan::new(&layout, &tampered).unwrap_err();
        assert!(
            matches!(error, LetterboxError::Geometry { .. }),
            "{tampered:?}"
        );
    }
}

#[test]
fn many_layouts_share_one_set_of_plans() {
    let mut plans = LetterboxPlans::new();
    // More layouts than are kept, each seen twice and in between.
    for round in 0..2u32 {
        for side in 1..50u32 {
            for side in [side, 7] {
                let layout = rgb_layout(side, side + 1);
                let value = (side + round) as u8;
                let data = vec![value; layout.required_bytes().unwrap()];
                let picture = Picture::new(&layout, &data).unwrap();
                let letterbox = Letterbox::new((side, side + 1), (16, 17)).unwrap();
                let mut out = vec![f32::NAN; letterbox.output_len()];
                plans
                    .letterbox_into(&picture, &letterbox, &mut out)
                    .unwrap();
                let centre = out[8 * 16 + 8];
                assert!((centre * 255.0 - f32::from(value)).abs() < 1e-3);
            }
        }
    }
}

proptest! {
    #[test]
    fn pixels_are_the_reference((layout, data) in pictures(24), mw in 1u32..30, mh in 1u32..30) {
        let letterbox = Letterbox::new((layout.width, layout.height), (mw, mh)).unwrap();
        let picture = Picture::new(&layout, &data).unwrap();
        let mut plan = LetterboxPlan::new(&layout, &letterbox).unwrap();
        // Twice: nothing of the first run may remain.
        for stale in [f32::NAN, 7.0] {
            let mut out = vec![stale; letterbox.output_len()];
            plan.run(&picture, &mut out).unwrap();
            check_pixels(&layout, &data, &letterbox, &InputFormat::default(), &out)?;
        }
    }

    #[test]
    fn a_plan_serves_other_strides((layout, data) in pictures(16)) {
        let PictureLayout { width, height, format, matrix, range, .. } = layout;
        let letterbox = Letterbox::new((width, height), (9, 9)).unwrap();
        let packed = PictureLayout::packed(width, height, format, matrix, range);
        let mut plan = LetterboxPlan::new(&packed, &letterbox).unwrap();
        let mut out = vec![f32::NAN; letterbox.output_len()];
        plan.run(&Picture::new(&layout, &data).unwrap(), &mut out).unwrap();
        check_pixels(&layout, &data, &letterbox, &InputFormat::default(), &out)?;
    }

    #[test]
    fn points_return(
        source in (1u32..8000, 1u32..8000), model in (8u32..2000, 8u32..2000),
        fit in prop::sample::select(Fit::ALL), x in 0.0f32..1.0, y in 0.0f32..1.0,
    ) {
        let letterbox = Letterbox::fit(source, model, fit).unwrap();
        let (x, y) = (x * source.0 as f32, y * source.1 as f32);
        let (mx, my) = letterbox.model_from_image(x, y);
        let (bx, by) = letterbox.image_from_model(mx, my);
        prop_assert!((bx - x).abs() < 0.5 && (by - y).abs() < 0.5, "{} {} -> {} {}", x, y, bx, by);
    }

    #[test]
    fn the_picture_fills_the_input_along_one_side_and_is_centred(
        source in (1u32..8000, 1u32..8000), model in (8u32..2000, 8u32..2000),
    ) {
        let l = Letterbox::new(source, model).unwrap();
        prop_assert!(l.resized_width == model.0 || l.resized_height == model.1);
        let right = model.0 - l.resized_width - l.pad_left;
        let bottom = model.1 - l.resized_height - l.pad_top;
        prop_assert!(right - l.pad_left <= 1 && bottom - l.pad_top <= 1);
        // The boxes' scales are those of the pixels.
        prop_assert!((l.scale_x * source.0 as f32 - l.resized_width as f32).abs() <= 1e-3);
        prop_assert!((l.scale_y * source.1 as f32 - l.resized_height as f32).abs() <= 1e-3);
    }

    #[test]
    fn the_picture_is_inside_the_input_and_as_large_as_its_scales_say(
        source in (1u32..8000, 1u32..8000), model in (1u32..2000, 1u32..2000),
        fit in prop::sample::select(Fit::ALL),
    ) {
        let l = Letterbox::fit(source, model, fit).unwrap();
        // YOLOX truncates, and so loses a pixel where its quotient is a little below a whole number.
        let most = 1.001;
        prop_assert!(l.resized_width >= 1 && l.pad_left + l.resized_width <= model.0);
        prop_assert!(l.resized_height >= 1 && l.pad_top + l.resized_height <= model.1);
        prop_assert!((l.scale_x * source.0 as f32 - l.resized_width as f32).abs() <= most);
        prop_assert!((l.scale_y * source.1 as f32 - l.resized_height as f32).abs() <= most);
        if fit == Fit::Stretch {
            prop_assert_eq!((l.resized_width, l.resized_height), model);
        }
    }
}
