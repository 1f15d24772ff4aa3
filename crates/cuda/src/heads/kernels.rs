//! The kernels of `kernels/heads.cu`, and their arguments.
#![expect(unsafe_code, reason = "launches kernels")]

use std::ffi::c_void;
use std::fmt;

use bytemuck::{Pod, Zeroable};
use camweave_vision::HeadFormat;

use super::config::{HeadConfig, MAX_FRAMES};
use super::format::FormatDescriptor;
use crate::context::Context;
use crate::error::CudaError;
use crate::module::{Function, LaunchShape, Module};
use crate::precision::Precision;
use crate::slice::DeviceSlice;
use crate::stream::Stream;

/// Threads of a block of the kernels that have a thread per anchor or candidate.
const THREADS: u32 = 256;
/// Threads of a block that suppresses: a whole frame.
const SELECT_THREADS: u32 = 1024;

/// `Heads` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Heads([u64; MAX_FRAMES]);

/// `Scratch` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ScratchAddresses {
    counts: u64,
    keys: u64,
    sorted: u64,
    boxes: u64,
    classes: u64,
    anchors: u32,
    labels: u32,
}

/// `Kept` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Kept {
    words: u64,
    classes: u32,
    padding: u32,
}

/// How many candidates a batch may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    frames: usize,
    anchors: usize,
    /// Labels of an anchor at most.
    labels: usize,
}

impl Room {
    /// Bytes of each anchor: a box and a class.
    const PER_ANCHOR: [usize; 2] = [16, 4];
    /// Bytes of each candidate: a key as found and as sorted.
    const PER_CANDIDATE: [usize; 2] = [8, 8];

    /// Bytes of keys, sorted keys, boxes and classes.
    fn parts(self) -> [usize; 4] {
        let anchors = self.frames.saturating_mul(self.anchors);
        let candidates = anchors.saturating_mul(self.labels);
        let [keys, sorted] = Self::PER_CANDIDATE.map(|bytes| candidates.saturating_mul(bytes));
        let [boxes, classes] = Self::PER_ANCHOR.map(|bytes| anchors.saturating_mul(bytes));
        [keys, sorted, boxes, classes]
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (frames, anchors) = (self.frames, self.anchors);
        write!(f, "candidates of {frames} heads of {anchors} anchors")?;
        match self.labels {
            1 => Ok(()),
            labels => write!(f, " of up to {labels} labels"),
        }
    }
}

/// Memory for the candidates of a batch.
#[derive(Clone, Copy)]
pub(super) struct Scratch<'a> {
    memory: DeviceSlice<'a>,
    room: Room,
}

impl<'a> Scratch<'a> {
    /// Before all else: a count per frame.
    const COUNTS: usize = MAX_FRAMES * size_of::<u32>();

    pub fn bytes(room: Room) -> usize {
        let parts = room.parts().into_iter();
        parts.fold(Self::COUNTS, usize::saturating_add)
    }

    /// In memory that may have more room than is needed. Nothing else may use it.
    pub fn new(memory: DeviceSlice<'a>, room: Room) -> Result<Self, CudaError> {
        let memory = memory.part(0, Self::bytes(room))?;
        Ok(Self { memory, room })
    }

    /// How many candidates each frame has, which must be zero before decoding.
    pub fn counts(self) -> Result<DeviceSlice<'a>, CudaError> {
        Ok(self.memory.part(0, Self::COUNTS)?)
    }

    fn addresses(self) -> ScratchAddresses {
        let mut next = self.memory.address() + Self::COUNTS as u64;
        let [keys, sorted, boxes, classes] = self.room.parts().map(|bytes| {
            let address = next;
            next += bytes as u64;
            address
        });
        let Room {
            anchors, labels, ..
        } = self.room;
        ScratchAddresses {
            counts: self.memory.address(),
            keys,
            sorted,
            boxes,
            classes,
            // Both come from a format's numbers of 32 bits.
            anchors: anchors as u32,
            labels: labels as u32,
        }
    }
}

/// The heads of a launch: as many as the kernels take, each as long as its format.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    heads: &'a [DeviceSlice<'a>],
    room: Room,
    format: FormatDescriptor,
    /// Of heads of YOLOv8, which have a kernel of their own.
    yolov8_classes: Option<u32>,
}

impl<'a> Batch<'a> {
    /// `None` where there is nothing to do.
    pub fn new(
        heads: &'a [DeviceSlice<'a>],
        config: &HeadConfig<'_>,
    ) -> Result<Option<Self>, CudaError> {
        let wrong = |what, found, expected| CudaError::Argument {
            what,
            found,
            expected,
        };
        if heads.len() > MAX_FRAMES {
            let expected = format!("at most {MAX_FRAMES}");
            return Err(wrong(
                "the number of heads",
                heads.len().to_string(),
                expected,
            ));
        }
        let format = config.format;
        let descriptor = FormatDescriptor::new(&format, config.size)
            .map_err(|error| wrong("the format of heads", format.to_string(), error.to_string()))?;
        let head_bytes = format.len().saturating_mul(config.precision.bytes());
        for head in heads {
            head.part(0, head_bytes)?;
        }
        let labels = match format.multi_label {
            true => format.class_scores().len(),
            false => 1,
        };
        let is_yolov8 = |classes: &u32| format == HeadFormat::yolov8(*classes, format.anchors);
        Ok((!heads.is_empty()).then_some(Self {
            heads,
            room: Room {
                // Memory for any batch comes at once, unless anchors have several labels and so need
                // much of it: then it grows by doubling, not with each larger batch.
                frames: match labels {
                    1 => MAX_FRAMES,
                    _ => heads.len().next_power_of_two(),
                },
                anchors: format.anchors as usize,
                labels,
            },
            format: descriptor,
            yolov8_classes: format.classes().filter(is_yolov8),
        }))
    }

    pub fn room(self) -> Room {
        self.room
    }

    fn addresses(self) -> Heads {
        let mut addresses = Heads::zeroed();
        for (address, head) in addresses.0.iter_mut().zip(self.heads) {
            *address = head.address();
        }
        addresses
    }
}

