//! Scores of tracks: HOTA, IDF1 and CLEAR MOT.
//!
//! Sources: Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera
//! Tracking", ECCV workshops 2016 (IDF1); Bernardin and Stiefelhagen, "Evaluating Multiple Object
//! Tracking Performance: The CLEAR MOT Metrics", EURASIP JIVP 2008 (MOTA), with the matching of
//! `TrackEval`, the MOTChallenge evaluation code.

use std::collections::{BTreeMap, BTreeSet};

use super::assignment::assign;
pub use super::hota::HotaScores;
use super::hota::{FrameOverlaps, HotaSums};
use super::{FrameTruth, MetricsError, check_box};
use crate::iou::iou_f64;

/// The least IoU of a track's box and the object it follows.
pub const IOU_THRESHOLD: f64 = 0.5;

/// Where a tracker places one object in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedBox {
    /// Identity, unique in its sequence.
    pub track_id: u64,
    /// Index of the class.
    pub class_id: u32,
    /// Edges x1, y1, x2, y2 in pixels of the picture.
    pub bbox: [f64; 4],
}

/// The tracks of one frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameTracks {
    /// The boxes, in any order.
    pub objects: Vec<TrackedBox>,
}

/// Truth and tracks of one camera, frame by frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequence {
    /// The truth of each frame.
    pub truth: Vec<FrameTruth>,
    /// The tracks of the same frames.
    pub tracks: Vec<FrameTracks>,
}

/// Counts over all sequences, and the scores that follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrackingScores {
    /// Higher order tracking accuracy and its parts; `None` without boxes.
    pub hota: Option<HotaScores>,
    /// `2 IDTP / (2 IDTP + IDFP + IDFN)`, 0 to 1; `None` without boxes.
    pub idf1: Option<f64>,
    /// `1 - (FN + FP + IDSW) / truths`, at most 1 and possibly negative; `None` without truths.
    pub mota: Option<f64>,
    /// Mean IoU of matched boxes; `None` without any.
    pub motp: Option<f64>,
    /// True boxes that are not ignored.
    pub truths: usize,
    /// Boxes of tracks, without those removed for lying on ignored objects.
    pub predictions: usize,
    /// Boxes matched frame by frame.
    pub matches: usize,
    /// Matches of an object with another track than its last match.
    pub id_switches: usize,
    /// Boxes of tracks that match nothing.
    pub false_positives: usize,
    /// True boxes that nothing matches.
    pub false_negatives: usize,
    /// Boxes matched under the best fixed pairing of objects and tracks.
    pub id_true_positives: usize,
    /// Boxes of tracks outside of it.
    pub id_false_positives: usize,
    /// True boxes outside of it.
    pub id_false_negatives: usize,
}

/// Scores the tracks of one or more cameras. Identities belong to their sequence: counts are summed
/// over sequences, and the scores are those of the sums.
///
/// A box can match a true one of its class at an IoU of at least 0.5. For CLEAR MOT, each frame's
/// matching has the greatest sum of IoU among those that keep the most pairs of the frame before;
/// a box that matches nothing but lies on an ignored object (IoU of at least 0.5, any class) is
/// removed, for IDF1 and HOTA as well. For IDF1, objects and tracks are paired over the whole sequence.
/// HOTA has thresholds of its own, 0.05 to 0.95.
///
/// # Errors
/// The numbers of frames differ, a number is not finite, or an id occurs twice in a frame.
pub fn evaluate(sequences: &[Sequence]) -> Result<TrackingScores, MetricsError> {
    let mut scores = TrackingScores::default();
    let mut overlap = 0.0;
    let mut hota = HotaSums::default();
    for (index, sequence) in sequences.iter().enumerate() {
        check(index, sequence)?;
        let mut frames = Vec::with_capacity(sequence.truth.len());
        overlap += add_sequence(sequence, &mut scores, &mut frames);
        hota.add(&frames);
    }
    scores.hota = hota.scores();
    let ratio = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
    let TrackingScores {
        id_true_positives: idtp,
        truths,
        predictions,
        matches,
        ..
    } = scores;
    scores.id_false_positives = predictions - idtp;
    scores.id_false_negatives = truths - idtp;
    scores.idf1 = ratio(2.0 * idtp as f64, truths + predictions);
    let errors = scores.false_negatives + scores.false_positives + scores.id_switches;
    scores.mota = ratio(errors as f64, truths).map(|errors| 1.0 - errors);
    scores.motp = ratio(overlap, matches);
    Ok(scores)
}

fn check(sequence: usize, frames: &Sequence) -> Result<(), MetricsError> {
    let Sequence { truth, tracks } = frames;
    if truth.len() != tracks.len() {
        let (results, truth) = (tracks.len(), truth.len());
        return Err(MetricsError::FrameCount {
            sequence,
            results,
            truth,
        });
    }
    for (frame, (truth, tracks)) in truth.iter().zip(tracks).enumerate() {
        let mut ids = BTreeSet::new();
        for (index, object) in truth.objects.iter().enumerate() {
            check_box("truth", (sequence, frame, index), &object.bbox)?;
            if !ids.insert(object.track_id) {
                let (what, id) = ("truth", object.track_id);
                return Err(MetricsError::DuplicateId {
                    what,
                    sequence,
                    frame,
                    id,
                });
            }
        }
        let mut ids = BTreeSet::new();
        for (index, object) in tracks.objects.iter().enumerate() {
            check_box("track", (sequence, frame, index), &object.bbox)?;
            if !ids.insert(object.track_id) {
                let (what, id) = ("track", object.track_id);
                return Err(MetricsError::DuplicateId {
                    what,
                    sequence,
                    frame,
                    id,
                });
            }
        }
    }
    Ok(())
}

