use std::slice::from_ref;

use camweave_vision::Detection;
use camweave_vision::metrics::detection::{self, FrameDetections};
use camweave_vision::metrics::{FrameTruth, MetricsError, TruthObject};

use super::{Random, close, truth};

fn found(class_id: u32, bbox: [f32; 4], score: f32) -> Detection {
    Detection {
        bbox,
        score,
        class_id,
    }
}

fn detection_data() -> (Vec<FrameTruth>, Vec<FrameDetections>) {
    scaled_data(1.0)
}

fn scaled_data(scale: f64) -> (Vec<FrameTruth>, Vec<FrameDetections>) {
    let mut random = Random(1);
    let place = |random: &mut Random| {
        let (x, y) = (random.below(200), random.below(200));
        [x, y, 8 + random.below(60), 8 + random.below(60)].map(|n| n as f64)
    };
    let detection = |class: u64, [x, y, w, h]: [f64; 4], score: u64| {
        let bbox = [x, y, x + w, y + h].map(|edge| (scale * edge) as f32);
        found(class as u32, bbox, score as f32 / 64.0)
    };
    (0..40)
        .map(|frame| {
            let (mut truths, mut detections) = (FrameTruth::default(), FrameDetections::default());
            for id in 0..6 {
                let class = random.below(3);
                let [x, y, w, h] = place(&mut random);
                let ignore = random.below(6) == 0;
                truths.objects.push(TruthObject {
                    ignore,
                    ..truth(
                        id,
                        class as u32,
                        [x, y, x + w, y + h].map(|edge| scale * edge),
                    )
                });
                for chance in [9, 3] {
                    if random.below(10) < chance {
                        let j = random.jitter();
                        let kind = if random.below(12) == 0 {
                            random.below(3)
                        } else {
                            class
                        };
                        let score = 1 + random.below(64);
                        let moved = [x + j[0], y + j[1], w + j[2], h + j[3]];
                        detections.detections.push(detection(kind, moved, score));
                    }
                }
            }
            for _ in 0..if frame == 0 { 122 } else { 2 } {
                let class = random.below(3);
                let bbox = place(&mut random);
                detections
                    .detections
                    .push(detection(class, bbox, 1 + random.below(64)));
            }
            (truths, detections)
        })
        .unzip()
}

