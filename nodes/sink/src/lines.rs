//! `detections.jsonl`: one line per frame.

use camweave_message::Detections;
use serde::{Deserialize, Serialize};

/// One line of `detections.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionLine {
    /// The camera's id.
    pub camera: String,
    /// When the source opened the session, in Unix nanoseconds.
    pub session_unix_nanos: i64,
    /// The frame's number in its session, in decode order.
    pub sequence: u64,
    /// Presentation time since the session's first frame.
    pub pts_nanos: i64,
    /// When the picture was taken.
    pub captured_unix_nanos: i64,
    /// `sender-report`, `arrival` or `file`.
    pub captured_clock: String,
    /// When the detections reached the sink.
    pub detected_unix_nanos: i64,
    /// Width of the source image, in pixels.
    pub width: u32,
    /// Height of the source image, in pixels.
    pub height: u32,
    /// `[x1, y1, x2, y2]` in source-image pixels.
    pub boxes: Vec<[f32; 4]>,
    /// 0 to 1.
    pub scores: Vec<f32>,
    /// Class names.
    pub labels: Vec<String>,
    /// Class ids of the model.
    pub class_ids: Vec<u32>,
    /// Track ids; null where a box belongs to no track.
    pub track_ids: Vec<Option<u64>>,
}

impl DetectionLine {
    /// The line of one row that reached the sink at `detected_unix_nanos`.
    #[must_use]
    pub fn new(row: &Detections, detected_unix_nanos: i64) -> Self {
        let boxes = &row.boxes;
        Self {
            camera: row.id.camera.to_string(),
            session_unix_nanos: row.id.session_unix_nanos,
            sequence: row.id.sequence,
            pts_nanos: row.id.pts_nanos,
            captured_unix_nanos: row.id.captured_unix_nanos,
            captured_clock: row.id.captured_clock.as_str().to_owned(),
            detected_unix_nanos,
            width: row.image_size.0,
            height: row.image_size.1,
            boxes: boxes.iter().map(|item| item.bbox).collect(),
            scores: boxes.iter().map(|item| item.score).collect(),
            labels: boxes.iter().map(|item| item.label.to_string()).collect(),
            class_ids: boxes.iter().map(|item| item.class_id).collect(),
            track_ids: boxes.iter().map(|item| item.track_id).collect(),
        }
    }
}
