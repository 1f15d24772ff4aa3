//! Average precision of detections, as COCO defines and `pycocotools` computes it.
//!
//! Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the evaluation
//! code published with it (`cocoeval.py`).

use std::collections::BTreeSet;

use super::{FrameTruth, MetricsError, TruthObject, check_box};
use crate::Detection;
use crate::iou::iou_f64;

/// Detections of a frame and class that are looked at, best first (COCO's largest `maxDets`).
pub const MAX_DETECTIONS_PER_FRAME: usize = 100;

const IOU_THRESHOLDS: usize = 10;
const RECALL_THRESHOLDS: usize = 101;

/// The detections of one frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameDetections {
    /// The detections, in any order. Of equal scores the first counts as the better one.
    pub detections: Vec<Detection>,
}

/// Areas of objects, in square pixels, that COCO calls small, medium and large: both ends belong to each.
const SIZES: [[f64; 2]; 3] = [
    [0.0, 32.0 * 32.0],
    [32.0 * 32.0, 96.0 * 96.0],
    [96.0 * 96.0, f64::INFINITY],
];
const ANY_SIZE: [f64; 2] = [0.0, f64::INFINITY];

/// Average precision of all classes and of each. 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionScores {
    /// Mean over classes of the average precision at IoU 0.50; `None` without any true object.
    pub ap50: Option<f64>,
    /// Mean over classes and over IoU 0.50 to 0.95 in steps of 0.05.
    pub ap50_95: Option<f64>,
    /// Means over classes, by the size of objects.
    pub by_size: SizeScores,
    /// Classes that have true objects, in ascending order.
    pub per_class: Vec<ClassScores>,
}

/// Average precision of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScores {
    /// Index of the class.
    pub class_id: u32,
    /// True objects that are not ignored.
    pub truths: usize,
    /// Average precision at IoU 0.50.
    pub ap50: f64,
    /// Mean over IoU 0.50 to 0.95 in steps of 0.05.
    pub ap50_95: f64,
    /// The same by the size of objects.
    pub by_size: SizeScores,
}

/// Average precision over IoU 0.50 to 0.95 for objects of one size; `None` without any.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SizeScores {
    /// Objects of at most 32 x 32 pixels.
    pub small: Option<f64>,
    /// Objects between.
    pub medium: Option<f64>,
    /// Objects of at least 96 x 96 pixels.
    pub large: Option<f64>,
}

/// What became of one detection at one IoU threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    True,
    False,
    Ignored,
}

struct Scored {
    score: f32,
    outcomes: [Outcome; IOU_THRESHOLDS],
}

