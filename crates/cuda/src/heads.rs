//! Raw heads on the device to detections: decoding, threshold, sorting, class-aware suppression,
//! and one small copy to the host.
//!
//! The detections are those of `camweave_vision::decode` and `suppress`, in their order; the tests
//! compare both bit by bit.

mod config;
mod format;
mod kernels;

pub use self::config::{ClassMask, HeadConfig, MAX_FRAMES};
pub use self::format::FormatDescriptor;

use camweave_vision::{Candidate, HeadFormat, NmsConfig};

use self::kernels::{Batch, Kernels, Room, Scratch};
use crate::buffer::DeviceBuffer;
use crate::context::Context;
use crate::error::CudaError;
use crate::pinned::PinnedBuffer;
use crate::precision::Precision;
use crate::slice::DeviceSlice;
use crate::stream::Stream;

/// Candidates of a frame that the kernels rank at most, in a time that grows with their square.
pub const MOST_RANKED: usize = 65_536;
/// Words of a row of results: x1, y1, x2, y2, score, class, anchor.
const ROW_WORDS: usize = 7;
/// Words before a frame's rows: kept, and candidates found.
const HEAD_WORDS: usize = 2;

/// What is on the way, or has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Expected {
    frames: usize,
    max_detections: usize,
}

/// The kernels and their memory, for one batch at a time.
#[derive(Debug)]
pub struct HeadDecoder {
    context: Context,
    kernels: Kernels,
    scratch: Option<DeviceBuffer>,
    /// As much room on the device as on the host.
    results: Option<(DeviceBuffer, PinnedBuffer)>,
    expected: Expected,
}

impl HeadDecoder {
    /// Loads the kernels. Memory comes with the first batch, and grows with larger heads only.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        Ok(Self {
            context: context.clone(),
            kernels: Kernels::load(context)?,
            scratch: None,
            results: None,
            expected: Expected::default(),
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
        let formats = [
            HeadFormat::yolov8(classes, anchors),
            HeadFormat::end_to_end(300),
            HeadFormat {
                multi_label: true,
                ..HeadFormat::yolov8(2, 300)
            },
        ];
        let bytes = formats.map(|it| it.len() * Precision::F32.bytes());
        let bytes = bytes.into_iter().max().unwrap_or(0);
        let zeros = DeviceBuffer::new(&self.context, bytes, "heads of zeros")?;
        stream.fill(zeros.slice(), 0)?;
        for format in formats {
            let config = HeadConfig {
                format,
                size: (640, 640),
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
    /// nothing but, where memory grows, an earlier batch. Batches of several streams wait for one
    /// another.
    ///
    /// The heads must stay as they are until [`Self::results`] has returned.
    ///
    /// # Errors
    /// More than [`MAX_FRAMES`] heads; one that is shorter than its format; a format that contradicts itself or the size; the driver's, among
    /// them a lack of memory.
    pub fn enqueue(
        &mut self,
        stream: &Stream,
        heads: &[DeviceSlice<'_>],
        config: &HeadConfig<'_>,
    ) -> Result<(), CudaError> {
        self.expected = Expected::default();
        let Some(batch) = Batch::new(heads, config)? else {
            return Ok(());
        };
        let expected = Expected {
            frames: heads.len(),
            max_detections: config.nms.max_detections,
        };
        let put = self.put(stream, batch, expected, config);
        if put.is_err() {
            // Some of it may be under way. The next batch has memory of its own: candidates of two
            // batches in the same one would be read as places in it.
            self.scratch = None;
            self.results = None;
        } else {
            self.expected = expected;
        }
        put
    }

    fn put(
        &mut self,
        stream: &Stream,
        batch: Batch<'_>,
        expected: Expected,
        config: &HeadConfig<'_>,
    ) -> Result<(), CudaError> {
        let context = &self.context;
        let scratch = scratch(&mut self.scratch, context, batch.room())?;
        let (results, pinned) = results(&mut self.results, context, expected)?;
        // The scratch memory is the last batch's until its results are on the host.
        pinned.before_next_copy(stream)?;
        stream.fill(scratch.counts()?, 0)?;
        self.kernels
            .launch(stream, batch, scratch, results, config)?;
        stream.download(results, pinned, 0..results.len())
    }

    /// The last batch's detections per frame, once they have come: in model pixels, best first, of
    /// equal scores the lower anchor first. No frame, if there was no batch or its heads were empty.
    /// `None` of a frame with more candidates than [`MOST_RANKED`]: the host has to decode it.
    ///
    /// # Errors
    /// The driver's; also those of the kernels.
    pub fn results(&self) -> Result<Vec<Option<Vec<Candidate>>>, CudaError> {
        let Some((_, pinned)) = &self.results else {
            return Ok(Vec::new());
        };
        let Expected {
            frames,
            max_detections,
        } = self.expected;
        let words: &[u32] = bytemuck::cast_slice(pinned.bytes()?);
        let frames = words.chunks_exact(frame_words(max_detections)).take(frames);
        Ok(frames.map(read_frame).collect())
    }
}

/// Scratch memory for a batch.
fn scratch<'a>(
    memory: &'a mut Option<DeviceBuffer>,
    context: &Context,
    room: Room,
) -> Result<Scratch<'a>, CudaError> {
    let bytes = Scratch::bytes(room);
    // What is too small goes first.
    let fitting = memory.take().filter(|it| it.slice().len() >= bytes);
    let buffer = match fitting {
        Some(buffer) => buffer,
        None => DeviceBuffer::new(context, bytes, &room.to_string())?,
    };
    Scratch::new(memory.insert(buffer).slice(), room)
}

/// Where the results of a batch go on the device, and from there on the host.
fn results<'a>(
    memory: &'a mut Option<(DeviceBuffer, PinnedBuffer)>,
    context: &Context,
    expected: Expected,
) -> Result<(DeviceSlice<'a>, &'a mut PinnedBuffer), CudaError> {
    let room = |frames: usize| frames * frame_words(expected.max_detections) * size_of::<u32>();
    let all = room(MAX_FRAMES);
    let fitting = memory.take().filter(|(it, _)| it.slice().len() >= all);
    let buffers = match fitting {
        Some(buffers) => buffers,
        None => {
            let what = format!("detections of {MAX_FRAMES} frames");
            let device = DeviceBuffer::new(context, all, &what)?;
            (device, PinnedBuffer::new(context, all, &what)?)
        }
    };
    let (device, pinned) = memory.insert(buffers);
    Ok((device.slice().part(0, room(expected.frames))?, pinned))
}

fn frame_words(max_detections: usize) -> usize {
    HEAD_WORDS + ROW_WORDS * max_detections
}

/// One frame's rows, as many as the kernel says; `None` where it has ranked nothing.
fn read_frame(words: &[u32]) -> Option<Vec<Candidate>> {
    let (head, rows) = words.split_at(HEAD_WORDS);
    if head[1] as usize > MOST_RANKED {
        return None;
    }
    let (rows, _) = rows.as_chunks::<ROW_WORDS>();
    let rows = rows.iter().take(head[0] as usize);
    let rows = rows.map(|&[x1, y1, x2, y2, score, class_id, anchor]| Candidate {
        bbox: [x1, y1, x2, y2].map(f32::from_bits),
        score: f32::from_bits(score),
        class_id,
        anchor,
    });
    Some(rows.collect())
}
