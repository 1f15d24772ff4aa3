//! Average precision of detections, as COCO defines and `pycocotools` computes it.
//!
//! Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the evaluation
//! code published with it (`cocoeval.py`).

use std::collections::BTreeMap;

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

/// Average precision of all classes and of each. 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionScores {
    /// Mean over classes of the average precision at IoU 0.50; `None` without any true object.
    pub ap50: Option<f64>,
    /// Mean over classes and over IoU 0.50 to 0.95 in steps of 0.05.
    pub ap50_95: Option<f64>,
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
/// interpolated at 101 recalls; classes without true objects do not count.
///
/// # Errors
/// The numbers of frames differ, or a number is not finite.
pub fn evaluate(
    truth: &[FrameTruth],
    results: &[FrameDetections],
) -> Result<DetectionScores, MetricsError> {
    check(truth, results)?;
    let mut positives = BTreeMap::<u32, usize>::new();
    for object in truth
        .iter()
        .flat_map(|frame| &frame.objects)
        .filter(|object| !object.ignore)
    {
        *positives.entry(object.class_id).or_default() += 1;
    }
    let per_class: Vec<ClassScores> = positives
        .into_iter()
        .map(|(class_id, truths)| {
            let mut scored: Vec<Scored> = truth
                .iter()
                .zip(results)
                .flat_map(|(truth, results)| match_frame(truth, results, class_id))
                .collect();
            // Stable: equal scores stay in the order of frames.
            scored.sort_by(|a, b| b.score.total_cmp(&a.score));
            let aps: [f64; IOU_THRESHOLDS] =
                std::array::from_fn(|threshold| average_precision(&scored, threshold, truths));
            let ap50_95 = aps.iter().sum::<f64>() / IOU_THRESHOLDS as f64;
            ClassScores {
                class_id,
                truths,
                ap50: aps[0],
                ap50_95,
            }
        })
        .collect();
    let mean = |ap: fn(&ClassScores) -> f64| {
        let count = per_class.len();
        (count > 0).then(|| per_class.iter().map(ap).sum::<f64>() / count as f64)
    };
    Ok(DetectionScores {
        ap50: mean(|c| c.ap50),
        ap50_95: mean(|c| c.ap50_95),
        per_class,
    })
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

fn match_frame(truth: &FrameTruth, results: &FrameDetections, class_id: u32) -> Vec<Scored> {
    let mut truths: Vec<&TruthObject> = truth
        .objects
        .iter()
        .filter(|object| object.class_id == class_id)
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
            outcomes: [Outcome::False; IOU_THRESHOLDS],
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
    truths: &[&TruthObject],
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
