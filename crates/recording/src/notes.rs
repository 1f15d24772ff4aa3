//! What is written beside a clip: lines while it is recorded, and the same in its sidecar.

use camweave_message::{Detections, Event};
use serde::{Deserialize, Serialize};

use crate::coded::Coded;

/// What all of a clip has in common.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClipHead {
    /// The camera's id.
    pub camera: String,
    /// The session that its frames are of.
    pub session_unix_nanos: i64,
    /// When its first frame was captured, in Unix nanoseconds.
    pub begin_unix_nanos: i64,
    /// `h264` or `h265`.
    pub codec: String,
    /// As the `codecs` parameter of a MIME type, such as `avc1.64001F`.
    pub codec_name: String,
    /// Width of the stored frames, in pixels.
    pub width: u32,
    /// Height of the stored frames, in pixels.
    pub height: u32,
    /// Degrees by which frames are rotated clockwise when they are shown.
    pub rotation: u16,
    /// Whether they are mirrored left to right after that.
    pub mirrored: bool,
    /// What the detector was given when the clip began, in parts of the upright frame; empty: all.
    pub region: Vec<f32>,
    /// Where objects were not reported: x and y of each point, in parts of the upright frame.
    pub ignore: Vec<Vec<f32>>,
    /// Seconds of the footage that was asked for before the first event and that were not there any
    /// more, or not yet.
    pub missing_seconds: f64,
}

/// One frame of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameNote {
    /// When it is presented, in seconds of the clip.
    pub at: f64,
    /// Its number in its session.
    pub sequence: u64,
    /// Its presentation time since the session's first frame, in nanoseconds.
    pub pts_nanos: i64,
    /// When it was captured, in Unix nanoseconds.
    pub captured_unix_nanos: i64,
    /// By which clock: `sender-report`, `arrival` or `file`.
    pub captured_clock: String,
    /// Whether decoding can begin here.
    pub keyframe: bool,
}

impl FrameNote {
    pub(crate) fn new(unit: &Coded, presentation_micros: u64) -> Self {
        Self {
            at: seconds(presentation_micros),
            sequence: unit.sequence,
            pts_nanos: unit.pts_nanos,
            captured_unix_nanos: unit.captured_unix_nanos,
            captured_clock: unit.captured_clock.as_str().to_owned(),
            keyframe: unit.keyframe,
        }
    }
}

/// What was detected in a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenNote {
    /// The frame's number in its session.
    pub sequence: u64,
    /// When the frame was captured that was looked at, in Unix nanoseconds, where that is a frame of
    /// another stream of the camera than the recorded one; absent where it is the clip's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_unix_nanos: Option<i64>,
    /// Width of the upright frame that was looked at, in pixels.
    pub width: u32,
    /// Height of the upright frame that was looked at, in pixels.
    pub height: u32,
    /// Which model.
    pub model: String,
    /// `[x1, y1, x2, y2]` in pixels of the upright frame.
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

impl SeenNote {
    pub(crate) fn new(row: &Detections) -> Self {
        let boxes = &row.boxes;
        Self {
            sequence: row.id.sequence,
            captured_unix_nanos: None,
            width: row.image_size.0,
            height: row.image_size.1,
            model: row.model.to_string(),
            boxes: boxes.iter().map(|it| it.bbox).collect(),
            scores: boxes.iter().map(|it| it.score).collect(),
            labels: boxes.iter().map(|it| it.label.to_string()).collect(),
            class_ids: boxes.iter().map(|it| it.class_id).collect(),
            track_ids: boxes.iter().map(|it| it.track_id).collect(),
        }
    }

    /// In memory, and about so many as text.
    pub(crate) fn bytes(&self) -> usize {
        let labels: usize = self.labels.iter().map(String::len).sum();
        size_of::<Self>() + labels + self.boxes.len() * 96
    }
}

/// The last that was heard of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventNote {
    /// Which event.
    pub event: String,
    /// `new`, `update` or `end`.
    pub phase: String,
    /// Such as `crossing`.
    pub kind: String,
    /// The rule's name.
    pub rule: String,
    /// Of a crossing: `in` or `out`; else empty.
    pub direction: String,
    /// When it began, in seconds of the clip; below 0 where that was before it.
    pub begin_at: f64,
    /// When it ended, if that is known.
    pub end_at: Option<f64>,
    /// The same in Unix nanoseconds, by the camera's clock.
    pub began_unix_nanos: i64,
    /// The same of its end.
    pub ended_unix_nanos: Option<i64>,
    /// The objects.
    pub track_ids: Vec<u64>,
    /// Class name of the first.
    pub label: String,
    /// Its score.
    pub conf: f32,
    /// Where it was last, `[x1, y1, x2, y2]` in parts of the frame.
    pub place: Option<[f32; 4]>,
    /// By kind.
    pub value: f64,
    /// How many so far: into a zone or across a line.
    pub entered: u64,
    /// How many so far: out of it or back.
    pub left: u64,
}

impl EventNote {
    pub(crate) fn new(row: &Event, begin_at: f64, end_at: Option<f64>) -> Self {
        Self {
            event: row.event.to_string(),
            phase: row.phase.as_str().to_owned(),
            kind: row.kind.as_str().to_owned(),
            rule: row.rule.to_string(),
            direction: row.direction.map_or("", |it| it.as_str()).to_owned(),
            begin_at,
            end_at,
            began_unix_nanos: row.began_unix_nanos,
            ended_unix_nanos: row.ended_unix_nanos,
            track_ids: row.track_ids.clone(),
            label: row.label.to_string(),
            conf: row.score,
            place: row.place,
            value: row.value,
            entered: row.entered,
            left: row.left,
        }
    }
}

/// One line beside a clip that is being recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Note {
    Clip(ClipHead),
    Frame(FrameNote),
    Seen(SeenNote),
    Event(EventNote),
}

impl Note {
    /// In memory, about.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Seen(note) => note.bytes(),
            Self::Clip(_) | Self::Frame(_) | Self::Event(_) => 512,
        }
    }
}

pub(crate) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
