//! What each kind of tracker does.

use camweave_vision::Detection;

/// Follows the objects of one camera.
pub trait Follow: Send {
    /// Takes the boxes of the camera's next frame, in source-image pixels, captured
    /// `elapsed_seconds` after the one before (0 for the first). Gives each box its track, or none
    /// if it has no track, or none yet.
    fn update(&mut self, elapsed_seconds: f64, boxes: &[Detection]) -> Vec<Option<Followed>>;

    /// Seconds for which a track without a box can be continued, at most: a number that was not
    /// given for so long is not given again.
    fn memory_seconds(&self) -> f64;
}

/// The track of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Its number, which no other track of this tracker has had.
    pub number: u64,
    /// Its class, which may be another than that of the box.
    pub class_id: u32,
}

/// How objects are followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FollowConfig {
    /// Boxes from this score on are matched first.
    pub high_score: f32,
    /// Boxes from this score on begin a track.
    pub new_track_score: f32,
    /// Least IoU of a box and the track that it continues; the default tracker's is buffered.
    pub min_iou: f32,
    /// Least IoU of a box below `high_score` and the track that it continues.
    pub min_iou_low: f32,
    /// A track without a box is kept for so many seconds.
    pub memory_seconds: f32,
    /// So many boxes of a frame are followed, those of the highest score.
    pub max_boxes: usize,
}

/// Whether a box can be tracked: one that is not finite, or has no area, would spoil the state of its track.
pub(crate) fn is_sound(item: &Detection) -> bool {
    let [x1, y1, x2, y2] = item.bbox;
    item.score.is_finite()
        && [x1, y1, x2, y2].iter().all(|edge| edge.is_finite())
        && x2 > x1
        && y2 > y1
}
