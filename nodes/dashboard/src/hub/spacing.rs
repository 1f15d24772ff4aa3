//! How far apart a camera's detections are where only some frames are detected on (`detect_fps`).

/// Before so many distances are known, any frame may have detections.
const ENOUGH: usize = 4;
/// Timestamps of cameras jitter by a few milliseconds. The decoder takes a frame that is so much
/// before its time.
const MAX_SLACK_NANOS: i64 = 10_000_000;

/// Presentation times of one session's detections.
///
/// The decoder chooses frames along a grid of times: of 12 frames/s and `detect_fps: 5`, now the
/// second and now the third. The least distance that there was is the one that a frame can have. It
/// is never forgotten: of 29.97 frames/s and `detect_fps: 5`, one in 167 distances is shorter than
/// the others.
#[derive(Debug, Default)]
pub(crate) struct Spacing {
    last: Option<i64>,
    /// The first frame of the present selection: distances between those before it were others.
    first: u64,
    /// The latest presentation time of the present selection.
    counted: Option<i64>,
    least: Option<i64>,
    distances: usize,
}

impl Spacing {
    /// From this frame on others are chosen.
    pub fn select_again(&mut self, sequence: u64) {
        *self = Self {
            last: self.last,
            first: sequence,
            ..Self::default()
        };
    }

    /// Notes that there are detections of this frame.
    pub fn note(&mut self, sequence: u64, pts_nanos: i64) {
        // Detections that came late tell nothing of distances.
        if self.last.is_some_and(|last| pts_nanos <= last) {
            return;
        }
        self.last = Some(pts_nanos);
        if sequence < self.first {
            return;
        }
        if let Some(before) = self.counted.replace(pts_nanos) {
            let distance = pts_nanos.saturating_sub(before);
            self.least = Some(self.least.map_or(distance, |least| least.min(distance)));
            self.distances = self.distances.saturating_add(1);
        }
    }

    /// The latest presentation time of which there are detections.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Whether this frame is so soon after one with detections that it was not chosen.
    pub fn is_too_soon(&self, pts_nanos: i64) -> bool {
        let (Some(last), Some(least)) = (self.counted, self.least) else {
            return false;
        };
        let slack = (least / 10).min(MAX_SLACK_NANOS);
        self.distances >= ENOUGH
            && pts_nanos > last
            && pts_nanos.saturating_sub(last) < least - slack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = i64>) -> Spacing {
        let mut spacing = Spacing::default();
        for (sequence, time) in (0..).zip(times) {
            spacing.note(sequence, time * 1_000_000);
        }
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
        spacing.note(9, 2_400_000_000);
        assert_eq!(spacing.last(), Some(2_500_000_000));
        assert_eq!(too_soon(&spacing, &[2600]), [2600]);
    }

    /// Presentation times of a camera's frames, in nanoseconds, and whether the decoder chooses them
    /// at five a second: the first from each time of a grid on, with its slack.
    fn chosen(frames_per_second: f64, frames: u64) -> impl Iterator<Item = (u64, i64, bool)> {
        let mut due = 0;
        (0..frames).map(move |sequence| {
            let pts = (sequence as f64 * 1e9 / frames_per_second).round() as i64;
            let is_chosen = pts >= due - MAX_SLACK_NANOS;
            due += if is_chosen { 200_000_000 } else { 0 };
            (sequence, pts, is_chosen)
        })
    }

    #[test]
    fn a_rare_shorter_distance_is_kept_in_mind() {
        for frames_per_second in [29.97, 24.9] {
            let mut spacing = Spacing::default();
            let (mut late, mut waiting, mut all) = (0, 0, 0);
            for (sequence, pts, is_chosen) in chosen(frames_per_second, 20_000) {
                let is_too_soon = spacing.is_too_soon(pts);
                late += usize::from(is_chosen && is_too_soon);
                if !is_chosen {
                    all += 1;
                    waiting += usize::from(!is_too_soon);
                }
                if is_chosen {
                    spacing.note(sequence, pts);
                }
            }
            assert!(late <= 1, "{late} at {frames_per_second}: the first alone");
            assert!(
                waiting < all / 3,
                "{waiting} of {all} at {frames_per_second}"
            );
        }
    }

    #[test]
    fn another_selection_has_distances_of_its_own() {
        let mut spacing = of((0..6).map(|n| n * 200));
        spacing.select_again(10);
        // Of frames that were chosen before.
        spacing.note(8, 1_200_000_000);
        assert_eq!(spacing.last(), Some(1_200_000_000));
        for n in 0..5 {
            assert_eq!(too_soon(&spacing, &[1210 + 1000 * n as i64]), [0_i64; 0]);
            spacing.note(10 + 5 * n, 1_300_000_000 + 1_000_000_000 * n as i64);
        }
        assert_eq!(too_soon(&spacing, &[5500, 6300]), [5500]);
    }
}
