//! HOTA: higher order tracking accuracy.
//!
//! Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV
//! 2021, as `TrackEval` computes it.

use std::collections::BTreeMap;

use super::assignment::assign;

/// Localisation thresholds 0.05, 0.10 .. 0.95.
const ALPHAS: usize = 19;

/// HOTA and its parts, means over the localisation thresholds 0.05 to 0.95. 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HotaScores {
    /// Geometric mean of detection and association.
    pub hota: f64,
    /// Detection accuracy: matched boxes over matched, missed and false ones.
    pub det_a: f64,
    /// Association accuracy: how much the tracks and the objects of matched boxes have in common.
    pub ass_a: f64,
    /// Mean IoU of matched boxes.
    pub loc_a: f64,
}

/// The objects and the tracks of a frame, and how much each two overlap.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameOverlaps {
    pub objects: Vec<u64>,
    pub tracks: Vec<u64>,
    /// IoU by object and track, zero where they cannot be matched.
    pub ious: Vec<Vec<f64>>,
}

/// Counts over sequences, for each threshold.
#[derive(Debug, Clone, Default)]
pub(super) struct HotaSums {
    matched: [f64; ALPHAS],
    missed: [f64; ALPHAS],
    false_positives: [f64; ALPHAS],
    /// Sums over matched boxes.
    association: [f64; ALPHAS],
    overlap: [f64; ALPHAS],
}

/// Frames of objects, of tracks, and of both together.
#[derive(Default)]
struct Frames {
    objects: BTreeMap<u64, f64>,
    tracks: BTreeMap<u64, f64>,
}

impl Frames {
    fn of(frames: &[FrameOverlaps]) -> Self {
        let mut counts = Self::default();
        for frame in frames {
            for object in &frame.objects {
                *counts.objects.entry(*object).or_default() += 1.0;
            }
            for track in &frame.tracks {
                *counts.tracks.entry(*track).or_default() += 1.0;
            }
        }
        counts
    }

    /// What an object and a track have in common, over what either has.
    fn jaccard(&self, (object, track): (u64, u64), common: f64) -> f64 {
        let frames = |of: &BTreeMap<u64, f64>, id| of.get(&id).copied().unwrap_or(0.0);
        let all = frames(&self.objects, object) + frames(&self.tracks, track) - common;
        common / all.max(1.0)
    }
}

impl HotaSums {
    /// Adds a sequence. Identities are those of the sequence.
    pub(super) fn add(&mut self, frames: &[FrameOverlaps]) {
        let counts = Frames::of(frames);
        let alignment = alignment(frames, &counts);
        let mut together: [BTreeMap<(u64, u64), f64>; ALPHAS] = Default::default();
        for frame in frames {
            // The alignment is the same at all thresholds, and so is the matching.
            let pairs = assign(frame.objects.len(), frame.tracks.len(), |i, j| {
                let iou = frame.ious[i][j];
                let of_ids = alignment.get(&(frame.objects[i], frame.tracks[j]));
                // As fine as a sum over all pairs of a frame allows.
                (iou * of_ids.copied().unwrap_or(0.0) * 1e12).round() as i64
            });
            for (threshold, together) in together.iter_mut().enumerate() {
                let alpha = 0.05 + threshold as f64 * 0.05 - f64::EPSILON;
                let mut matched = 0.0;
                for &(i, j) in pairs.iter().filter(|&&(i, j)| frame.ious[i][j] >= alpha) {
                    matched += 1.0;
                    self.overlap[threshold] += frame.ious[i][j];
                    let ids = (frame.objects[i], frame.tracks[j]);
                    *together.entry(ids).or_default() += 1.0;
                }
                self.matched[threshold] += matched;
                self.missed[threshold] += frame.objects.len() as f64 - matched;
                self.false_positives[threshold] += frame.tracks.len() as f64 - matched;
            }
        }
        for (sum, together) in self.association.iter_mut().zip(&together) {
            for (ids, matched) in together {
                *sum += matched * counts.jaccard(*ids, *matched);
            }
        }
    }

    /// The scores of all sequences; `None` without any box.
    pub(super) fn scores(&self) -> Option<HotaScores> {
        if self.matched[0] + self.missed[0] + self.false_positives[0] == 0.0 {
            return None;
        }
        let mean = |of: &dyn Fn(usize) -> f64| (0..ALPHAS).map(of).sum::<f64>() / ALPHAS as f64;
        let det_a = |threshold: usize| {
            let matched = self.matched[threshold];
            let all = matched + self.missed[threshold] + self.false_positives[threshold];
            matched / all.max(1.0)
        };
        let per_match = |sums: &[f64; ALPHAS], threshold: usize| {
            sums[threshold] / self.matched[threshold].max(1.0)
        };
        let ass_a = |threshold| per_match(&self.association, threshold);
        Some(HotaScores {
            hota: mean(&|threshold| (det_a(threshold) * ass_a(threshold)).sqrt()),
            det_a: mean(&det_a),
            ass_a: mean(&ass_a),
            // Where nothing is matched, no place is wrong.
            loc_a: mean(&|threshold| {
                if self.matched[threshold] == 0.0 {
                    1.0
                } else {
                    per_match(&self.overlap, threshold)
                }
            }),
        })
    }
}

/// How well an object and a track fit each other over the sequence: the share of a frame's overlap
/// that the two have, summed, over the frames that either is in.
fn alignment(frames: &[FrameOverlaps], counts: &Frames) -> BTreeMap<(u64, u64), f64> {
    let mut common = BTreeMap::<(u64, u64), f64>::new();
    for frame in frames {
        let of_objects: Vec<f64> = frame.ious.iter().map(|row| row.iter().sum()).collect();
        let of_track = |j: usize| frame.ious.iter().map(|row| row[j]).sum::<f64>();
        let of_tracks: Vec<f64> = (0..frame.tracks.len()).map(of_track).collect();
        for (i, row) in frame.ious.iter().enumerate() {
            for (j, iou) in row.iter().enumerate().filter(|(_, iou)| **iou > 0.0) {
                let all = of_objects[i] + of_tracks[j] - iou;
                if all > f64::EPSILON {
                    let ids = (frame.objects[i], frame.tracks[j]);
                    *common.entry(ids).or_default() += iou / all;
                }
            }
        }
    }
    for (ids, sum) in &mut common {
        *sum = counts.jaccard(*ids, *sum);
    }
    common
}