/// Loaded.
#[derive(Debug)]
pub(super) struct Kernels {
    decode_yolov8: [Function; 2],
    decode: [Function; 2],
    decode_labels: [Function; 2],
    rank: Function,
    select: Function,
}

impl Kernels {
    pub fn load(context: &Context) -> Result<Self, CudaError> {
        let module = Module::load(context, "heads", include_str!("../../kernels/heads.ptx"))?;
        let function = |name| module.function(name);
        Ok(Self {
            decode_yolov8: [
                function("decode_yolov8_f16")?,
                function("decode_yolov8_f32")?,
            ],
            decode: [function("decode_f16")?, function("decode_f32")?],
            decode_labels: [
                function("decode_labels_f16")?,
                function("decode_labels_f32")?,
            ],
            rank: function("rank")?,
            select: function("select")?,
        })
    }

    /// `results` has room for `max_detections` rows a frame.
    pub fn launch(
        &self,
        stream: &Stream,
        batch: Batch<'_>,
        scratch: Scratch<'_>,
        results: DeviceSlice<'_>,
        config: &HeadConfig<'_>,
    ) -> Result<(), CudaError> {
        let Batch {
            room,
            mut format,
            yolov8_classes,
            ..
        } = batch;
        let (mut heads, mut scratch) = (batch.addresses(), scratch.addresses());
        let frames = batch.heads.len() as u32;
        let blocks = |threads: usize| threads.div_ceil(THREADS as usize) as u32;
        let mut kept = config.classes.map_or_else(Kept::zeroed, |mask| Kept {
            words: mask.words.slice().address(),
            classes: mask.classes,
            padding: 0,
        });
        let nms = config.nms;
        // Limits beyond 2^32 are none.
        let [mut max_detections, max_candidates] = [nms.max_detections, nms.max_candidates]
            .map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        let overlaps = config.format.overlaps;
        let mut limit = if overlaps {
            max_candidates
        } else {
            max_detections
        };
        let mut suppress = u32::from(overlaps);
        let (mut confidence, mut iou) = (nms.confidence, nms.iou);
        let mut results = results.address();
        let precision = match config.precision {
            Precision::F16 => 0,
            Precision::F32 => 1,
        };
        let per_anchor = LaunchShape {
            blocks: [blocks(room.anchors), frames, 1],
            threads: [THREADS, 1, 1],
        };
        let per_candidate = LaunchShape {
            blocks: [blocks(room.anchors * room.labels), frames, 1],
            ..per_anchor
        };
        let (heads, scratch, kept, confidence) = (
            argument(&mut heads),
            argument(&mut scratch),
            argument(&mut kept),
            argument(&mut confidence),
        );
        if let Some(mut classes) = yolov8_classes {
            let mut arguments = [heads, scratch, kept, argument(&mut classes), confidence];
            // SAFETY: the kernel's arguments. The heads are as long as their format (`Batch`), the
            // scratch memory is for all candidates of all frames and used by nothing else, and all of it
            // is borrowed.
            unsafe {
                self.decode_yolov8[precision].launch(stream, per_anchor, &mut arguments)?;
            }
        } else {
            let mut arguments = [heads, scratch, kept, argument(&mut format), confidence];
            let decode = match room.labels {
                1 => &self.decode,
                _ => &self.decode_labels,
            };
            // SAFETY: as above.
            unsafe {
                decode[precision].launch(stream, per_anchor, &mut arguments)?;
            }
        }
        let limit = argument(&mut limit);
        // SAFETY: the kernel's arguments; it stays within what decoding has written.
        unsafe {
            let arguments = &mut [scratch, limit];
            self.rank.launch(stream, per_candidate, arguments)?;
        };
        let per_frame = LaunchShape {
            blocks: [frames, 1, 1],
            threads: [SELECT_THREADS, 1, 1],
        };
        let mut arguments = [
            scratch,
            limit,
            argument(&mut max_detections),
            argument(&mut iou),
            argument(&mut suppress),
            argument(&mut results),
        ];
        // SAFETY: the kernel's arguments; the results have room for `max_detections` rows a frame.
        unsafe { self.select.launch(stream, per_frame, &mut arguments) }
    }
}

fn argument<T>(value: &mut T) -> *mut c_void {
    (&raw mut *value).cast()
}
