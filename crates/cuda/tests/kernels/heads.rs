//! Decoding and suppression against `decode` and `suppress`, bit by bit.

use std::cell::Cell;

use camweave_cuda::heads::MOST_RANKED;
use camweave_vision::{Candidate, HeadFormat, NmsConfig, decode, keep_best};
use formats::{PLACES, any_format};
use half::f16;
use proptest::prelude::*;
use run::{Number, SIZE, run};

use crate::{Backend, on_both_backends};

mod formats;
mod run;

on_both_backends! {
    any_heads_give_what_the_reference_gives
    any_format_gives_what_the_reference_gives
    nothing_above_the_threshold_is_nothing
    of_thousands_that_overlap_the_best_is_left
    more_candidates_and_detections_than_the_limits
    each_frame_of_a_full_batch_is_by_itself
    a_frame_of_more_candidates_than_are_ranked_is_left_to_the_host
    halves_are_converted_as_they_should_be
}

/// The same by the reference, with the classes as the stage on the CPU applies them.
fn reference<T: Number>(
    head: &[T],
    format: HeadFormat,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    decode(head, &format, SIZE, config.confidence, &mut candidates).expect("a head of this format");
    if let Some(kept) = kept {
        candidates.retain(|candidate| kept.get(candidate.class_id as usize) == Some(&true));
    }
    keep_best(&mut candidates, &format, config);
    candidates
}

