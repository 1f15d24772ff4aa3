//! Rows for tests, with plain values: a test sets the fields that it is about, and takes the others
//! from here. And a [disk whose power can be cut](CutDisk).
//!
//! ```
//! use camweave_message::Unit;
//! use camweave_testing::unit;
//!
//! let unit = Unit { keyframe: false, ..unit("cam1", 3) };
//! assert_eq!(unit.id.sequence, 3);
//! ```

mod cut_disk;

use std::sync::Arc;

use camweave_message::{
    Areas, CapturedClock, Codec, DetectedBox, Detections, Event, EventKind, EventPhase, Extras,
    Frame, FrameId, Head, Ignored, Orientation, Passage, PictureRef, Selection, StagePass, Trace,
    Unit,
};
use camweave_pool::Reference;
use camweave_vision::{Fit, HeadFormat};

pub use cut_disk::CutDisk;

/// A frame of the camera's session 1, at time 0 by the time of its arrival.
#[must_use]
pub fn frame_id(camera: &str, sequence: u64) -> FrameId {
    FrameId {
        camera: Arc::from(camera),
        session_unix_nanos: 1,
        sequence,
        pts_nanos: 0,
        captured_unix_nanos: 0,
        captured_clock: CapturedClock::Arrival,
    }
}

/// One stage of a row's trace.
#[must_use]
pub fn stage_pass(stage: &str, enter_nanos: i64, leave_nanos: i64) -> StagePass {
    StagePass {
        stage: Arc::from(stage),
        enter_nanos,
        leave_nanos,
    }
}

/// A row of [`frame_id`], without a trace.
#[must_use]
pub fn passage(camera: &str, sequence: u64) -> Passage {
    Passage {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
    }
}

/// A keyframe of H.264 that has one byte.
#[must_use]
pub fn unit(camera: &str, sequence: u64) -> Unit {
    Unit {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
        codec: Codec::H264,
        keyframe: true,
        lost_packets: 0,
        orientation: Orientation::UPRIGHT,
        selection: Selection::All,
        motion: None,
        areas: Areas::default(),
        data: vec![1_u8].into(),
    }
}

/// A frame.
#[must_use]
pub fn frame(camera: &str, sequence: u64, picture: PictureRef) -> Frame {
    Frame {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
        picture,
        areas: Areas::default(),
    }
}

/// A YOLOv8 head of two classes, of a network of 320x320.
#[must_use]
pub fn head(camera: &str, sequence: u64, picture: PictureRef, tensor: Reference) -> Head {
    Head {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
        picture,
        crop: None,
        ignored: Ignored::default(),
        model_size: (320, 320),
        fit: Fit::Letterbox,
        model: Arc::from("net.onnx@0123456789ab"),
        class_names: Arc::from("person\ncar"),
        format: HeadFormat::yolov8(2, 64),
        tensor,
        row: 0,
    }
}

/// A frame of 640x360 without its picture, in which nothing was detected.
#[must_use]
pub fn detections(camera: &str, sequence: u64) -> Detections {
    Detections {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
        image_size: (640, 360),
        picture: None,
        model: Arc::from("m"),
        boxes: Vec::new(),
    }
}

/// A person without a track.
#[must_use]
pub fn person(bbox: [f32; 4], score: f32) -> DetectedBox {
    DetectedBox {
        bbox,
        score,
        class_id: 0,
        label: Arc::from("person"),
        track_id: None,
        extras: Extras::default(),
    }
}

/// A person's presence in the zone `yard`, which begins with this frame.
#[must_use]
pub fn event(camera: &str, sequence: u64) -> Event {
    Event {
        id: frame_id(camera, sequence),
        trace: Trace::default(),
        event: format!("{camera}-{sequence}").into(),
        phase: EventPhase::New,
        kind: EventKind::Presence,
        rule: Arc::from("yard"),
        direction: None,
        began_unix_nanos: 0,
        ended_unix_nanos: None,
        track_ids: vec![7],
        label: Arc::from("person"),
        score: 0.75,
        place: Some([0.1, 0.2, 0.3, 0.4]),
        value: 0.0,
        entered: 1,
        left: 0,
    }
}
