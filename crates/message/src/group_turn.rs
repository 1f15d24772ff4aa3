use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::Duration;

/// From one group's part of a range to the next's: the golden ratio's, which spreads any number of
/// them evenly.
const NEXT_PART: f64 = 0.618_033_988_749_894_9;

/// Where in a range of waits a camera's group of pictures is dropped. Each group has another part of
/// it, so that cameras that fall behind together drop one after the other, as many as there are too
/// many, and not all at once.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GroupTurn {
    part: Option<f64>,
}

impl GroupTurn {
    /// A group of the camera begins.
    pub fn next(&mut self, camera: &str) {
        let part = self.part.unwrap_or_else(|| first_part(camera));
        self.part = Some((part + NEXT_PART).fract());
    }

    /// The group's part, 0 to 1; `None` before the first.
    #[must_use]
    pub fn part(self) -> Option<f64> {
        self.part
    }

    /// The group's part of a range, its end before the first group.
    #[must_use]
    pub fn within(self, range: &Range<Duration>) -> Duration {
        range.start + (range.end - range.start).mul_f64(self.part.unwrap_or(1.0))
    }
}

/// Another for each camera, so that those that begin together do not drop together.
fn first_part(camera: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    camera.hash(&mut hasher);
    f64::from(hasher.finish() as u32) / f64::from(u32::MAX)
}
