use camweave_vision::{Candidate, HeadError, HeadFormat, decode};
use half::f16;
use proptest::prelude::*;

/// Of the network's input.
const SIZE: (u32, u32) = (640, 640);

fn fixed(shape: &[usize]) -> Vec<Option<usize>> {
    shape.iter().copied().map(Some).collect()
}

#[test]
fn shapes_tell_the_format() {
    let yolo = |classes, anchors| Ok(HeadFormat::yolov8(classes, anchors));
    let end_to_end = |anchors| Ok(HeadFormat::end_to_end(anchors));
    let format = |shape: &[usize], classes| HeadFormat::from_shape(&fixed(shape), classes);
    assert_eq!(format(&[1, 84, 8400], Some(80)), yolo(80, 8400));
    assert_eq!(format(&[84, 8400], None), yolo(80, 8400));
    assert_eq!(format(&[16, 8, 2100], None), yolo(4, 2100));
    assert_eq!(format(&[1, 5, 2100], Some(1)), yolo(1, 2100));
    // Two classes: six rows are no end-to-end head.
    assert_eq!(format(&[1, 6, 8400], Some(2)), yolo(2, 8400));
    assert_eq!(format(&[1, 300, 6], Some(80)), end_to_end(300));
    assert_eq!(format(&[300, 6], None), end_to_end(300));
    // As many rows as 4 + 296 classes would have.
    assert_eq!(format(&[1, 300, 6], Some(296)), end_to_end(300));
    // More rows than anchors, which a known number of classes makes certain.
    assert_eq!(format(&[1, 1004, 525], Some(1000)), yolo(1000, 525));
    let dynamic = [None, Some(84), Some(8400)];
    assert_eq!(HeadFormat::from_shape(&dynamic, None), yolo(80, 8400));
}

#[test]
fn other_shapes_are_refused_by_name() {
    let message = |shape: &[Option<usize>], classes| {
        HeadFormat::from_shape(shape, classes)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(&fixed(&[1, 84, 8400]), Some(4)),
        "model output of shape [1, 84, 8400]: expected [batch, 8, anchors] (YOLOv8) or \
         [batch, detections, 6] (end to end); the number of classes is the model's own"
    );
    assert_eq!(
        message(&[None, Some(84), None], None),
        "model output of shape [?, 84, ?]: expected [batch, 4 + classes, anchors] (YOLOv8) or \
         [batch, detections, 6] (end to end); only the batch may be dynamic"
    );
    assert!(message(&fixed(&[1, 8400, 84]), None).ends_with("; this one looks transposed"));
    for shape in [
        &[][..],
        &[84],
        &[1, 1, 84, 8400],
        &[1, 4, 8400],
        &[1, 84, 0],
        &[1, 0, 6],
        &[0, 0],
    ] {
        assert!(
            HeadFormat::from_shape(&fixed(shape), None).is_err(),
            "{shape:?}"
        );
    }
}

#[test]
fn a_wrong_length_is_refused() {
    let format = HeadFormat::yolov8(4, 2100);
    let error = decode(&[0.0f32; 16_799], &format, SIZE, 0.25, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error,
        HeadError::Length {
            format: Box::new(format),
            found: 16_799,
            expected: 16_800
        }
    );
}

/// Anchor by anchor, class by class.
fn naive_yolov8(values: &[f32], classes: usize, anchors: usize, confidence: f32) -> Vec<Candidate> {
    let mut found = Vec::new();
    for anchor in 0..anchors {
        let at = |row: usize| values[row * anchors + anchor];
        let mut best: Option<(f32, u32)> = None;
        for class in 0..classes {
            let score = at(4 + class);
            if score.is_finite() && best.is_none_or(|(best, _)| score > best) {
                best = Some((score, class as u32));
            }
        }
        let bbox = [
            at(0) - at(2) / 2.0,
            at(1) - at(3) / 2.0,
            at(0) + at(2) / 2.0,
            at(1) + at(3) / 2.0,
        ];
        let Some((score, class_id)) = best else {
            continue;
        };
        let sound = bbox.iter().all(|e| e.is_finite()) && bbox[0] <= bbox[2] && bbox[1] <= bbox[3];
        if sound && score > confidence {
            found.push(Candidate {
                bbox,
                score,
                class_id,
                anchor: anchor as u32,
            });
        }
    }
    found
}

