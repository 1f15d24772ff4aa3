//! Non-maximum suppression.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::head::Candidate;
use crate::iou::iou;

/// A setting outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} is {value}: expected {expected}")]
pub struct NmsConfigError {
    /// The setting's name.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The range it must be in.
    pub expected: &'static str,
}

/// Thresholds and limits of detection, with the defaults of Ultralytics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NmsConfig {
    /// Scores must be strictly above this; 0 to 1.
    pub confidence: f32,
    /// A box is suppressed if its IoU with a better one of its class is strictly above this; 0 to 1.
    pub iou: f32,
    /// Candidates, best first, that take part; 1 to 30,000.
    pub max_candidates: usize,
    /// Detections kept; 1 to 30,000.
    pub max_detections: usize,
}

impl Default for NmsConfig {
    fn default() -> Self {
        Self {
            confidence: 0.25,
            iou: 0.45,
            max_candidates: 30_000,
            max_detections: 300,
        }
    }
}

impl NmsConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is outside its range.
    pub fn validate(&self) -> Result<(), NmsConfigError> {
        for (key, value) in [("confidence", self.confidence), ("iou", self.iou)] {
            if !(0.0..=1.0).contains(&value) {
                let (value, expected) = (value.to_string(), "a number of 0 to 1");
                return Err(NmsConfigError {
                    key,
                    value,
                    expected,
                });
            }
        }
        for (key, value) in [
            ("max_candidates", self.max_candidates),
            ("max_detections", self.max_detections),
        ] {
            if !(1..=30_000).contains(&value) {
                let (value, expected) = (value.to_string(), "a number of 1 to 30000");
                return Err(NmsConfigError {
                    key,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// Best score first; of equal scores the lower anchor, then the lower class. Total, as scores are
/// not NaN.
pub(crate) fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then(a.anchor.cmp(&b.anchor))
        .then(a.class_id.cmp(&b.class_id))
}

/// Suppresses, in place: what remains is in the order of score, best first, ties by lower anchor.
///
/// The best `max_candidates` take part. Each is kept unless its IoU with one kept before it, of
/// its class, is strictly above the threshold; at most `max_detections` are.
///
/// This is Ultralytics' `non_max_suppression` over its best class, except that classes are kept
/// apart by comparing them, where Ultralytics moves boxes by `class * 7680` and so rounds their
/// edges to 1/16 pixel at class 70 and mixes classes whose boxes exceed 7,680 pixels.
///
/// Time: sorting, and at most `max_candidates * max_detections` comparisons.
pub fn suppress(candidates: &mut Vec<Candidate>, config: &NmsConfig) {
    if candidates.len() > config.max_candidates {
        if config.max_candidates > 0 {
            candidates.select_nth_unstable_by(config.max_candidates - 1, best_first);
        }
        candidates.truncate(config.max_candidates);
    }
    candidates.sort_unstable_by(best_first);
    let mut kept = 0;
    for index in 0..candidates.len() {
        if kept >= config.max_detections {
            break;
        }
        let candidate = candidates[index];
        let suppressed = candidates[..kept].iter().any(|better| {
            better.class_id == candidate.class_id && iou(better.bbox, candidate.bbox) > config.iou
        });
        if !suppressed {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}
