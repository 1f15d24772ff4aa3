//! Trackers of the `trackforge` crate, which take one frame after another and know no time.

use std::collections::BTreeMap;

use camweave_vision::Detection;
use trackforge::trackers::byte_track::{ByteTrack, ByteTrackParams};
use trackforge::trackers::common::CommonParams;
use trackforge::trackers::ocsort::{OcSort, OcSortParams};
use trackforge::trackers::sort::{Sort, SortParams};
use trackforge::traits::Detection as FrameBox;

use crate::follow::{Follow, FollowConfig, is_sound};

/// Classes of one camera that are followed; each has a tracker of its own.
const MAX_CLASSES: usize = 1024;
/// Track numbers of one class are below this.
const NUMBERS_PER_CLASS: u64 = 1 << 40;
/// Added to the numbers of trackers that were made a second time.
const SECOND_NUMBERS: u64 = 1 << 63;
/// Intervals from which the step is learned.
const INTERVALS_TO_LEARN: usize = 16;
/// A step that is wrong by more than this factor is corrected.
const WRONG_STEP: f64 = 1.5;
/// The step until a second frame has come.
const FIRST_STEP_SECONDS: f64 = 0.1;
/// Shorter intervals are no step: they are between frames of one time.
const LEAST_STEP_SECONDS: f64 = 0.008;
/// Frames that are missing and made up for at most, in one go.
const MOST_SKIPPED: usize = 512;

/// A tracker that takes one frame after another.
pub(crate) trait FrameTracker: Send {
    /// Whether it makes use of boxes below `high_score`.
    const TAKES_WEAK: bool;

    /// A tracker that keeps a track without a box for `max_age` frames.
    fn new(config: &FollowConfig, max_age: usize) -> Self;

    /// Takes the boxes of a frame; the index of a box and the number of its track, for each that has one.
    fn frame(&mut self, boxes: Vec<FrameBox>) -> Vec<(usize, u64)>;
}

fn common(max_age: usize) -> CommonParams {
    CommonParams {
        max_age,
        min_hits: 1,
    }
}

macro_rules! frame {
    () => {
        fn frame(&mut self, boxes: Vec<FrameBox>) -> Vec<(usize, u64)> {
            let tracks = self.update(boxes).into_iter();
            tracks
                .filter_map(|track| Some((track.det_ind?, track.track_id)))
                .collect()
        }
    };
}

impl FrameTracker for ByteTrack {
    const TAKES_WEAK: bool = true;

    fn new(config: &FollowConfig, max_age: usize) -> Self {
        Self::from_params(ByteTrackParams {
            common: common(max_age),
            track_thresh: config.high_score,
            // The crate counts in distances, 1 - IoU.
            match_thresh: 1.0 - config.min_iou,
            det_thresh: config.new_track_score,
            second_match_thresh: 1.0 - config.min_iou_low,
        })
    }

    frame!();
}

impl FrameTracker for OcSort {
    const TAKES_WEAK: bool = false;

    fn new(config: &FollowConfig, max_age: usize) -> Self {
        Self::from_params(OcSortParams {
            common: common(max_age),
            iou_threshold: config.min_iou,
            ..OcSortParams::default()
        })
    }

    frame!();
}

impl FrameTracker for Sort {
    const TAKES_WEAK: bool = false;

    fn new(config: &FollowConfig, max_age: usize) -> Self {
        Self::from_params(SortParams {
            common: common(max_age),
            iou_threshold: config.min_iou,
        })
    }

    frame!();
}

/// A tracker of frames for each class, which keeps identities apart where objects of different
/// classes pass each other.
///
/// The time between the first two frames is taken for the step of such a tracker, and corrected
/// once, by the median of the first intervals, if it was wrong. Where more time has passed, the
/// tracker is given a frame without boxes for each step that is missing.
pub(crate) struct ByFrame<T> {
    config: FollowConfig,
    classes: BTreeMap<u32, T>,
    step_seconds: f64,
    intervals: Vec<f64>,
    /// The first frame's boxes, until the second has come.
    first: Vec<Detection>,
    is_second: bool,
}

impl<T: FrameTracker> ByFrame<T> {
    /// A tracker that has seen nothing.
    pub fn new(config: FollowConfig) -> Self {
        Self {
            config,
            classes: BTreeMap::new(),
            step_seconds: FIRST_STEP_SECONDS,
            intervals: Vec::new(),
            first: Vec::new(),
            is_second: false,
        }
    }

    fn max_age(&self) -> usize {
        (f64::from(self.config.memory_seconds) / self.step_seconds).round() as usize
    }

