//! One valid row of each type, for the fuzzer to begin with.

use std::sync::Arc;

use arrow_buffer::Buffer;
use camweave_message::{
    Areas, Attribute, CapturedClock, Codec, DetectedBox, Detections, Extras, Frame, FrameId, Head,
    Ignored, Orientation, PictureRef, Polygon, Region, Selection, StagePass, Trace, Unit,
};
use camweave_pool::Reference;
use camweave_vision::{ColorMatrix, ColorRange, Fit, HeadFormat, PictureLayout, PixelFormat};

fn id() -> FrameId {
    FrameId {
        camera: Arc::from("cam1"),
        session_unix_nanos: 1_700_000_000_000_000_000,
        sequence: 7,
        pts_nanos: 40_000_000,
        captured_unix_nanos: 1_700_000_000_040_000_000,
        captured_clock: CapturedClock::SenderReport,
    }
}

fn trace() -> Trace {
    Trace(vec![StagePass {
        stage: Arc::from("source"),
        enter_nanos: 1,
        leave_nanos: 2,
    }])
}

fn reference() -> Reference {
    let pool = "host:00000000-0000-4000-8000-000000000001:4026531836:1:1:3:4:0123456789abcdef";
    Reference {
        pool: pool.parse().expect("a pool's id"),
        slot: 1,
        generation: 7,
    }
}

fn picture() -> PictureRef {
    PictureRef {
        layout: PictureLayout::packed(
            640,
            360,
            PixelFormat::I420,
            ColorMatrix::Bt709,
            ColorRange::Limited,
        ),
        slot: reference(),
    }
}

fn areas() -> Areas {
    let polygon = Polygon::new(&[0.0, 0.0, 0.5, 0.0, 0.25, 0.5]).expect("three points");
    Areas {
        region: Region::new([0.25, 0.25, 1.0, 1.0]),
        ignored: Ignored::new(vec![polygon]).expect("one polygon"),
    }
}

pub fn unit() -> Unit {
    Unit {
        id: id(),
        trace: trace(),
        codec: Codec::H264,
        keyframe: true,
        lost_packets: 0,
        orientation: Orientation::UPRIGHT,
        selection: Selection::All,
        motion: None,
        areas: areas(),
        data: Buffer::from_vec(vec![0_u8, 0, 0, 1, 0x65, 0x88]),
    }
}

pub fn frame() -> Frame {
    Frame {
        id: id(),
        trace: trace(),
        picture: picture(),
        areas: areas(),
    }
}

pub fn head() -> Head {
    Head {
        id: id(),
        trace: trace(),
        picture: picture(),
        crop: frame().crop(),
        ignored: areas().ignored,
        model_size: (448, 256),
        fit: Fit::Letterbox,
        model: Arc::from("street@1"),
        class_names: Arc::from("person\ncar"),
        format: HeadFormat::yolov8(2, 2352),
        tensor: reference(),
        row: 0,
    }
}

pub fn detections() -> Detections {
    let object = |label: &str, track_id| DetectedBox {
        bbox: [10.0, 10.0, 50.0, 90.0],
        score: 0.9,
        class_id: 1,
        label: Arc::from(label),
        track_id,
        extras: Extras {
            mask: Some(Arc::from([10.0, 10.0, 50.0, 10.0, 30.0, 90.0])),
            keypoints: Some(Arc::from([30.0, 40.0, 0.5])),
            oriented: Some([30.0, 50.0, 40.0, 80.0, 0.0]),
            embedding: Some(Arc::from([0.6, 0.8])),
            attributes: vec![Attribute {
                name: Arc::from("colour"),
                label: Arc::from("red"),
                confidence: 0.9,
            }],
        },
    };
    Detections {
        id: id(),
        trace: trace(),
        image_size: (640, 360),
        picture: Some(picture()),
        model: Arc::from("street@1"),
        boxes: vec![object("car", Some(3)), object("person", None)],
    }
}
