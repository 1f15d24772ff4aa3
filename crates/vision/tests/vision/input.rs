//! Formats of inputs other than planes of red, green and blue from 0 to 1.

use camweave_vision::{
    Channels, Element, Fit, InputFormat, InputFormatError, InputLayout, Letterbox, LetterboxPlan,
    LetterboxPlans, Picture, Range, byte_of,
};
use proptest::prelude::*;

use crate::letterbox::seven_by_five;
use crate::reference::{check_pixels, pictures};

const YOLOX: InputFormat = InputFormat {
    fit: Fit::TopLeft,
    channels: Channels::Bgr,
    layout: InputLayout::Nchw,
    element: Element::Float32,
    range: Range::Byte,
    mean: [0.0; 3],
    deviation: [1.0; 3],
};

const RF_DETR: InputFormat = InputFormat {
    fit: Fit::Stretch,
    channels: Channels::Rgb,
    layout: InputLayout::Nchw,
    element: Element::Float32,
    range: Range::One,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
};

const BYTES: InputFormat = InputFormat {
    fit: Fit::Stretch,
    channels: Channels::Rgb,
    layout: InputLayout::Nhwc,
    element: Element::Uint8,
    range: Range::Byte,
    mean: [0.0; 3],
    deviation: [1.0; 3],
};

/// The input that is made of [`seven_by_five`].
fn input(format: &InputFormat, model: (u32, u32)) -> Vec<f32> {
    let (layout, data) = seven_by_five();
    let picture = Picture::new(&layout, &data).unwrap();
    let letterbox = Letterbox::fit((7, 5), model, format.fit).unwrap();
    let mut out = vec![f32::NAN; letterbox.output_len()];
    LetterboxPlans::with_format(*format)
        .letterbox_into(&picture, &letterbox, &mut out)
        .unwrap();
    out
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= tolerance,
            "{index}: {found}, expected {expected}"
        );
    }
}

/// `preproc` of `yolox/data/data_augment.py` on an image of floats, with OpenCV 5.0: three rows, and
/// the sum of all values.
#[test]
fn values_are_those_of_yolox() {
    let out = input(&YOLOX, (8, 6));
    let row = |channel: usize, row: usize| &out[(channel * 6 + row) * 8..][..8];
    for (found, expected) in [
        (
            row(0, 1),
            [
                5.0, 35.0625, 67.4375, 99.8125, 132.1875, 164.5625, 196.9375, 227.0,
            ],
        ),
        (
            row(2, 1),
            [
                59.0, 89.0625, 121.4375, 153.8125, 186.1875, 218.5625, 202.9375, 25.0,
            ],
        ),
        (row(2, 5), [114.0; 8]),
    ] {
        assert_near(found, &expected, 1e-3);
    }
    assert!((out.iter().sum::<f32>() - 17760.0).abs() < 0.05);
    // The padding is the integer that was trained with.
    assert_eq!(YOLOX.padding(), [114.0; 3]);
}

/// `(cv2.resize(picture / 255, (4, 3)) - mean) / deviation` of floats, with OpenCV 5.0.
#[test]
fn values_have_the_mean_and_deviation_of_imagenet() {
    let expected = [
        -1.543_51, -0.434_68, 0.674_14, 0.869_65, 0.140_42, 1.249_25, -1.477_87, -0.917_03,
        0.728_37, -0.172_1, -0.341_92, 0.766_9, 0.319_71, 1.266_54, 1.092_93, -0.761_35, 0.360_56,
        -1.306_99, -0.173_41, 0.960_17, -0.719_04, 0.414_54, 1.548_12, -0.306_17, 0.813_57,
        -1.032_48, 0.096_06, 1.224_6, -0.447_15, 0.681_39, 1.809_93, 0.149_8, 1.266_72, -0.579_32,
        -0.752_16, 0.190_47,
    ];
    assert_near(&input(&RF_DETR, (4, 3)), &expected, 1e-4);
}

/// `cv2.resize(picture, (4, 3))` of integers, with OpenCV 5.0, whose weights have 11 bits.
#[test]
fn integers_are_those_of_opencv() {
    let expected = [
        33, 134, 150, 98, 188, 44, 163, 179, 109, 174, 73, 174, 132, 137, 78, 197, 42, 143, 37,
        106, 207, 70, 171, 112, 166, 75, 176, 114, 140, 70, 103, 205, 60, 168, 99, 114,
    ];
    let found = input(&BYTES, (4, 3)).into_iter().map(byte_of);
    for (found, expected) in found.zip(expected) {
        assert!(
            found.abs_diff(expected) <= 1,
            "{found}, expected {expected}"
        );
    }
}

