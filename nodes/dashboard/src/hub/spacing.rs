//! How far apart a camera's detections are where only some frames are detected on (`detect_fps`).

use std::collections::VecDeque;

/// So many distances count: more than those of a grid repeat after.
const RECENT: usize = 32;
/// Before so many are known, any frame may have detections.
const ENOUGH: usize = 4;
/// Timestamps of cameras jitter by a few milliseconds. The decoder takes a frame that is so much
/// before its time.
const MAX_SLACK_NANOS: i64 = 10_000_000;

/// Presentation times of one session's detections.
///
/// The decoder chooses frames along a grid of times: of 12 frames/s and `detect_fps: 5`, now the
/// second and now the third. The least distance that there was is the one that a frame can have.
#[derive(Debug, Default)]
pub(crate) struct Spacing {
    last: Option<i64>,
    recent: VecDeque<i64>,
}

impl Spacing {
    /// Notes that there are detections of the frame of this time.
    pub fn note(&mut self, pts_nanos: i64) {
        match self.last {
            Some(last) if pts_nanos > last => {
                if self.recent.len() == RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(pts_nanos.saturating_sub(last));
            }
            // Detections that came late tell nothing of distances.
            Some(_) => return,
            None => {}
        }
        self.last = Some(pts_nanos);
    }

    /// The latest presentation time of which there are detections.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Whether this frame is so soon after one with detections that it was not chosen.
    pub fn is_too_soon(&self, pts_nanos: i64) -> bool {
        let (Some(last), Some(least)) = (self.last, self.recent.iter().min()) else {
            return false;
        };
        let slack = (least / 10).min(MAX_SLACK_NANOS);
        self.recent.len() >= ENOUGH
            && pts_nanos > last
            && pts_nanos.saturating_sub(last) < least - slack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = i64>) -> Spacing {
        let mut spacing = Spacing::default();
        times
            .into_iter()
            .for_each(|time| spacing.note(time * 1_000_000));
        spacing
    }

    fn too_soon(spacing: &Spacing, times: &[i64]) -> Vec<i64> {
        let soon = |time: &&i64| spacing.is_too_soon(**time * 1_000_000);
        times.iter().filter(soon).copied().collect()
    }

    #[test]
    fn frames_between_those_of_a_grid_are_not_chosen() {
        let spacing = of((0..6).map(|n| n * 500));
        let later = [2500, 2600, 2900, 2989, 2990, 3000, 3100];
        assert_eq!(too_soon(&spacing, &later), [2600, 2900, 2989]);
    }

    #[test]
    fn the_shorter_of_two_alternating_distances_counts() {
        // 12 frames/s, of which 5 are chosen.
        let spacing = of([0, 250, 417, 667, 833, 1083]);
        assert_eq!(too_soon(&spacing, &[1167, 1250, 1333]), [1167]);
    }

    #[test]
    fn a_lost_frame_changes_nothing() {
        let spacing = of([0, 500, 1000, 2000, 2500, 3000]);
        assert_eq!(too_soon(&spacing, &[3100, 3500]), [3100]);
    }

    #[test]
    fn little_is_known_at_first_and_of_frames_that_are_late() {
        assert_eq!(too_soon(&of([0, 500, 1000, 1500]), &[1600]), [0_i64; 0]);
        let mut spacing = of((0..6).map(|n| n * 500));
        spacing.note(2_400_000_000);
        assert_eq!(spacing.last(), Some(2_500_000_000));
        assert_eq!(too_soon(&spacing, &[2600]), [2600]);
    }
}
