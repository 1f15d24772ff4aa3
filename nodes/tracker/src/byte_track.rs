use camweave_message::DetectedBox;
use trackforge::trackers::byte_track::{ByteTrack, ByteTrackParams};
use trackforge::trackers::common::CommonParams;

use crate::{Tracker, TrackerConfig};

/// ByteTrack, by the `trackforge` crate. Association ignores classes, as in the
/// paper: an object whose class flickers keeps its identity.
pub struct ByteTracker(ByteTrack);

impl ByteTracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new(config: &TrackerConfig) -> Self {
        Self(ByteTrack::from_params(ByteTrackParams {
            common: CommonParams {
                max_age: config.track_buffer,
                min_hits: 1,
            },
            track_thresh: config.high_score,
            // The crate counts in distances, 1 - IoU.
            match_thresh: 1.0 - config.min_iou,
            det_thresh: config.new_track_score,
            second_match_thresh: 1.0 - config.min_iou_low,
        }))
    }
}

impl Tracker for ByteTracker {
    fn update(&mut self, boxes: &[DetectedBox]) -> Vec<Option<u64>> {
        // A box that is no box would poison the filter's state for good.
        let (indices, detections): (Vec<usize>, Vec<_>) = boxes
            .iter()
            .enumerate()
            .filter(|(_, item)| is_sound(item))
            .map(|(index, item)| {
                let [x1, y1, x2, y2] = item.bbox;
                (
                    index,
                    (
                        [x1, y1, x2 - x1, y2 - y1],
                        item.score,
                        i64::from(item.class_id),
                    ),
                )
            })
            .unzip();
        let mut ids = vec![None; boxes.len()];
        for track in self.0.update(detections) {
            if let Some(index) = track.det_ind.and_then(|found| indices.get(found)) {
                ids[*index] = Some(track.track_id);
            }
        }
        ids
    }
}

fn is_sound(item: &DetectedBox) -> bool {
    let [x1, y1, x2, y2] = item.bbox;
    item.score.is_finite()
        && [x1, y1, x2, y2].iter().all(|edge| edge.is_finite())
        && x2 > x1
        && y2 > y1
}