#[test]
fn integers_are_rounded_and_clamped() {
    let table = [
        (-3.0, 0),
        (0.49, 0),
        (0.5, 1),
        (254.49, 254),
        (254.5, 255),
        (255.0, 255),
        (1e9, 255),
        (f32::NEG_INFINITY, 0),
        (f32::NAN, 0),
    ];
    for (value, byte) in table {
        assert_eq!(byte_of(value), byte, "{value}");
    }
}

/// So that files may be written by hand.
#[test]
fn serialised_in_words() {
    let text = serde_json::to_string(&YOLOX).unwrap();
    assert_eq!(
        text,
        r#"{"fit":"top_left","channels":"bgr","layout":"nchw","element":"float32","range":255,"mean":[0.0,0.0,0.0],"deviation":[1.0,1.0,1.0]}"#
    );
    assert_eq!(serde_json::from_str::<InputFormat>(&text).unwrap(), YOLOX);
    assert_eq!(
        serde_json::from_str::<InputFormat>("{}").unwrap(),
        InputFormat::default()
    );
    for (text, part) in [
        (r#"{"range":100}"#, "range 100: expected 1 or 255"),
        (r#"{"fit":"crop"}"#, "letterbox"),
        (r#"{"colours":"bgr"}"#, "colours"),
    ] {
        let error = serde_json::from_str::<InputFormat>(text).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = "crop".parse::<Fit>().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"fit "crop" is unknown: expected one of letterbox, top_left, stretch"#
    );
}

#[test]
fn impossible_formats_are_refused() {
    for format in [InputFormat::default(), YOLOX, RF_DETR, BYTES] {
        assert_eq!(format.check(), Ok(()));
    }
    for (mean, deviation) in [
        ([0.0; 3], [1.0, 0.0, 1.0]),
        ([0.0; 3], [1.0, 1.0, -1.0]),
        ([0.0; 3], [f32::NAN, 1.0, 1.0]),
        ([0.0; 3], [f32::INFINITY, 1.0, 1.0]),
        ([0.0; 3], [1e-45, 1.0, 1.0]),
        ([f32::INFINITY, 0.0, 0.0], [1.0; 3]),
        ([0.0, f32::NAN, 0.0], [1.0; 3]),
    ] {
        let format = InputFormat {
            mean,
            deviation,
            ..YOLOX
        };
        let error = format.check().unwrap_err();
        assert!(matches!(error, InputFormatError::Scaling { .. }), "{error}");
    }
    let error = InputFormat {
        element: Element::Uint8,
        ..RF_DETR
    };
    assert_eq!(
        error.check().unwrap_err().to_string(),
        "uint8 with range 1, mean [0.485, 0.456, 0.406] and deviation [0.229, 0.224, 0.225]: expected range 255, mean 0 and deviation 1"
    );
}

fn formats() -> impl Strategy<Value = InputFormat> {
    (
        prop::sample::select(Fit::ALL),
        prop::sample::select(Channels::ALL),
        prop::sample::select(InputLayout::ALL),
        prop::sample::select(vec![Range::One, Range::Byte]),
        prop_oneof![
            Just(([0.0; 3], [1.0; 3])),
            (
                prop::array::uniform3(-0.5f32..1.5),
                prop::array::uniform3(0.01f32..4.0)
            ),
        ],
    )
        .prop_map(
            |(fit, channels, layout, range, (mean, deviation))| InputFormat {
                fit,
                channels,
                layout,
                range,
                mean,
                deviation,
                ..InputFormat::default()
            },
        )
}

proptest! {
    #[test]
    fn values_are_the_reference(
        (layout, data) in pictures(24), format in formats(), mw in 1u32..30, mh in 1u32..30,
    ) {
        let source = (layout.width, layout.height);
        let letterbox = Letterbox::fit(source, (mw, mh), format.fit).unwrap();
        let picture = Picture::new(&layout, &data).unwrap();
        let mut plan = LetterboxPlan::with_format(&layout, &letterbox, &format).unwrap();
        // Twice: nothing of the first run may remain.
        for stale in [f32::NAN, 7.0] {
            let mut out = vec![stale; letterbox.output_len()];
            plan.run(&picture, &mut out).unwrap();
            check_pixels(&layout, &data, &letterbox, &format, &out)?;
        }
    }
}
