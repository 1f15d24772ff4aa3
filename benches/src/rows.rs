//! Rows as the pipeline has them, for benchmarks of what carries them.

use std::sync::Arc;

use camweave_message::{
    Areas, CapturedClock, Codec, DetectedBox, Detections, Extras, Frame, FrameId, Head, Ignored,
    Orientation, PictureRef, Selection, StagePass, Trace, Unit,
};
use camweave_pool::{PoolError, PoolSpec, Producer, Reference};
use camweave_vision::{ColorMatrix, ColorRange, Fit, HeadFormat, PictureLayout, PixelFormat};

/// Bytes of a unit: a P picture of 640x360 at a usual quality.
const UNIT_BYTES: usize = 4096;
/// Boxes in a frame of detections.
const BOXES: usize = 8;

/// Makes rows that refer to a pool.
#[derive(Debug)]
pub struct Rows {
    // The pool must live as long as the references to it are read.
    _producer: Producer,
    slot: Reference,
}

impl Rows {
    /// A small pool, and rows that refer to it.
    ///
    /// # Errors
    /// The pool cannot be made.
    pub fn new() -> Result<Self, PoolError> {
        let producer = Producer::create(&PoolSpec {
            name: "rows".to_owned(),
            slots: 1,
            slot_bytes: 640 * 360 * 3 / 2,
        })?;
        let slot = producer.begin()?.publish();
        Ok(Self {
            _producer: producer,
            slot,
        })
    }

    /// Whose: camera `cam<camera>`.
    #[must_use]
    pub fn id(camera: usize, sequence: u64) -> FrameId {
        FrameId {
            camera: Arc::from(format!("cam{camera}")),
            session_unix_nanos: 1_700_000_000_000_000_000,
            sequence,
            pts_nanos: 100_000_000,
            captured_unix_nanos: 1_700_000_000_100_000_000,
            captured_clock: CapturedClock::SenderReport,
        }
    }

    /// The trace behind the first `passes` stages of the batched graph.
    #[must_use]
    pub fn trace(passes: usize) -> Trace {
        let stages = [
            "source",
            "decode",
            "detect.batch",
            "detect.infer",
            "detect.nms",
        ];
        let pass = |stage: &&str| StagePass {
            stage: Arc::from(*stage),
            enter_nanos: 1_000_000,
            leave_nanos: 2_000_000,
        };
        Trace(stages.iter().take(passes).map(pass).collect())
    }

    /// A picture of 640x360, I420.
    #[must_use]
    pub fn picture(&self) -> PictureRef {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        PictureRef {
            layout: PictureLayout::packed(640, 360, PixelFormat::I420, matrix, range),
            slot: self.slot.clone(),
        }
    }

    /// A unit of 4 KiB.
    #[must_use]
    pub fn unit(&self, camera: usize) -> Unit {
        Unit {
            id: Self::id(camera, 7),
            trace: Self::trace(1),
            codec: Codec::H264,
            keyframe: false,
            lost_packets: 0,
            orientation: Orientation::UPRIGHT,
            selection: Selection::All,
            motion: None,
            areas: Areas::default(),
            data: vec![0x55_u8; UNIT_BYTES].into(),
        }
    }

    /// A frame.
    #[must_use]
    pub fn frame(&self, camera: usize) -> Frame {
        Frame {
            id: Self::id(camera, 7),
            trace: Self::trace(2),
            picture: self.picture(),
            areas: Areas::default(),
        }
    }

    /// A head of the shipped model at 320.
    #[must_use]
    pub fn head(&self, camera: usize) -> Head {
        Head {
            id: Self::id(camera, 7),
            trace: Self::trace(4),
            picture: self.picture(),
            crop: None,
            ignored: Ignored::default(),
            model_size: (320, 320),
            fit: Fit::Letterbox,
            model: Arc::from("camweave-street-320.onnx@0123456789ab"),
            class_names: Arc::from("person\ncar\ntruck\nbicycle"),
            format: HeadFormat::yolov8(4, 2100),
            tensor: self.slot.clone(),
            row: 0,
        }
    }

    /// A frame of eight boxes.
    #[must_use]
    pub fn detections(&self, camera: usize) -> Detections {
        let item = |index: usize| DetectedBox {
            bbox: [index as f32, 1.0, 2.0, 3.5],
            score: 0.5,
            class_id: 1,
            label: Arc::from("car"),
            track_id: Some(index as u64),
            extras: Extras::default(),
        };
        Detections {
            id: Self::id(camera, 7),
            trace: Self::trace(5),
            image_size: (640, 360),
            picture: Some(self.picture()),
            model: Arc::from("camweave-street-320.onnx@0123456789ab"),
            boxes: (0..BOXES).map(item).collect(),
        }
    }
}
