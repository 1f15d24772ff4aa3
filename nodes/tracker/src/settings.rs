//! Settings.

use camweave_stage::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::byte_track::TrackerConfig;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct TrackerSettings {
    /// boxes from this score on are matched first
    #[schemars(range(min = 0, max = 1))]
    pub high_score: f64,
    /// boxes from this score on begin a track
    #[schemars(range(min = 0, max = 1))]
    pub new_track_score: f64,
    /// minimum intersection over union of a box and the track that it continues
    #[schemars(range(min = 0, max = 1))]
    pub min_iou: f64,
    /// the same for boxes below `HIGH_SCORE`
    #[schemars(range(min = 0, max = 1))]
    pub min_iou_low: f64,
    /// frames for which a track without a box is kept
    #[schemars(range(max = 100_000), extend("unit" = "frames"))]
    pub track_buffer: usize,
    /// maximum boxes of a frame that are tracked, those with the highest scores
    #[schemars(range(min = 1, max = 2000), extend("unit" = "boxes"))]
    pub max_boxes: usize,
}

impl Default for TrackerSettings {
    fn default() -> Self {
        Self {
            high_score: 0.4,
            new_track_score: 0.5,
            min_iou: 0.1,
            min_iou_low: 0.3,
            track_buffer: 30,
            max_boxes: 300,
        }
    }
}

impl Settings for TrackerSettings {}

impl TrackerSettings {
    pub(crate) fn config(&self) -> TrackerConfig {
        TrackerConfig {
            high_score: self.high_score as f32,
            new_track_score: self.new_track_score as f32,
            min_iou: self.min_iou as f32,
            min_iou_low: self.min_iou_low as f32,
            track_buffer: self.track_buffer,
            max_boxes: self.max_boxes,
        }
    }
}
