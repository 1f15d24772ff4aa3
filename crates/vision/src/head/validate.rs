//! What a format must be beyond what its types say.

use super::boxes::cells;
use super::{Activation, BoxCoding, BoxSpace, HeadError, HeadFormat, Order, Scores, Task};

/// Keypoints of a place: messages carry no more.
const MAX_KEYPOINTS: u32 = 2730;
/// Pixels of a network's input that masks are made for: each box may need a byte for each.
const MAX_MASK_PIXELS: u32 = 1 << 24;

/// Candidates of a frame of [`HeadFormat::multi_label`] at most, so that memory for them is bounded.
pub const MAX_MULTI_LABEL: usize = 1 << 22;

impl HeadFormat {
    /// Checks what the types leave open. A number of values may still be larger than any memory.
    ///
    /// # Errors
    /// The format contradicts itself, or describes nothing.
    pub fn validate(&self) -> Result<(), HeadError> {
        let is_apart = matches!(self.order, Order::Parts | Order::PartsByClass);
        let is_one_score = !matches!(self.scores, Scores::PerClass { .. });
        let rules = [
            (self.anchors == 0, "at least one place"),
            (self.classes() == Some(0), "at least one class"),
            (
                is_apart && self.extra > 0,
                "no extra values where boxes and scores are apart",
            ),
            (
                is_apart && matches!(self.scores, Scores::Objectness { .. }),
                "no objectness where boxes and scores are apart",
            ),
            (
                self.order == Order::PartsByClass && is_one_score,
                "scores per class where they are in the order of classes",
            ),
            (
                self.activation == Activation::Softmax && is_one_score,
                "scores per class where a softmax is taken",
            ),
            (
                self.boxes == BoxCoding::Grid && self.space == BoxSpace::Normalised,
                "pixels where boxes lie on a grid",
            ),
            (
                !self.task.is_detect() && self.space == BoxSpace::Normalised,
                "pixels where there is more than boxes",
            ),
            self.task_rule(),
            (
                self.multi_label && self.scores == Scores::Labelled,
                "one label where each place has one class",
            ),
            (
                self.multi_label && self.most_candidates() > MAX_MULTI_LABEL,
                "at most 2^22 pairs of a place and a class where places have several labels",
            ),
        ];
        match rules.into_iter().find(|(is_broken, _)| *is_broken) {
            None => Ok(()),
            Some((_, expected)) => Err(HeadError::Format {
                format: Box::new(*self),
                expected: expected.to_owned(),
            }),
        }
    }

    /// Whether the extra values are not what the task needs, and what those are.
    fn task_rule(&self) -> (bool, &'static str) {
        match self.task {
            Task::Detect => (false, ""),
            Task::Segment { height, width } => (
                self.extra == 0 || height == 0 || width == 0,
                "a coefficient for each prototype, which has pixels",
            ),
            Task::Pose { values } => (
                !(2..=3).contains(&values)
                    || !self.extra.is_multiple_of(values)
                    || !(1..=MAX_KEYPOINTS).contains(&(self.extra / values)),
                "two or three extra values for each of 1 to 2730 keypoints",
            ),
            Task::Obb => (
                self.extra != 1 || self.boxes != BoxCoding::Centre,
                "centre boxes and one extra value where boxes are oriented",
            ),
        }
    }

    /// As [`Self::validate`], for a network whose input has this width and height in pixels.
    ///
    /// # Errors
    /// As there, and if a grid does not have as many cells as there are places.
    pub fn validate_for(&self, size: (u32, u32)) -> Result<(), HeadError> {
        self.validate()?;
        let cells = cells(size);
        if self.boxes == BoxCoding::Grid && cells != u64::from(self.anchors) {
            let (width, height) = size;
            return Err(HeadError::Format {
                format: Box::new(*self),
                expected: format!(
                    "a place for each of the {cells} cells of {width}x{height} pixels"
                ),
            });
        }
        if let Task::Segment { height, width } = self.task
            && !(width <= size.0
                && height <= size.1
                && size.0.saturating_mul(size.1) <= MAX_MASK_PIXELS)
        {
            return Err(HeadError::Format {
                format: Box::new(*self),
                expected: format!(
                    "prototypes no larger than the input of {}x{}, and that of at most {MAX_MASK_PIXELS} pixels",
                    size.0, size.1
                ),
            });
        }
        Ok(())
    }
}
