//! Settings.

use camweave_stage::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trackforge::trackers::byte_track::ByteTrack;
use trackforge::trackers::ocsort::OcSort;
use trackforge::trackers::sort::Sort;

use crate::buffered::BufferedTracker;
use crate::by_frame::ByFrame;
use crate::follow::{Follow, FollowConfig};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct TrackerSettings {
    /// how objects are followed: docs/tracking.md compares the trackers
    pub tracker: TrackerKind,
    /// boxes from this score on are matched first
    #[schemars(range(min = 0, max = 1))]
    pub high_score: f64,
    /// boxes from this score on begin a track
    #[schemars(range(min = 0, max = 1))]
    pub new_track_score: f64,
    /// minimum intersection over union of a box and the track that it continues; buffered with
    /// `TRACKER=default`
    #[schemars(range(min = 0, max = 1))]
    pub min_iou: f64,
    /// minimum intersection over union of a box below `HIGH_SCORE` and the track that it continues
    #[schemars(range(min = 0, max = 1))]
    pub min_iou_low: f64,
    /// capture time for which a track without a box is kept
    #[schemars(range(max = 600_000), extend("unit" = "ms"))]
    pub track_buffer_ms: u32,
    /// class that the boxes of a track get: the one that most of its boxes have had lately, or the
    /// detector's; the trackers in frames leave the detector's
    pub box_class: BoxClass,
    /// maximum boxes of a frame that are tracked, those with the highest scores
    #[schemars(range(min = 1, max = 2000), extend("unit" = "boxes"))]
    pub max_boxes: usize,
}

/// How objects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackerKind {
    /// Buffered IoU in capture time.
    Default,
    /// ByteTrack, in frames.
    ByteTrack,
    /// OC-SORT, in frames.
    OcSort,
    /// SORT, in frames.
    Sort,
}

/// Which class a box gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoxClass {
    /// Its track's.
    Voted,
    /// That which the detector gave it.
    Detected,
}

impl Default for TrackerSettings {
    fn default() -> Self {
        Self {
            tracker: TrackerKind::Default,
            high_score: 0.4,
            new_track_score: 0.5,
            min_iou: 0.1,
            min_iou_low: 0.3,
            track_buffer_ms: 4000,
            box_class: BoxClass::Voted,
            max_boxes: 300,
        }
    }
}

impl Settings for TrackerSettings {}

impl TrackerSettings {
    /// A tracker for one camera that has seen nothing.
    #[must_use]
    pub fn follower(&self) -> Box<dyn Follow> {
        let config = FollowConfig {
            high_score: self.high_score as f32,
            new_track_score: self.new_track_score as f32,
            min_iou: self.min_iou as f32,
            min_iou_low: self.min_iou_low as f32,
            memory_seconds: self.track_buffer_ms as f32 / 1000.0,
            max_boxes: self.max_boxes,
        };
        match self.tracker {
            TrackerKind::Default => Box::new(BufferedTracker::new(config)),
            TrackerKind::ByteTrack => Box::new(ByFrame::<ByteTrack>::new(config)),
            TrackerKind::OcSort => Box::new(ByFrame::<OcSort>::new(config)),
            TrackerKind::Sort => Box::new(ByFrame::<Sort>::new(config)),
        }
    }
}
