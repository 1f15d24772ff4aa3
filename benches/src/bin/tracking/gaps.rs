//! Gaps, and which ids objects have before and after them.

use std::collections::BTreeMap;

use camweave_vision::metrics::FrameTruth;
use camweave_vision::metrics::tracking::TrackedBox;

/// Lengths of gaps, in seconds, in the order in which they come.
const LENGTHS: [f64; 6] = [1.0, 3.0, 0.5, 2.0, 1.5, 2.5];
/// Seconds between the gaps.
const BETWEEN: f64 = 5.0;
/// An object's id is looked for in so many seconds before and after a gap.
const LOOKED_AT: f64 = 1.0;

/// A time without frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    pub from: f64,
    pub to: f64,
}

/// The gaps of a clip that is so long. Each begins with another length.
pub fn gaps(seed: u64, seconds: f64) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut from = BETWEEN;
    let first = seed as usize;
    for length in LENGTHS.iter().cycle().skip(first % LENGTHS.len()) {
        let to = from + length;
        if to + LOOKED_AT > seconds {
            break;
        }
        gaps.push(Gap { from, to });
        from = to + BETWEEN;
    }
    gaps
}

/// What became of identities over gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Objects that had a track on both sides.
    pub both: usize,
    /// Of these, those with the same id.
    pub kept: usize,
    /// Objects after a gap, also new ones, with the id that another object had before.
    pub stolen: usize,
}

impl Kept {
    /// Adds one gap. Frames are those with a capture time, their truth and their tracks.
    pub fn add(&mut self, gap: Gap, frames: &[(f64, &FrameTruth, &[TrackedBox])]) {
        let mut ids = BTreeMap::new();
        let mut owners = BTreeMap::new();
        let before = frames
            .iter()
            .filter(|(time, ..)| *time < gap.from && *time >= gap.from - LOOKED_AT);
        for (_, truth, tracks) in before {
            for (object, id) in pairs(truth, tracks) {
                ids.insert(object, id);
                owners.insert(id, object);
            }
        }
        let mut after = BTreeMap::new();
        let then = frames
            .iter()
            .filter(|(time, ..)| *time >= gap.to && *time < gap.to + LOOKED_AT);
        for (_, truth, tracks) in then {
            for (object, id) in pairs(truth, tracks) {
                after.entry(object).or_insert(id);
            }
        }
        for (object, id) in after {
            let had = ids.get(&object);
            self.both += usize::from(had.is_some());
            self.kept += usize::from(had == Some(&id));
            let owner = owners.get(&id);
            self.stolen += usize::from(owner.is_some_and(|owner| *owner != object));
        }
    }

    pub fn sum(self, other: Self) -> Self {
        Self {
            both: self.both + other.both,
            kept: self.kept + other.kept,
            stolen: self.stolen + other.stolen,
        }
    }
}

/// Objects and the ids of the tracks on them: the best overlaps first, from an IoU of 0.5 on.
pub fn pairs(truth: &FrameTruth, tracks: &[TrackedBox]) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    for object in truth.objects.iter().filter(|object| !object.ignore) {
        for track in tracks {
            let overlap = camweave_vision::iou(
                object.bbox.map(|edge| edge as f32),
                track.bbox.map(|edge| edge as f32),
            );
            if overlap >= 0.5 {
                all.push((overlap, object.track_id, track.track_id));
            }
        }
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pairs: Vec<(u64, u64)> = Vec::new();
    for (_, object, id) in all {
        if !pairs.iter().any(|pair| pair.0 == object || pair.1 == id) {
            pairs.push((object, id));
        }
    }
    pairs
}
