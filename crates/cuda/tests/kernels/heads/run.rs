//! What the kernels make of heads: compiled for the CPU, or on a device.

use std::cell::RefCell;

use camweave_cuda::heads::{ClassMask, FormatDescriptor, HeadConfig, HeadDecoder, MOST_RANKED};
use camweave_cuda::{DeviceBuffer, PinnedBuffer, Precision, Stream};
use camweave_vision::{Candidate, HeadFormat, HeadValue, NmsConfig};
use half::f16;

use crate::Backend;
use crate::library::function;

#[repr(C)]
struct Heads([*const u8; 32]);

#[repr(C)]
struct Scratch {
    counts: *mut u32,
    keys: *mut u64,
    sorted: *mut u64,
    boxes: *mut f32,
    classes: *mut u32,
    anchors: u32,
    labels: u32,
}

#[repr(C)]
struct Kept {
    words: *const u32,
    classes: u32,
}

type Decode = unsafe extern "C" fn(
    *const Heads,
    *const Scratch,
    *const Kept,
    *const FormatDescriptor,
    u32,
    f32,
    u32,
    *const u32,
    *const u32,
);
type Rank = unsafe extern "C" fn(*const Scratch, u32, *const u32, *const u32);
type Select =
    unsafe extern "C" fn(*const Scratch, u32, u32, f32, u32, *mut u32, *const u32, *const u32);

/// Width and height of the network's input: its grid has 32, 8 and 2 cells.
pub(super) const SIZE: (u32, u32) = (64, 32);

/// Words of a row, and before a frame's rows.
const ROW: usize = 7;
const HEAD: usize = 2;

pub(super) trait Number: HeadValue {
    const PRECISION: Precision;
    fn from_single(value: f32) -> Self;
    fn to_bytes(self) -> Vec<u8>;
}

impl Number for f32 {
    const PRECISION: Precision = Precision::F32;
    fn from_single(value: f32) -> Self {
        value
    }
    fn to_bytes(self) -> Vec<u8> {
        self.to_ne_bytes().to_vec()
    }
}

impl Number for f16 {
    const PRECISION: Precision = Precision::F16;
    fn from_single(value: f32) -> Self {
        Self::from_f32(value)
    }
    fn to_bytes(self) -> Vec<u8> {
        self.to_ne_bytes().to_vec()
    }
}