fn check<T: Number>(
    backend: &Backend,
    heads: &[Vec<f32>],
    format: HeadFormat,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> usize {
    let heads: Vec<Vec<T>> = heads
        .iter()
        .map(|head| head.iter().map(|&value| T::from_single(value)).collect())
        .collect();
    let found = run(backend, &heads, format, config, kept);
    assert_eq!(found.len(), heads.len());
    let mut detections = 0;
    for (found, head) in found.iter().zip(&heads) {
        let found = found.as_ref().expect("few enough to be ranked");
        assert_eq!(*found, reference(head, format, config, kept));
        detections += found.len();
    }
    detections
}

fn check_both(
    backend: &Backend,
    heads: &[Vec<f32>],
    format: HeadFormat,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> usize {
    check::<f32>(backend, heads, format, config, kept)
        + check::<f16>(backend, heads, format, config, kept)
}

/// Numbers that a network should not put out, among ordinary ones.
fn odd(ordinary: impl Strategy<Value = f32> + 'static) -> BoxedStrategy<f32> {
    prop_oneof![
        60 => ordinary,
        1 => proptest::sample::select(vec![
            f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, -1.0,
            f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-40, 65_504.0, 3e38,
        ]),
    ]
    .boxed()
}

const ANCHORS: usize = 150;
const CLASSES: usize = 3;

/// Boxes that crowd, with scores of few values, so that ties abound.
fn yolov8() -> impl Strategy<Value = Vec<f32>> {
    let rows = |count: usize, values: BoxedStrategy<f32>| {
        proptest::collection::vec(values, count * ANCHORS)
    };
    let centres = odd((0..40_u32).prop_map(|value| value as f32 / 2.0));
    let sizes = odd((0..30_u32).prop_map(|value| value as f32 / 2.0));
    let scores = odd((0..12_u32).prop_map(|value| value as f32 / 12.0));
    (rows(2, centres), rows(2, sizes), rows(CLASSES, scores))
        .prop_map(|(centres, sizes, scores)| [centres, sizes, scores].concat())
}

fn end_to_end() -> impl Strategy<Value = Vec<f32>> {
    let edge = || odd((0..40_u32).prop_map(|value| value as f32));
    let score = odd((0..12_u32).prop_map(|value| value as f32 / 12.0));
    let class = odd((0..5_u32).prop_map(|value| value as f32 / 2.0));
    let row = (edge(), edge(), edge(), edge(), score, class)
        .prop_map(|(x1, y1, x2, y2, score, class)| [x1, y1, x2, y2, score, class]);
    proptest::collection::vec(row, ANCHORS).prop_map(|rows| rows.concat())
}

fn config() -> impl Strategy<Value = NmsConfig> {
    let unit = || proptest::sample::select(vec![0.0_f32, 0.2, 0.25, 0.45, 0.5, 0.7, 1.0]);
    let most = || proptest::sample::select(vec![1_usize, 3, 63, 64, 65, 100, 300]);
    (unit(), unit(), most(), most()).prop_map(
        |(confidence, iou, max_candidates, max_detections)| NmsConfig {
            confidence,
            iou,
            max_candidates,
            max_detections,
        },
    )
}

/// 10,000 heads, in both precisions.
fn any_heads_give_what_the_reference_gives(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let heads = proptest::collection::vec(yolov8(), 1..3);
    let kept = proptest::option::of(proptest::collection::vec(any::<bool>(), 0..5));
    proptest!(settings, |(heads in heads, rows in end_to_end(), config in config(), kept in kept)| {
        let format = HeadFormat::yolov8(CLASSES as u32, ANCHORS as u32);
        check_both(backend, &heads, format, &config, kept.as_deref());
        check_both(backend, &[rows], HeadFormat::end_to_end(ANCHORS as u32), &config, kept.as_deref());
    });
}

/// Each format that the decoder knows, with values that are scores before and after activation,
/// edges, parts of the input, and none of these.
fn any_format_gives_what_the_reference_gives(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let value = || {
        odd(prop_oneof![
            (0..12_u32).prop_map(|value| value as f32 / 12.0),
            -6.0..6.0_f32,
            (0..40_u32).prop_map(|value| value as f32),
        ])
    };
    let head = any_format().prop_flat_map(move |format| {
        let values = proptest::collection::vec(value(), format.len());
        (Just(format), proptest::collection::vec(values, 1..3))
    });
    let kept = proptest::option::of(proptest::collection::vec(any::<bool>(), 0..5));
    let detections = Cell::new(0);
    proptest!(settings, |((format, heads) in head, config in config(), kept in kept)| {
        assert_eq!(format.anchors, PLACES);
        let found = check_both(backend, &heads, format, &config, kept.as_deref());
        detections.set(detections.get() + found);
    });
    assert!(detections.get() > 1000, "{detections:?}");
}

/// A head of one class in which each anchor has a box (centre, size) and a score.
fn head(boxes: &[([f32; 4], f32)]) -> (Vec<f32>, HeadFormat) {
    let anchors = boxes.len();
    let mut values = Vec::new();
    for row in 0..4 {
        values.extend(boxes.iter().map(|(bbox, _)| bbox[row]));
    }
    values.extend(boxes.iter().map(|(_, score)| score));
    (values, HeadFormat::yolov8(1, anchors as u32))
}

fn nothing_above_the_threshold_is_nothing(backend: &Backend) {
    let (values, format) = head(&[([5.0, 5.0, 2.0, 2.0], 0.25), ([9.0, 5.0, 2.0, 2.0], 0.0)]);
    assert_eq!(
        check_both(backend, &[values], format, &NmsConfig::default(), None),
        0
    );
}

fn of_thousands_that_overlap_the_best_is_left(backend: &Backend) {
    let boxes: Vec<_> = (0..8400)
        .map(|i| {
            (
                [50.0, 50.0, 90.0, 90.0 + (i % 7) as f32],
                0.3 + (i * 37 % 8400) as f32 / 20_000.0,
            )
        })
        .collect();
    let (values, format) = head(&boxes);
    assert_eq!(
        check_both(backend, &[values], format, &NmsConfig::default(), None),
        2
    );
}

fn more_candidates_and_detections_than_the_limits(backend: &Backend) {
    // Boxes that do not touch: everything would be kept. Every score comes three times.
    let boxes: Vec<_> = (0..3000)
        .map(|i| {
            (
                [4.0 * (i % 50) as f32, 4.0 * (i / 50) as f32, 2.0, 2.0],
                0.5 + (i % 1000) as f32 / 4096.0,
            )
        })
        .collect();
    let (values, format) = head(&boxes);
    let limits = |max_candidates, max_detections| NmsConfig {
        max_candidates,
        max_detections,
        ..NmsConfig::default()
    };
    for (config, expected) in [
        (limits(30_000, 300), 300),
        (limits(100, 300), 100),
        (limits(30_000, 3000), 3000),
        (limits(1, 1), 1),
    ] {
        let detections = check::<f32>(
            backend,
            std::slice::from_ref(&values),
            format,
            &config,
            None,
        );
        assert_eq!(detections, expected, "{config:?}");
    }
}

fn each_frame_of_a_full_batch_is_by_itself(backend: &Backend) {
    let heads: Vec<Vec<f32>> = (0..32)
        .map(|frame| {
            let boxes: Vec<_> = (0..70)
                .map(|i| {
                    (
                        [
                            (i * 9 % 31) as f32,
                            (i * 5 % 17) as f32,
                            8.0,
                            (1 + frame % 9) as f32,
                        ],
                        (i * 13 % 29) as f32 / 29.0,
                    )
                })
                .collect();
            head(&boxes).0
        })
        .collect();
    let format = HeadFormat::yolov8(1, 70);
    assert!(check_both(backend, &heads, format, &NmsConfig::default(), None) > 32);
}

/// By several labels, as a head of 8,400 places and 80 classes has at a confidence of 0.
fn a_frame_of_more_candidates_than_are_ranked_is_left_to_the_host(backend: &Backend) {
    const LABELS: usize = 64;
    let anchors = MOST_RANKED / LABELS + 1;
    let format = HeadFormat {
        multi_label: true,
        ..HeadFormat::yolov8(LABELS as u32, anchors as u32)
    };
    let boxes = [32.0, 16.0, 8.0, 8.0].map(|value| vec![value; anchors]);
    let scored = |passing: usize| -> Vec<f32> {
        let scores = (0..LABELS * anchors).map(|it| if it < passing { 0.5 } else { 0.1 });
        boxes.concat().into_iter().chain(scores).collect()
    };
    let heads = [MOST_RANKED + 1, 10].map(scored);
    let config = NmsConfig::default();
    let found = run(backend, &heads, format, &config, None);
    assert_eq!(found[0], None);
    let expected = reference(&heads[1], format, &config, None);
    assert_eq!(expected.len(), 1);
    assert_eq!(found[1], Some(expected));
}

fn halves_are_converted_as_they_should_be(backend: &Backend) {
    // All 16-bit patterns as edges of boxes without an area, against the `half` crate.
    const ROWS: usize = 8192;
    let heads: Vec<Vec<f32>> = (0..8)
        .map(|part| {
            let bits = (0..ROWS).map(|row| (part * ROWS + row) as u16);
            let edges = bits.map(|bits| f16::from_bits(bits).to_f32());
            edges
                .flat_map(|edge| [edge, 0.0, edge, 0.0, 0.5, 0.0])
                .collect()
        })
        .collect();
    let format = HeadFormat::end_to_end(ROWS as u32);
    let config = NmsConfig {
        max_detections: ROWS,
        ..NmsConfig::default()
    };
    let finite = (1 << 16) - 2 * 1024;
    assert_eq!(check::<f16>(backend, &heads, format, &config, None), finite);
}