/// Scores detections against the truth of the same frames.
///
/// Detections of a frame, best first, each take the free true object of their class with the
/// highest IoU at or above the threshold, an ignored one only if there is no other. What takes an
/// ignored object counts neither way, and so does each ignored object that nothing takes. Ignored
/// objects are single objects, not COCO's crowds: each is taken at most once. Precision is
/// interpolated at 101 recalls; classes without true objects do not count. For a size, objects of
/// other sizes are ignored, and so are detections of other sizes that take nothing.
///
/// # Errors
/// The numbers of frames differ, or a number is not finite.
pub fn evaluate(
    truth: &[FrameTruth],
    results: &[FrameDetections],
) -> Result<DetectionScores, MetricsError> {
    check(truth, results)?;
    let classes: BTreeSet<u32> = truth
        .iter()
        .flat_map(|frame| &frame.objects)
        .filter(|object| !object.ignore)
        .map(|object| object.class_id)
        .collect();
    let per_class: Vec<ClassScores> = classes
        .into_iter()
        .filter_map(|class_id| {
            let (truths, aps) = class_precisions(truth, results, class_id, ANY_SIZE)?;
            let of_size = |size| {
                let (_, aps) = class_precisions(truth, results, class_id, size)?;
                Some(mean_of(&aps))
            };
            let [small, medium, large] = SIZES.map(of_size);
            Some(ClassScores {
                class_id,
                truths,
                ap50: aps[0],
                ap50_95: mean_of(&aps),
                by_size: SizeScores {
                    small,
                    medium,
                    large,
                },
            })
        })
        .collect();
    let mean = |ap: fn(&ClassScores) -> Option<f64>| {
        let aps: Vec<f64> = per_class.iter().filter_map(ap).collect();
        (!aps.is_empty()).then(|| mean_of(&aps))
    };
    Ok(DetectionScores {
        ap50: mean(|class| Some(class.ap50)),
        ap50_95: mean(|class| Some(class.ap50_95)),
        by_size: SizeScores {
            small: mean(|class| class.by_size.small),
            medium: mean(|class| class.by_size.medium),
            large: mean(|class| class.by_size.large),
        },
        per_class,
    })
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The true objects of a class and size that are not ignored, and the average precision at each IoU;
/// `None` without such objects.
fn class_precisions(
    truth: &[FrameTruth],
    results: &[FrameDetections],
    class_id: u32,
    size: [f64; 2],
) -> Option<(usize, [f64; IOU_THRESHOLDS])> {
    let counts = |object: &&TruthObject| {
        object.class_id == class_id && !object.ignore && is_of_size(&object.bbox, size)
    };
    let objects = truth.iter().flat_map(|frame| &frame.objects);
    let truths = objects.filter(counts).count();
    if truths == 0 {
        return None;
    }
    let mut scored: Vec<Scored> = truth
        .iter()
        .zip(results)
        .flat_map(|(truth, results)| match_frame(truth, results, class_id, size))
        .collect();
    // Stable: equal scores stay in the order of frames.
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    let precision = |threshold| average_precision(&scored, threshold, truths);
    Some((truths, std::array::from_fn(precision)))
}

fn is_of_size([x1, y1, x2, y2]: &[f64; 4], [least, most]: [f64; 2]) -> bool {
    (least..=most).contains(&((x2 - x1) * (y2 - y1)))
}

fn check(truth: &[FrameTruth], results: &[FrameDetections]) -> Result<(), MetricsError> {
    if truth.len() != results.len() {
        let (results, truth) = (results.len(), truth.len());
        return Err(MetricsError::FrameCount {
            sequence: 0,
            results,
            truth,
        });
    }
    for (frame, (truth, results)) in truth.iter().zip(results).enumerate() {
        for (index, object) in truth.objects.iter().enumerate() {
            check_box("truth", (0, frame, index), &object.bbox)?;
        }
        for (index, Detection { bbox, score, .. }) in results.detections.iter().enumerate() {
            check_box("detection", (0, frame, index), &bbox.map(f64::from))?;
            if !score.is_finite() {
                let (what, value) = ("detection", format!("the score {score}"));
                return Err(MetricsError::NotFinite {
                    what,
                    sequence: 0,
                    frame,
                    index,
                    value,
                });
            }
        }
    }
    Ok(())
}

/// `numpy.linspace(0.5, 0.95, 10)`, to the last bit.
fn iou_threshold(index: usize) -> f64 {
    let step = (0.95 - 0.5) / 9.0;
    if index == 9 {
        0.95
    } else {
        index as f64 * step + 0.5
    }
}

fn match_frame(
    truth: &FrameTruth,
    results: &FrameDetections,
    class_id: u32,
    size: [f64; 2],
) -> Vec<Scored> {
    let mut truths: Vec<TruthObject> = truth
        .objects
        .iter()
        .filter(|object| object.class_id == class_id)
        .map(|object| TruthObject {
            ignore: object.ignore || !is_of_size(&object.bbox, size),
            ..*object
        })
        .collect();
    truths.sort_by_key(|object| object.ignore);
    let mut detections: Vec<&Detection> = results
        .detections
        .iter()
        .filter(|found| found.class_id == class_id)
        .collect();
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    detections.truncate(MAX_DETECTIONS_PER_FRAME);
    let ious: Vec<Vec<f64>> = detections
        .iter()
        .map(|found| {
            truths
                .iter()
                .map(|object| iou_f64(found.bbox.map(f64::from), object.bbox))
                .collect()
        })
        .collect();

    let mut scored: Vec<Scored> = detections
        .iter()
        .map(|found| Scored {
            score: found.score,
            outcomes: if is_of_size(&found.bbox.map(f64::from), size) {
                [Outcome::False; IOU_THRESHOLDS]
            } else {
                [Outcome::Ignored; IOU_THRESHOLDS]
            },
        })
        .collect();
    for threshold in 0..IOU_THRESHOLDS {
        let mut taken = vec![false; truths.len()];
        for (scored, ious) in scored.iter_mut().zip(&ious) {
            let Some(object) = best_free(ious, &taken, &truths, iou_threshold(threshold)) else {
                continue;
            };
            taken[object] = true;
            scored.outcomes[threshold] = if truths[object].ignore {
                Outcome::Ignored
            } else {
                Outcome::True
            };
        }
    }
    scored
}

/// The free object of highest IoU at or above the threshold; of equal ones the last; an ignored one
/// (they come last) only if no other qualifies.
fn best_free(
    ious: &[f64],
    taken: &[bool],
    truths: &[TruthObject],
    threshold: f64,
) -> Option<usize> {
    let mut least = threshold.min(1.0 - 1e-10);
    let mut best = None;
    for (object, &iou) in ious.iter().enumerate() {
        if taken[object] {
            continue;
        }
        if truths[object].ignore && best.is_some_and(|best: usize| !truths[best].ignore) {
            break;
        }
        if iou >= least {
            least = iou;
            best = Some(object);
        }
    }
    best
}

/// Mean over 101 recalls of the highest precision at that recall or a greater one.
fn average_precision(scored: &[Scored], threshold: usize, truths: usize) -> f64 {
    let (mut hits, mut misses) = (0usize, 0usize);
    let mut recalls = Vec::with_capacity(scored.len());
    let mut precisions = Vec::with_capacity(scored.len());
    for scored in scored {
        match scored.outcomes[threshold] {
            Outcome::True => hits += 1,
            Outcome::False => misses += 1,
            Outcome::Ignored => {}
        }
        recalls.push(hits as f64 / truths as f64);
        // As COCO: a list that begins with ignored ones has 0 / epsilon there.
        precisions.push(hits as f64 / ((hits + misses) as f64 + f64::EPSILON));
    }
    for index in (1..precisions.len()).rev() {
        precisions[index - 1] = precisions[index - 1].max(precisions[index]);
    }
    let sum: f64 = (0..RECALL_THRESHOLDS)
        .map(|index| {
            // As `numpy.linspace(0, 1, 101)` rounds it.
            let recall = index as f64 * 0.01;
            let at = recalls.partition_point(|&reached| reached < recall);
            precisions.get(at).copied().unwrap_or(0.0)
        })
        .sum();
    sum / RECALL_THRESHOLDS as f64
}