/// What the kernels make of heads, as `src/heads.rs` launches them.
fn emulate<T: Number>(
    heads: &[Vec<T>],
    format: HeadFormat,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Option<Vec<Candidate>>> {
    let anchors = format.anchors as usize;
    let descriptor = FormatDescriptor::new(&format, SIZE).expect("a sound format");
    let yolov8_classes = format
        .classes()
        .filter(|&classes| format == HeadFormat::yolov8(classes, format.anchors));
    let frames = heads.len();
    let mut addresses = Heads([std::ptr::null(); 32]);
    for (address, head) in addresses.0.iter_mut().zip(heads) {
        *address = head.as_ptr().cast();
    }
    let labels = match format.multi_label {
        true => format.class_scores().len(),
        false => 1,
    };
    let (all, candidates) = (frames * anchors, frames * anchors * labels);
    let mut counts = vec![0_u32; frames];
    // Older content must not matter.
    let (mut keys, mut sorted) = (vec![7_u64; candidates], vec![7_u64; candidates]);
    let (mut boxes, mut class_ids) = (vec![7.0_f32; 4 * all], vec![7_u32; all]);
    let scratch = Scratch {
        counts: counts.as_mut_ptr(),
        keys: keys.as_mut_ptr(),
        sorted: sorted.as_mut_ptr(),
        boxes: boxes.as_mut_ptr(),
        classes: class_ids.as_mut_ptr(),
        anchors: anchors as u32,
        labels: labels as u32,
    };
    let words: Option<Vec<u32>> = kept.map(|kept| {
        let word = |chunk: &[bool]| {
            chunk
                .iter()
                .rev()
                .fold(0, |word, &bit| word << 1 | u32::from(bit))
        };
        kept.chunks(32).map(word).collect()
    });
    let mask = Kept {
        words: words.as_ref().map_or(std::ptr::null(), Vec::as_ptr),
        classes: kept.map_or(0, |kept| kept.len() as u32),
    };
    let max_detections = config.max_detections as u32;
    let limit = if format.overlaps {
        config.max_candidates as u32
    } else {
        max_detections
    };
    let frame_words = HEAD + ROW * config.max_detections;
    let mut results = vec![0xdead_beef_u32; frames * frame_words + 8];
    let blocks = |threads: usize| [threads.div_ceil(256) as u32, frames as u32, 1];
    let (per_anchor, per_candidate) = (blocks(anchors), blocks(anchors * labels));
    let threads = [256, 1, 1];
    let per_frame = [frames as u32, 1, 1];
    // SAFETY: the types of the functions in heads.cpp.
    let decode = unsafe { function::<Decode>("heads", "run_decode") };
    // SAFETY: as above.
    let rank = unsafe { function::<Rank>("heads", "run_rank") };
    // SAFETY: as above.
    let select = unsafe { function::<Select>("heads", "run_select") };
    // SAFETY: the heads are as long as their format, and the scratch memory is for all anchors.
    unsafe {
        decode(
            &raw const addresses,
            &raw const scratch,
            &raw const mask,
            &raw const descriptor,
            yolov8_classes.unwrap_or(0),
            config.confidence,
            u32::from(T::PRECISION == Precision::F16),
            per_anchor.as_ptr(),
            threads.as_ptr(),
        );
    }
    // SAFETY: as above.
    unsafe {
        rank(
            &raw const scratch,
            limit,
            per_candidate.as_ptr(),
            threads.as_ptr(),
        );
    };
    // Every number of threads gives the same, and so does every order (emulation.h).
    let mut found: Option<Vec<u32>> = None;
    for threads in [[64, 1, 1], [256, 1, 1], [64, 1, 1]] {
        results.fill(0xdead_beef);
        // SAFETY: as above; the results have room for all frames.
        unsafe {
            select(
                &raw const scratch,
                limit,
                max_detections,
                config.iou,
                u32::from(format.overlaps),
                results.as_mut_ptr(),
                per_frame.as_ptr(),
                threads.as_ptr(),
            );
        }
        assert_eq!(
            *found.get_or_insert_with(|| results.clone()),
            results,
            "{threads:?}"
        );
    }
    assert!(
        results[frames * frame_words..]
            .iter()
            .all(|&word| word == 0xdead_beef)
    );
    let frames = results.chunks_exact(frame_words).take(frames);
    frames.map(read).collect()
}

thread_local! {
    /// Kept from case to case, as a stage keeps it from message to message.
    static DECODER: RefCell<Option<(Stream, HeadDecoder)>> = const { RefCell::new(None) };
}

/// What a device makes of heads.
pub(super) fn run<T: Number>(
    backend: &Backend,
    heads: &[Vec<T>],
    format: HeadFormat,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Option<Vec<Candidate>>> {
    let context = match backend {
        Backend::Emulation => return emulate(heads, format, config, kept),
        Backend::Device(context) => context,
    };
    DECODER.with_borrow_mut(|decoder| {
        let (stream, decoder) = decoder.get_or_insert_with(|| {
            let stream = Stream::new(context).expect("a stream");
            (
                stream,
                HeadDecoder::new(context).expect("kernels that load"),
            )
        });
        let bytes = heads.iter().flatten().flat_map(|number| number.to_bytes());
        let bytes: Vec<u8> = bytes.collect();
        let head_bytes = bytes.len() / heads.len();
        let mut pinned = PinnedBuffer::new(context, bytes.len(), "heads").expect("memory");
        pinned
            .bytes_mut()
            .expect("no copy yet")
            .copy_from_slice(&bytes);
        let buffer = DeviceBuffer::new(context, bytes.len(), "heads").expect("memory");
        stream
            .upload(&mut pinned, 0..bytes.len(), buffer.slice())
            .expect("a copy");
        let parts =
            (0..heads.len()).map(|index| buffer.slice().part(index * head_bytes, head_bytes));
        let parts: Vec<_> = parts
            .collect::<Result<_, _>>()
            .expect("parts of the buffer");
        let mask = kept.map(|kept| ClassMask::new(stream, kept).expect("a mask"));
        let config = HeadConfig {
            format,
            size: SIZE,
            precision: T::PRECISION,
            nms: *config,
            classes: mask.as_ref(),
        };
        decoder
            .enqueue(stream, &parts, &config)
            .expect("kernels that start");
        decoder.results().expect("kernels that end")
    })
}

fn read(words: &[u32]) -> Option<Vec<Candidate>> {
    if words[1] as usize > MOST_RANKED {
        assert_eq!(words[0], 0, "nothing is kept of too many");
        return None;
    }
    let rows = words[HEAD..].chunks_exact(ROW).take(words[0] as usize);
    let rows = rows.map(|row| Candidate {
        bbox: std::array::from_fn(|edge| f32::from_bits(row[edge])),
        score: f32::from_bits(row[4]),
        class_id: row[5],
        anchor: row[6],
    });
    Some(rows.collect())
}
