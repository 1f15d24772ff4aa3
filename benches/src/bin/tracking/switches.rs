//! When objects change their id, and whose id they get.

use std::collections::BTreeMap;

use camweave_vision::metrics::FrameTruth;
use camweave_vision::metrics::tracking::TrackedBox;

use crate::gaps::pairs;

/// An object that was without a track for less than this changes its id at once; ...
const AT_ONCE_SECONDS: f64 = 0.25;
/// ... for less than this, after a short loss.
const SHORT_SECONDS: f64 = 1.0;

/// Counts of changed ids, by the time that an object was without a track: at once, short, long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Switches {
    /// The id was not given before: the object's track was split.
    pub split: [usize; 3],
    /// The id was that of another object.
    pub taken: [usize; 3],
    /// The id was the object's own, before another one.
    pub returned: [usize; 3],
}

impl Switches {
    /// Of frames with a capture time, their truth and their tracks.
    pub fn of(frames: &[(f64, &FrameTruth, &[TrackedBox])]) -> Self {
        let mut switches = Self::default();
        let mut last = BTreeMap::<u64, (u64, f64)>::new();
        let mut owners = BTreeMap::<u64, u64>::new();
        for (time, truth, tracks) in frames {
            for (object, id) in pairs(truth, tracks) {
                let owner = owners.insert(id, object);
                let before = last.insert(object, (id, *time));
                let Some((_, since)) = before.filter(|(before, _)| *before != id) else {
                    continue;
                };
                let lost = time - since;
                let when =
                    usize::from(lost >= AT_ONCE_SECONDS) + usize::from(lost >= SHORT_SECONDS);
                let counts = match owner {
                    None => &mut switches.split,
                    Some(owner) if owner == object => &mut switches.returned,
                    Some(_) => &mut switches.taken,
                };
                counts[when] += 1;
            }
        }
        switches
    }

    pub fn sum(self, other: Self) -> Self {
        let sum = |a: [usize; 3], b: [usize; 3]| [0, 1, 2].map(|at| a[at] + b[at]);
        Self {
            split: sum(self.split, other.split),
            taken: sum(self.taken, other.taken),
            returned: sum(self.returned, other.returned),
        }
    }
}