    fn learn(&mut self, elapsed_seconds: f64) {
        if self.intervals.len() == INTERVALS_TO_LEARN || elapsed_seconds < LEAST_STEP_SECONDS {
            return;
        }
        self.intervals.push(elapsed_seconds);
        if self.intervals.len() == 1 {
            self.step_seconds = elapsed_seconds;
            self.classes.clear();
            let first = std::mem::take(&mut self.first);
            self.frame(&first);
        } else if self.intervals.len() == INTERVALS_TO_LEARN {
            let mut sorted = self.intervals.clone();
            sorted.sort_by(f64::total_cmp);
            let median = sorted[INTERVALS_TO_LEARN / 2];
            let ratio = median / self.step_seconds;
            if !(1.0 / WRONG_STEP..=WRONG_STEP).contains(&ratio) {
                self.step_seconds = median;
                self.classes.clear();
                self.is_second = true;
            }
        }
    }

    /// Steps for which no frame came. Beyond the age limit nothing is left to be predicted.
    fn skip(&mut self, elapsed_seconds: f64) {
        let steps = (elapsed_seconds / self.step_seconds).round().max(1.0) as usize;
        for _ in 0..(steps - 1).min(self.max_age() + 1).min(MOST_SKIPPED) {
            for tracker in self.classes.values_mut() {
                tracker.frame(Vec::new());
            }
        }
    }

    fn frame(&mut self, boxes: &[Detection]) -> Vec<Option<u64>> {
        let max_age = self.max_age();
        let is_used = |item: &Detection| {
            is_sound(item) && (T::TAKES_WEAK || item.score >= self.config.high_score)
        };
        for item in boxes.iter().filter(|item| is_used(item)) {
            if self.classes.len() >= MAX_CLASSES && !self.classes.contains_key(&item.class_id) {
                continue; // follows nothing
            }
            self.classes
                .entry(item.class_id)
                .or_insert_with(|| T::new(&self.config, max_age));
        }
        let base = if self.is_second { SECOND_NUMBERS } else { 0 };
        let mut numbers = vec![None; boxes.len()];
        // A class that is not in the frame gets an empty one: its tracks age.
        for (class_id, tracker) in &mut self.classes {
            let (indices, boxes): (Vec<usize>, Vec<FrameBox>) = boxes
                .iter()
                .enumerate()
                .filter(|(_, item)| item.class_id == *class_id && is_used(item))
                .map(|(index, item)| {
                    let [x1, y1, x2, y2] = item.bbox;
                    let tlwh = [x1, y1, x2 - x1, y2 - y1];
                    (index, (tlwh, item.score, i64::from(item.class_id)))
                })
                .unzip();
            for (found, track) in tracker.frame(boxes) {
                if let Some(index) = indices.get(found) {
                    let number = base + u64::from(*class_id) * NUMBERS_PER_CLASS + track;
                    numbers[*index] = Some(number);
                }
            }
        }
        numbers
    }
}

impl<T: FrameTracker> Follow for ByFrame<T> {
    fn update(&mut self, elapsed_seconds: f64, boxes: &[Detection]) -> Vec<Option<u64>> {
        self.learn(elapsed_seconds);
        self.skip(elapsed_seconds);
        if self.intervals.is_empty() {
            self.first = boxes.to_vec();
        }
        self.frame(boxes)
    }

    fn memory_seconds(&self) -> f64 {
        // An age in frames is exceeded before it ends a track.
        f64::from(self.config.memory_seconds) + 2.0 * self.step_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives each frame's first box the number of frames so far as the number of its track.
    struct Counting(u64);

    impl FrameTracker for Counting {
        const TAKES_WEAK: bool = true;

        fn new(_: &FollowConfig, _: usize) -> Self {
            Self(0)
        }

        fn frame(&mut self, boxes: Vec<FrameBox>) -> Vec<(usize, u64)> {
            self.0 += 1;
            (0..boxes.len()).map(|index| (index, self.0)).collect()
        }
    }

    /// After a gap the tracker is given the frames that are missing, but not without a limit: a day is no
    /// million of them.
    #[test]
    fn missing_frames_are_made_up_for_up_to_a_limit() {
        let config = FollowConfig {
            high_score: 0.5,
            new_track_score: 0.5,
            min_iou: 0.3,
            min_iou_low: 0.5,
            memory_seconds: 60.0,
            max_boxes: 100,
        };
        let boxes = [Detection {
            bbox: [0.0, 0.0, 10.0, 10.0],
            score: 0.9,
            class_id: 0,
        }];
        const STEP: f64 = 0.01;
        let mut tracker = ByFrame::<Counting>::new(config);
        let mut frames = |elapsed_seconds: f64| {
            let numbers = tracker.update(elapsed_seconds, &boxes);
            numbers[0].expect("each box has a track")
        };
        frames(0.0);
        let before = (0..20).map(|_| frames(STEP)).last().expect("some");
        assert_eq!(frames(STEP), before + 1);
        assert_eq!(frames(5.0 * STEP), before + 1 + 5);
        let most = MOST_SKIPPED as u64;
        assert_eq!(frames(86_400.0), before + 1 + 5 + most + 1);
    }
}
