//! Raw heads on the device to detections: decoding, threshold, sorting, class-aware suppression,
//! and one small copy to the host.
//!
//! The detections are those of `camweave_vision::decode` and `suppress`, in their order; the tests
//! compare both bit by bit.
#![expect(unsafe_code, reason = "launches kernels")]

use std::ffi::c_void;

use bytemuck::{Pod, Zeroable};
use camweave_vision::{Candidate, HeadLayout, NmsConfig};

use crate::buffer::{DeviceBuffer, PinnedBuffer};
use crate::context::Context;
use crate::error::CudaError;
use crate::module::{Function, LaunchShape, Module};
use crate::precision::Precision;
use crate::slice::DeviceSlice;
use crate::stream::Stream;

/// Heads of one [`HeadDecoder::enqueue`] at most: the kernels' arguments have room for as many.
pub const MAX_FRAMES: usize = 32;

/// Threads of a block of the kernels that have a thread per anchor or candidate.
const THREADS: u32 = 256;
/// Threads of a block that suppresses: a whole frame.
const SELECT_THREADS: u32 = 1024;
/// Words of a row of results: x1, y1, x2, y2, score, class, anchor.
const ROW_WORDS: usize = 7;
/// Words before a frame's rows: kept, and candidates found.
const HEAD_WORDS: usize = 2;

/// `Heads` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Heads([u64; MAX_FRAMES]);

/// `Scratch` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Scratch {
    counts: u64,
    keys: u64,
    sorted: u64,
    boxes: u64,
    classes: u64,
    anchors: u32,
    padding: u32,
}

/// `Kept` in `kernels/heads.cu`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Kept {
    words: u64,
    classes: u32,
    padding: u32,
}

/// What the heads of one launch have in common.
#[derive(Debug, Clone, Copy)]
pub struct HeadConfig<'a> {
    /// Which number is what.
    pub layout: HeadLayout,
    /// The numbers' type.
    pub precision: Precision,
    /// Thresholds and limits; must be valid.
    pub nms: NmsConfig,
    /// The classes that take part; all, if there is no mask.
    pub classes: Option<&'a ClassMask>,
}

/// Classes that take part: others neither suppress nor count towards limits.
#[derive(Debug)]
pub struct ClassMask {
    words: DeviceBuffer,
    classes: u32,
}

impl ClassMask {
    /// Class `i` takes part if `kept[i]` is true; classes beyond do not.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(stream: &Stream, kept: &[bool]) -> Result<Self, CudaError> {
        let words = kept_words(kept);
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let context = stream.context();
        let mut pinned = PinnedBuffer::new(context, bytes.len(), "the classes to keep")?;
        pinned.bytes_mut()?.copy_from_slice(bytes);
        let buffer = DeviceBuffer::new(context, bytes.len(), "the classes to keep")?;
        // Dropping the pinned memory waits for the copy.
        stream.upload(&pinned, 0..bytes.len(), buffer.slice())?;
        Ok(Self {
            words: buffer,
            classes: u32::try_from(kept.len()).unwrap_or(u32::MAX),
        })
    }
}

/// A bit per class, at least one word.
fn kept_words(kept: &[bool]) -> Vec<u32> {
    let mut words = vec![0_u32; kept.len().div_ceil(32).max(1)];
    for (index, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
        words[index / 32] |= 1 << (index % 32);
    }
    words
}

/// What is on the way, or has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Batch {
    frames: usize,
    max_detections: usize,
}

/// The kernels and their memory, for one batch at a time.
#[derive(Debug)]
pub struct HeadDecoder {
    context: Context,
    decode_yolov8: [Function; 2],
    decode_end_to_end: [Function; 2],
    rank: Function,
    select: Function,
    /// For so many anchors.
    scratch: Option<(usize, DeviceBuffer)>,
    results: Option<(DeviceBuffer, PinnedBuffer)>,
    batch: Batch,
}