/// Numbers with many ties, and those that are not numbers.
pub fn values() -> impl Strategy<Value = f32> {
    prop_oneof![
        20 => (0u8..=16).prop_map(|n| f32::from(n) / 16.0),
        4 => 0.0f32..640.0,
        1 => prop::sample::select(vec![
            f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, -1.0,
        ]),
    ]
}

fn heads() -> impl Strategy<Value = (usize, usize, Vec<f32>)> {
    (1usize..6, 1usize..40).prop_flat_map(|(classes, anchors)| {
        let values = prop::collection::vec(values(), (4 + classes) * anchors);
        (Just(classes), Just(anchors), values)
    })
}

proptest! {
    #[test]
    fn decoding_is_the_naive_one((classes, anchors, values) in heads(), confidence in 0u8..=8) {
        let confidence = f32::from(confidence) / 8.0;
        let format = HeadFormat::yolov8(classes as u32, anchors as u32);
        let mut found = vec![Candidate { bbox: [0.0; 4], score: 9.0, class_id: 0, anchor: 0 }];
        decode(&values, &format, SIZE, confidence, &mut found).unwrap();
        prop_assert_eq!(found, naive_yolov8(&values, classes, anchors, confidence));
    }

    #[test]
    fn half_precision_is_decoded_as_its_values((classes, anchors, values) in heads()) {
        let halves: Vec<f16> = values.iter().copied().map(f16::from_f32).collect();
        let singles: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
        let format = HeadFormat::yolov8(classes as u32, anchors as u32);
        let mut found = Vec::new();
        decode(&halves, &format, SIZE, 0.25, &mut found).unwrap();
        prop_assert_eq!(found, naive_yolov8(&singles, classes, anchors, 0.25));
    }

    #[test]
    fn end_to_end_rows_pass_or_not(values in prop::collection::vec(values(), 6 * 20)) {
        let mut found = Vec::new();
        decode(&values, &HeadFormat::end_to_end(20), SIZE, 0.25, &mut found).unwrap();
        let mut expected = Vec::new();
        for (anchor, row) in values.chunks(6).enumerate() {
            let finite = row.iter().all(|value| value.is_finite());
            let (class, score) = (row[5], row[4]);
            if finite && score > 0.25 && row[0] <= row[2] && row[1] <= row[3]
                && (0.0..16_777_216.0).contains(&class)
            {
                let bbox = [row[0], row[1], row[2], row[3]];
                expected.push(Candidate { bbox, score, class_id: class as u32, anchor: anchor as u32 });
            }
        }
        prop_assert_eq!(found, expected);
    }
}

/// More anchors than are scanned at a time, with the last block not full.
#[test]
fn many_anchors_are_decoded_as_the_naive_one() {
    let (classes, anchors) = (80, 8400);
    let mut state = 1u64;
    let values: Vec<f32> = (0..(4 + classes) * anchors)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 24) as f32
        })
        .collect();
    let format = HeadFormat::yolov8(classes as u32, anchors as u32);
    let mut found = Vec::new();
    for confidence in [0.25, 0.99, 1.0] {
        decode(&values, &format, SIZE, confidence, &mut found).unwrap();
        assert_eq!(found, naive_yolov8(&values, classes, anchors, confidence));
    }
    assert!(found.is_empty());
    let halves: Vec<f16> = values.iter().copied().map(f16::from_f32).collect();
    let singles: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
    decode(&halves, &format, SIZE, 0.99, &mut found).unwrap();
    assert_eq!(found, naive_yolov8(&singles, classes, anchors, 0.99));
}