/// Adds one sequence's counts, and the overlaps of each frame without removed boxes; returns the sum
/// of IoU of its matches.
fn add_sequence(
    sequence: &Sequence,
    scores: &mut TrackingScores,
    frames: &mut Vec<FrameOverlaps>,
) -> f64 {
    let mut overlap = 0.0;
    // Object to the track that it was last matched with: ever, and in the frame before.
    let mut last = BTreeMap::<u64, u64>::new();
    let mut previous = BTreeMap::<u64, u64>::new();
    // In how many frames an object and a track could be the same.
    let mut together = BTreeMap::<(u64, u64), usize>::new();
    for (truth, tracks) in sequence.truth.iter().zip(&sequence.tracks) {
        let objects: Vec<_> = truth
            .objects
            .iter()
            .filter(|object| !object.ignore)
            .collect();
        let boxes = &tracks.objects;
        let overlaps: Vec<Vec<f64>> = objects
            .iter()
            .map(|object| {
                let iou = |found: &TrackedBox| {
                    if found.class_id == object.class_id {
                        iou_f64(object.bbox, found.bbox)
                    } else {
                        0.0
                    }
                };
                boxes.iter().map(iou).collect()
            })
            .collect();
        let ious: Vec<Vec<f64>> = overlaps
            .iter()
            .map(|row| {
                let reaching = |iou: &f64| if reaches(*iou) { *iou } else { 0.0 };
                row.iter().map(reaching).collect()
            })
            .collect();

        let matches = assign(objects.len(), boxes.len(), |i, j| {
            let iou = ious[i][j];
            if iou == 0.0 {
                return 0;
            }
            // Keeping a pair outweighs any IoU that a frame can have in sum.
            let kept = previous.get(&objects[i].track_id) == Some(&boxes[j].track_id);
            (iou * 1e9).round() as i64 + if kept { 1_000_000_000_000 } else { 0 }
        });

        let mut matched = vec![false; boxes.len()];
        previous.clear();
        for &(i, j) in &matches {
            let (object, track) = (objects[i].track_id, boxes[j].track_id);
            matched[j] = true;
            overlap += ious[i][j];
            if last
                .insert(object, track)
                .is_some_and(|before| before != track)
            {
                scores.id_switches += 1;
            }
            previous.insert(object, track);
        }
        let removed = |j: usize| {
            let on_ignored = |object: &super::TruthObject| {
                object.ignore && reaches(iou_f64(object.bbox, boxes[j].bbox))
            };
            !matched[j] && truth.objects.iter().any(on_ignored)
        };
        let remaining: Vec<usize> = (0..boxes.len()).filter(|&j| !removed(j)).collect();
        for (object, ious) in objects.iter().zip(&ious) {
            for &j in remaining.iter().filter(|&&j| ious[j] > 0.0) {
                *together
                    .entry((object.track_id, boxes[j].track_id))
                    .or_default() += 1;
            }
        }
        frames.push(FrameOverlaps {
            objects: objects.iter().map(|object| object.track_id).collect(),
            tracks: remaining.iter().map(|&j| boxes[j].track_id).collect(),
            ious: overlaps
                .iter()
                .map(|row| remaining.iter().map(|&j| row[j]).collect())
                .collect(),
        });
        scores.truths += objects.len();
        scores.predictions += remaining.len();
        scores.matches += matches.len();
        scores.false_negatives += objects.len() - matches.len();
        scores.false_positives += remaining.len() - matches.len();
    }
    scores.id_true_positives += id_true_positives(&together);
    overlap
}

/// Frames matched under the pairing of objects and tracks that matches the most.
///
/// Leaving a pair out costs its frames once as false negatives and once as false positives, so the
/// least cost of Ristani et al. is the greatest number of matched frames.
fn id_true_positives(together: &BTreeMap<(u64, u64), usize>) -> usize {
    let objects: BTreeSet<u64> = together.keys().map(|&(object, _)| object).collect();
    let tracks: BTreeSet<u64> = together.keys().map(|&(_, track)| track).collect();
    let (objects, tracks) = (Vec::from_iter(objects), Vec::from_iter(tracks));
    let frames = |i: usize, j: usize| together.get(&(objects[i], tracks[j])).copied().unwrap_or(0);
    // Counts of frames are far below 2^63.
    let pairs = assign(objects.len(), tracks.len(), |i, j| frames(i, j) as i64);
    pairs.iter().map(|&(i, j)| frames(i, j)).sum()
}

/// Whether an IoU is at least the threshold, up to rounding.
fn reaches(iou: f64) -> bool {
    iou >= IOU_THRESHOLD - f64::EPSILON
}