impl HeadDecoder {
    /// Loads the kernels. Memory comes with the first batch, and grows with larger heads only.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        let module = Module::load(context, "heads", include_str!("../kernels/heads.ptx"))?;
        let function = |name| module.function(name);
        Ok(Self {
            context: context.clone(),
            decode_yolov8: [
                function("decode_yolov8_f16")?,
                function("decode_yolov8_f32")?,
            ],
            decode_end_to_end: [
                function("decode_end_to_end_f16")?,
                function("decode_end_to_end_f32")?,
            ],
            rank: function("rank")?,
            select: function("select")?,
            scratch: None,
            results: None,
            batch: Batch::default(),
        })
    }

    /// Runs the kernels for heads of 32 bits once, on zeros of a usual size, and waits for them. The driver loads a
    /// kernel at its first launch, and takes memory, behind all work that is under way: a detector
    /// that is at full speed by then would be waited for.
    ///
    /// # Errors
    /// The driver's.
    pub fn warm_up(&mut self, stream: &Stream, nms: NmsConfig) -> Result<(), CudaError> {
        // Of 640x640; larger heads make the memory grow.
        let (anchors, classes) = (8400, 1);
        let layouts = [
            HeadLayout::Yolov8 { classes, anchors },
            HeadLayout::EndToEnd { max: 300 },
        ];
        let bytes = layouts.map(|it| it.len() * Precision::F32.bytes());
        let bytes = bytes.into_iter().max().unwrap_or(0);
        let zeros = DeviceBuffer::new(&self.context, bytes, "heads of zeros")?;
        stream.fill(zeros.slice(), 0)?;
        for layout in layouts {
            let config = HeadConfig {
                layout,
                precision: Precision::F32,
                nms,
                classes: None,
            };
            self.enqueue(stream, &[zeros.slice(); MAX_FRAMES], &config)?;
            self.results()?;
        }
        Ok(())
    }

    /// Puts a batch into the stream, and the copy of its detections to the host; waits for
    /// nothing but, where memory grows, an earlier batch.
    ///
    /// The heads must stay as they are until [`Self::results`] has returned. Use one stream.
    ///
    /// # Errors
    /// More than [`MAX_FRAMES`] heads; one that is shorter than its layout; the driver's, among
    /// them a lack of memory.
    pub fn enqueue(
        &mut self,
        stream: &Stream,
        heads: &[DeviceSlice],
        config: &HeadConfig<'_>,
    ) -> Result<(), CudaError> {
        self.batch = Batch::default();
        if heads.len() > MAX_FRAMES {
            return Err(CudaError::Argument {
                what: "the number of heads",
                found: heads.len().to_string(),
                expected: format!("at most {MAX_FRAMES}"),
            });
        }
        let mut addresses = Heads::zeroed();
        let head_bytes = config.layout.len().saturating_mul(config.precision.bytes());
        for (address, head) in addresses.0.iter_mut().zip(heads) {
            *address = head.part(0, head_bytes)?.address();
        }
        let (anchors, classes) = match config.layout {
            HeadLayout::Yolov8 { anchors, classes } => (anchors, Some(classes)),
            HeadLayout::EndToEnd { max } => (max, None),
        };
        let (Ok(count), Ok(anchor_count)) = (u32::try_from(heads.len()), u32::try_from(anchors))
        else {
            return Err(CudaError::Argument {
                what: "the number of anchors",
                found: anchors.to_string(),
                expected: "less than 2^32".to_owned(),
            });
        };
        if count == 0 || anchor_count == 0 {
            return Ok(());
        }
        let batch = Batch {
            frames: heads.len(),
            max_detections: config.nms.max_detections,
        };
        let (scratch, counts) = self.scratch(anchors, anchor_count)?;
        let results = self.results_for(batch)?;
        stream.fill(counts, 0)?;
        self.launch(stream, &addresses, scratch, classes, count, results, config)?;
        let Some((_, pinned)) = &mut self.results else {
            return Ok(());
        };
        stream.download(results, pinned, 0..results.len())?;
        self.batch = batch;
        Ok(())
    }

    /// The last batch's detections per frame, once they have come: in model pixels, best first, of
    /// equal scores the lower anchor first. No frame, if there was no batch or its heads were empty.
    ///
    /// # Errors
    /// The driver's; also those of the kernels.
    pub fn results(&self) -> Result<Vec<Vec<Candidate>>, CudaError> {
        let Some((_, pinned)) = &self.results else {
            return Ok(Vec::new());
        };
        let Batch {
            frames,
            max_detections,
        } = self.batch;
        let words: &[u32] = bytemuck::cast_slice(pinned.bytes()?);
        let frames = words.chunks_exact(frame_words(max_detections)).take(frames);
        Ok(frames.map(read_frame).collect())
    }

    /// The arguments that name the scratch memory, and the part that counts.
    fn scratch(
        &mut self,
        anchors: usize,
        anchor_count: u32,
    ) -> Result<(Scratch, DeviceSlice), CudaError> {
        // Keys, sorted keys, boxes, classes of each anchor.
        let per_anchor = [8, 8, 16, 4];
        let counts = MAX_FRAMES * size_of::<u32>();
        if self
            .scratch
            .as_ref()
            .is_none_or(|(room, _)| *room < anchors)
        {
            self.scratch = None;
            let all = per_anchor.iter().sum::<usize>() * MAX_FRAMES;
            let bytes = all.saturating_mul(anchors).saturating_add(counts);
            let what = format!("candidates of {MAX_FRAMES} heads of {anchors} anchors");
            self.scratch = Some((anchors, DeviceBuffer::new(&self.context, bytes, &what)?));
        }
        let all = self.scratch.as_ref().map(|(_, buffer)| buffer.slice());
        let all = all.unwrap_or_else(|| DeviceSlice::new(0, 0));
        let mut offset = counts;
        let mut addresses = [0; 4];
        for (address, bytes) in addresses.iter_mut().zip(per_anchor) {
            let bytes = bytes * MAX_FRAMES * anchors;
            *address = all.part(offset, bytes)?.address();
            offset += bytes;
        }
        let [keys, sorted, boxes, classes] = addresses;
        let scratch = Scratch {
            counts: all.address(),
            keys,
            sorted,
            boxes,
            classes,
            anchors: anchor_count,
            padding: 0,
        };
        Ok((scratch, all.part(0, counts)?))
    }

    /// Where the batch's results go on the device; there is as much room on the host.
    fn results_for(&mut self, batch: Batch) -> Result<DeviceSlice, CudaError> {
        let room = |frames: usize| frames * frame_words(batch.max_detections) * size_of::<u32>();
        let all = room(MAX_FRAMES);
        let has_room = |(buffer, _): &(DeviceBuffer, PinnedBuffer)| buffer.slice().len() >= all;
        if !self.results.as_ref().is_some_and(has_room) {
            self.results = None;
            let what = format!("detections of {MAX_FRAMES} frames");
            let device = DeviceBuffer::new(&self.context, all, &what)?;
            self.results = Some((device, PinnedBuffer::new(&self.context, all, &what)?));
        }
        let all = self.results.as_ref().map(|(device, _)| device.slice());
        let all = all.unwrap_or_else(|| DeviceSlice::new(0, 0));
        Ok(all.part(0, room(batch.frames))?)
    }

    #[expect(clippy::too_many_arguments, reason = "the kernels' own")]
    fn launch(
        &self,
        stream: &Stream,
        heads: &Heads,
        mut scratch: Scratch,
        classes: Option<usize>,
        frames: u32,
        results: DeviceSlice,
        config: &HeadConfig<'_>,
    ) -> Result<(), CudaError> {
        let mut heads = *heads;
        let mut kept = config.classes.map_or_else(Kept::zeroed, |mask| Kept {
            words: mask.words.slice().address(),
            classes: mask.classes,
            padding: 0,
        });
        let nms = config.nms;
        // Limits beyond 2^32 are none.
        let [mut max_detections, max_candidates] = [nms.max_detections, nms.max_candidates]
            .map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        let mut limit = if classes.is_some() {
            max_candidates
        } else {
            max_detections
        };
        let mut suppress = u32::from(classes.is_some());
        let (mut confidence, mut iou) = (nms.confidence, nms.iou);
        let mut results = results.address();
        let precision = match config.precision {
            Precision::F16 => 0,
            Precision::F32 => 1,
        };
        let per_anchor = LaunchShape {
            blocks: [scratch.anchors.div_ceil(THREADS), frames, 1],
            threads: [THREADS, 1, 1],
        };
        let (heads, scratch, kept, confidence) = (
            argument(&mut heads),
            argument(&mut scratch),
            argument(&mut kept),
            argument(&mut confidence),
        );
        if let Some(classes) = classes {
            let mut classes = u32::try_from(classes).unwrap_or(u32::MAX);
            let mut arguments = [heads, scratch, kept, argument(&mut classes), confidence];
            // SAFETY: the kernel's arguments. The heads are as long as their layout (`enqueue`),
            // the scratch memory is for all anchors of all frames.
            unsafe {
                self.decode_yolov8[precision].launch(stream, per_anchor, &mut arguments)?;
            }
        } else {
            let mut arguments = [heads, scratch, kept, confidence];
            // SAFETY: as above.
            unsafe {
                self.decode_end_to_end[precision].launch(stream, per_anchor, &mut arguments)?;
            }
        }
        let limit = argument(&mut limit);
        // SAFETY: the kernel's arguments; it stays within what decoding has written.
        unsafe {
            let arguments = &mut [scratch, limit];
            self.rank.launch(stream, per_anchor, arguments)?;
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

fn frame_words(max_detections: usize) -> usize {
    HEAD_WORDS + ROW_WORDS * max_detections
}

/// One frame's rows, as many as the kernel says.
fn read_frame(words: &[u32]) -> Vec<Candidate> {
    let (head, rows) = words.split_at(HEAD_WORDS);
    let (rows, _) = rows.as_chunks::<ROW_WORDS>();
    let rows = rows.iter().take(head[0] as usize);
    let rows = rows.map(|&[x1, y1, x2, y2, score, class_id, anchor]| Candidate {
        bbox: [x1, y1, x2, y2].map(f32::from_bits),
        score: f32::from_bits(score),
        class_id,
        anchor,
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_bits_from_the_lowest_on() {
        let mut kept = vec![false; 34];
        kept[0] = true;
        kept[31] = true;
        kept[33] = true;
        assert_eq!(kept_words(&kept), [0x8000_0001, 2]);
        assert_eq!(kept_words(&[]), [0]);
    }
}