/// Values of `tests/reference/metrics.py`.
#[test]
fn average_precision_is_that_of_pycocotools() {
    let (truths, detections) = detection_data();
    let scores = detection::evaluate(&truths, &detections).unwrap();
    close(scores.ap50, 0.425_589_330_072_336_57);
    close(scores.ap50_95, 0.187_463_975_613_316_85);
    let expected = [
        (0.387_877_193_072_803_5, 0.181_858_183_147_041_1),
        (0.499_428_331_584_819_6, 0.211_710_328_384_412_87),
        (0.389_462_465_559_387, 0.168_823_415_308_496_5),
    ];
    for (class, (ap50, ap50_95)) in scores.per_class.iter().zip(expected) {
        close(Some(class.ap50), ap50);
        close(Some(class.ap50_95), ap50_95);
    }
    assert_eq!(
        scores
            .per_class
            .iter()
            .map(|class| class.class_id)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

/// Values of `tests/reference/metrics.py`, for the same boxes and for boxes twice as large.
#[test]
fn average_precision_by_size_is_that_of_pycocotools() {
    let of_scale = |scale| {
        let (truths, detections) = scaled_data(scale);
        detection::evaluate(&truths, &detections).unwrap()
    };
    let scores = of_scale(1.0);
    close(scores.by_size.small, 0.151_113_273_020_677_84);
    close(scores.by_size.medium, 0.233_482_657_855_952);
    assert_eq!(scores.by_size.large, None);
    let scores = of_scale(2.0);
    close(scores.ap50_95, 0.187_463_975_613_316_85);
    close(scores.by_size.small, 0.074_019_068_573_524_01);
    close(scores.by_size.medium, 0.181_889_420_107_240_4);
    close(scores.by_size.large, 0.397_831_271_375_985_5);
    let expected = [
        [0.0, 0.191_919_817_366_301_54, 0.332_416_773_820_239_15],
        [
            0.108_195_819_581_958_17,
            0.198_012_895_887_259_43,
            0.509_431_871_758_604_4,
        ],
        [
            0.113_861_386_138_613_85,
            0.155_735_547_068_160_26,
            0.351_645_168_549_112_93,
        ],
    ];
    for (class, [small, medium, large]) in scores.per_class.iter().zip(expected) {
        close(class.by_size.small, small);
        close(class.by_size.medium, medium);
        close(class.by_size.large, large);
    }
}

#[test]
fn perfect_detections_score_one_and_none_score_zero() {
    let (truths, _) = detection_data();
    let perfect: Vec<FrameDetections> = truths
        .iter()
        .map(|frame| FrameDetections {
            detections: frame
                .objects
                .iter()
                .map(|o| found(o.class_id, o.bbox.map(|edge| edge as f32), 0.5))
                .collect(),
        })
        .collect();
    let scores = detection::evaluate(&truths, &perfect).unwrap();
    close(scores.ap50_95, 1.0);
    let nothing = vec![FrameDetections::default(); truths.len()];
    let scores = detection::evaluate(&truths, &nothing).unwrap();
    assert_eq!((scores.ap50, scores.ap50_95), (Some(0.0), Some(0.0)));
    let scores = detection::evaluate(&[], &[]).unwrap();
    assert_eq!((scores.ap50, scores.per_class.len()), (None, 0));
}

#[test]
fn average_precision_by_hand() {
    let truths = FrameTruth {
        objects: vec![
            truth(0, 0, [0.0, 0.0, 10.0, 10.0]),
            truth(1, 0, [50.0, 0.0, 60.0, 10.0]),
        ],
    };
    let hit = found(0, [0.0, 0.0, 10.0, 10.0], 0.9);
    let false_one = found(0, [80.0, 80.0, 90.0, 90.0], 0.8);
    // An IoU of 0.8 with the second object.
    let rough = found(0, [50.0, 0.0, 58.0, 10.0], 0.7);
    let score = |detections: Vec<Detection>| {
        detection::evaluate(from_ref(&truths), &[FrameDetections { detections }]).unwrap()
    };
    // Recall 1/2 at precision 1: 51 of the 101 recalls.
    close(score(vec![hit]).ap50, 51.0 / 101.0);
    // Then 50 recalls at precision 2/3.
    close(
        score(vec![hit, false_one, rough]).ap50,
        (51.0 + 50.0 * 2.0 / 3.0) / 101.0,
    );
    // The rough one counts at 7 of the 10 thresholds.
    let whole = (51.0 + 50.0 * 2.0 / 3.0) / 101.0;
    close(
        score(vec![hit, false_one, rough]).ap50_95,
        (7.0 * whole + 3.0 * 51.0 / 101.0) / 10.0,
    );
    // A duplicate is false, and costs nothing behind the last hit.
    close(
        score(vec![hit, rough, Detection { score: 0.1, ..hit }]).ap50,
        1.0,
    );
    close(
        score(vec![Detection { score: 1.0, ..hit }, hit, rough]).ap50,
        whole,
    );
    // Another class finds nothing.
    close(score(vec![Detection { class_id: 1, ..hit }]).ap50, 0.0);
}

#[test]
fn ignored_objects_count_neither_way() {
    let seen = truth(0, 0, [0.0, 0.0, 10.0, 10.0]);
    let hidden = TruthObject {
        ignore: true,
        ..truth(1, 0, [50.0, 0.0, 60.0, 10.0])
    };
    let truths = FrameTruth {
        objects: vec![hidden, seen],
    };
    let on_hidden = found(0, [50.0, 0.0, 60.0, 10.0], 0.9);
    let on_seen = found(0, [0.0, 0.0, 10.0, 10.0], 0.5);
    let ap = |detections: Vec<Detection>| {
        detection::evaluate(from_ref(&truths), &[FrameDetections { detections }])
            .unwrap()
            .ap50
    };
    close(ap(vec![on_seen]), 1.0);
    close(ap(vec![on_hidden, on_seen]), 1.0);
    // The second one on it is false.
    close(ap(vec![on_hidden, on_hidden, on_seen]), 0.5);
}

#[test]
fn detections_that_cannot_be_compared_are_refused() {
    let error = detection::evaluate(&[FrameTruth::default()], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sequence 0 has 0 frames of results: its truth has 1"
    );
    let bad = FrameDetections {
        detections: vec![found(0, [0.0; 4], f32::NAN)],
    };
    let error = detection::evaluate(&[FrameTruth::default()], &[bad]).unwrap_err();
    assert!(matches!(
        error,
        MetricsError::NotFinite {
            what: "detection",
            index: 0,
            ..
        }
    ));
    let bad = FrameDetections {
        detections: vec![found(0, [0.0, 0.0, f32::INFINITY, 1.0], 0.5)],
    };
    assert!(detection::evaluate(&[FrameTruth::default()], &[bad]).is_err());
}
