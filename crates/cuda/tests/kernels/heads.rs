//! Decoding and suppression against `decode` and `suppress`, bit by bit.

use std::cell::RefCell;

use camweave_cuda::heads::{ClassMask, HeadConfig, HeadDecoder};
use camweave_cuda::{DeviceBuffer, PinnedBuffer, Precision, Stream};
use camweave_vision::{Candidate, HeadLayout, HeadValue, NmsConfig, decode, suppress};
use half::f16;
use proptest::prelude::*;

use crate::library::function;
use crate::{Backend, on_both_backends};

on_both_backends! {
    any_heads_give_what_the_reference_gives
    nothing_above_the_threshold_is_nothing
    of_thousands_that_overlap_the_best_is_left
    more_candidates_and_detections_than_the_limits
    each_frame_of_a_full_batch_is_by_itself
    halves_are_converted_as_they_should_be
}

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
    u32,
    f32,
    u32,
    u32,
    *const u32,
    *const u32,
);
type Rank = unsafe extern "C" fn(*const Scratch, u32, *const u32, *const u32);
type Select =
    unsafe extern "C" fn(*const Scratch, u32, u32, f32, u32, *mut u32, *const u32, *const u32);

/// Words of a row, and before a frame's rows.
const ROW: usize = 7;
const HEAD: usize = 2;

trait Number: HeadValue {
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
    layout: HeadLayout,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Vec<Candidate>> {
    let (anchors, classes) = match layout {
        HeadLayout::Yolov8 { anchors, classes } => (anchors, Some(classes as u32)),
        HeadLayout::EndToEnd { max } => (max, None),
    };
    let frames = heads.len();
    let mut addresses = Heads([std::ptr::null(); 32]);
    for (address, head) in addresses.0.iter_mut().zip(heads) {
        *address = head.as_ptr().cast();
    }
    let all = frames * anchors;
    let mut counts = vec![0_u32; frames];
    // Older content must not matter.
    let (mut keys, mut sorted) = (vec![7_u64; all], vec![7_u64; all]);
    let (mut boxes, mut class_ids) = (vec![7.0_f32; 4 * all], vec![7_u32; all]);
    let scratch = Scratch {
        counts: counts.as_mut_ptr(),
        keys: keys.as_mut_ptr(),
        sorted: sorted.as_mut_ptr(),
        boxes: boxes.as_mut_ptr(),
        classes: class_ids.as_mut_ptr(),
        anchors: anchors as u32,
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
    let limit = if classes.is_some() {
        config.max_candidates as u32
    } else {
        max_detections
    };
    let frame_words = HEAD + ROW * config.max_detections;
    let mut results = vec![0xdead_beef_u32; frames * frame_words + 8];
    let per_anchor = [(anchors as u32).div_ceil(256), frames as u32, 1];
    let threads = [256, 1, 1];
    let per_frame = [frames as u32, 1, 1];
    let is_end_to_end = u32::from(classes.is_none());
    // SAFETY: the types of the functions in heads.cpp.
    let decode = unsafe { function::<Decode>("heads", "run_decode") };
    // SAFETY: as above.
    let rank = unsafe { function::<Rank>("heads", "run_rank") };
    // SAFETY: as above.
    let select = unsafe { function::<Select>("heads", "run_select") };
    // SAFETY: the heads are as long as their layout, and the scratch memory is for all anchors.
    unsafe {
        decode(
            &raw const addresses,
            &raw const scratch,
            &raw const mask,
            classes.unwrap_or(0),
            config.confidence,
            u32::from(T::PRECISION == Precision::F16),
            is_end_to_end,
            per_anchor.as_ptr(),
            threads.as_ptr(),
        );
    }
    // SAFETY: as above.
    unsafe {
        rank(
            &raw const scratch,
            limit,
            per_anchor.as_ptr(),
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
                1 - is_end_to_end,
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
fn run<T: Number>(
    backend: &Backend,
    heads: &[Vec<T>],
    layout: HeadLayout,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Vec<Candidate>> {
    let context = match backend {
        Backend::Emulation => return emulate(heads, layout, config, kept),
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
            .upload(&pinned, 0..bytes.len(), buffer.slice())
            .expect("a copy");
        let parts =
            (0..heads.len()).map(|index| buffer.slice().part(index * head_bytes, head_bytes));
        let parts: Vec<_> = parts
            .collect::<Result<_, _>>()
            .expect("parts of the buffer");
        let mask = kept.map(|kept| ClassMask::new(stream, kept).expect("a mask"));
        let config = HeadConfig {
            layout,
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

fn read(words: &[u32]) -> Vec<Candidate> {
    let rows = words[HEAD..].chunks_exact(ROW).take(words[0] as usize);
    let rows = rows.map(|row| Candidate {
        bbox: std::array::from_fn(|edge| f32::from_bits(row[edge])),
        score: f32::from_bits(row[4]),
        class_id: row[5],
        anchor: row[6],
    });
    rows.collect()
}

/// The same by the reference, with the classes as the stage on the CPU applies them.
fn reference<T: Number>(
    head: &[T],
    layout: HeadLayout,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    decode(head, &layout, config.confidence, &mut candidates).expect("a head of this layout");
    if let Some(kept) = kept {
        candidates.retain(|candidate| kept.get(candidate.class_id as usize) == Some(&true));
    }
    match layout {
        HeadLayout::Yolov8 { .. } => suppress(&mut candidates, config),
        HeadLayout::EndToEnd { .. } => {
            candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.anchor.cmp(&b.anchor)));
            candidates.truncate(config.max_detections);
        }
    }
    candidates
}

fn check<T: Number>(
    backend: &Backend,
    heads: &[Vec<f32>],
    layout: HeadLayout,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> usize {
    let heads: Vec<Vec<T>> = heads
        .iter()
        .map(|head| head.iter().map(|&value| T::from_single(value)).collect())
        .collect();
    let found = run(backend, &heads, layout, config, kept);
    assert_eq!(found.len(), heads.len());
    let mut detections = 0;
    for (found, head) in found.iter().zip(&heads) {
        assert_eq!(*found, reference(head, layout, config, kept));
        detections += found.len();
    }
    detections
}

fn check_both(
    backend: &Backend,
    heads: &[Vec<f32>],
    layout: HeadLayout,
    config: &NmsConfig,
    kept: Option<&[bool]>,
) -> usize {
    check::<f32>(backend, heads, layout, config, kept)
        + check::<f16>(backend, heads, layout, config, kept)
}

/// Numbers that a network should not put out, among ordinary ones.
fn odd(ordinary: impl Strategy<Value = f32> + 'static) -> BoxedStrategy<f32> {
    prop_oneof![
        60 => ordinary,
        1 => proptest::sample::select(vec![
            f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, -1.0,
            f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-40, 65_504.0, 3e38,
        ]),
    ]
    .boxed()
}

const ANCHORS: usize = 150;
const CLASSES: usize = 3;

/// Boxes that crowd, with scores of few values, so that ties abound.
fn yolov8() -> impl Strategy<Value = Vec<f32>> {
    let rows = |count: usize, values: BoxedStrategy<f32>| {
        proptest::collection::vec(values, count * ANCHORS)
    };
    let centres = odd((0..40_u32).prop_map(|value| value as f32 / 2.0));
    let sizes = odd((0..30_u32).prop_map(|value| value as f32 / 2.0));
    let scores = odd((0..12_u32).prop_map(|value| value as f32 / 12.0));
    (rows(2, centres), rows(2, sizes), rows(CLASSES, scores))
        .prop_map(|(centres, sizes, scores)| [centres, sizes, scores].concat())
}

fn end_to_end() -> impl Strategy<Value = Vec<f32>> {
    let edge = || odd((0..40_u32).prop_map(|value| value as f32));
    let score = odd((0..12_u32).prop_map(|value| value as f32 / 12.0));
    let class = odd((0..5_u32).prop_map(|value| value as f32 / 2.0));
    let row = (edge(), edge(), edge(), edge(), score, class)
        .prop_map(|(x1, y1, x2, y2, score, class)| [x1, y1, x2, y2, score, class]);
    proptest::collection::vec(row, ANCHORS).prop_map(|rows| rows.concat())
}

fn config() -> impl Strategy<Value = NmsConfig> {
    let unit = || proptest::sample::select(vec![0.0_f32, 0.2, 0.25, 0.45, 0.5, 0.7, 1.0]);
    let most = || proptest::sample::select(vec![1_usize, 3, 63, 64, 65, 100, 300]);
    (unit(), unit(), most(), most()).prop_map(
        |(confidence, iou, max_candidates, max_detections)| NmsConfig {
            confidence,
            iou,
            max_candidates,
            max_detections,
        },
    )
}

/// 10,000 heads, in both precisions.
fn any_heads_give_what_the_reference_gives(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let heads = proptest::collection::vec(yolov8(), 1..3);
    let kept = proptest::option::of(proptest::collection::vec(any::<bool>(), 0..5));
    proptest!(settings, |(heads in heads, rows in end_to_end(), config in config(), kept in kept)| {
        let layout = HeadLayout::Yolov8 { classes: CLASSES, anchors: ANCHORS };
        check_both(backend, &heads, layout, &config, kept.as_deref());
        check_both(backend, &[rows], HeadLayout::EndToEnd { max: ANCHORS }, &config, kept.as_deref());
    });
}

/// A head of one class in which each anchor has a box (centre, size) and a score.
fn head(boxes: &[([f32; 4], f32)]) -> (Vec<f32>, HeadLayout) {
    let anchors = boxes.len();
    let mut values = Vec::new();
    for row in 0..4 {
        values.extend(boxes.iter().map(|(bbox, _)| bbox[row]));
    }
    values.extend(boxes.iter().map(|(_, score)| score));
    (
        values,
        HeadLayout::Yolov8 {
            classes: 1,
            anchors,
        },
    )
}

fn nothing_above_the_threshold_is_nothing(backend: &Backend) {
    let (values, layout) = head(&[([5.0, 5.0, 2.0, 2.0], 0.25), ([9.0, 5.0, 2.0, 2.0], 0.0)]);
    assert_eq!(
        check_both(backend, &[values], layout, &NmsConfig::default(), None),
        0
    );
}

fn of_thousands_that_overlap_the_best_is_left(backend: &Backend) {
    let boxes: Vec<_> = (0..8400)
        .map(|i| {
            (
                [50.0, 50.0, 90.0, 90.0 + (i % 7) as f32],
                0.3 + (i * 37 % 8400) as f32 / 20_000.0,
            )
        })
        .collect();
    let (values, layout) = head(&boxes);
    assert_eq!(
        check_both(backend, &[values], layout, &NmsConfig::default(), None),
        2
    );
}

fn more_candidates_and_detections_than_the_limits(backend: &Backend) {
    // Boxes that do not touch: everything would be kept. Every score comes three times.
    let boxes: Vec<_> = (0..3000)
        .map(|i| {
            (
                [4.0 * (i % 50) as f32, 4.0 * (i / 50) as f32, 2.0, 2.0],
                0.5 + (i % 1000) as f32 / 4096.0,
            )
        })
        .collect();
    let (values, layout) = head(&boxes);
    let limits = |max_candidates, max_detections| NmsConfig {
        max_candidates,
        max_detections,
        ..NmsConfig::default()
    };
    for (config, expected) in [
        (limits(30_000, 300), 300),
        (limits(100, 300), 100),
        (limits(30_000, 3000), 3000),
        (limits(1, 1), 1),
    ] {
        let detections = check::<f32>(
            backend,
            std::slice::from_ref(&values),
            layout,
            &config,
            None,
        );
        assert_eq!(detections, expected, "{config:?}");
    }
}

fn each_frame_of_a_full_batch_is_by_itself(backend: &Backend) {
    let heads: Vec<Vec<f32>> = (0..32)
        .map(|frame| {
            let boxes: Vec<_> = (0..70)
                .map(|i| {
                    (
                        [
                            (i * 9 % 31) as f32,
                            (i * 5 % 17) as f32,
                            8.0,
                            (1 + frame % 9) as f32,
                        ],
                        (i * 13 % 29) as f32 / 29.0,
                    )
                })
                .collect();
            head(&boxes).0
        })
        .collect();
    let layout = HeadLayout::Yolov8 {
        classes: 1,
        anchors: 70,
    };
    assert!(check_both(backend, &heads, layout, &NmsConfig::default(), None) > 32);
}

fn halves_are_converted_as_they_should_be(backend: &Backend) {
    // All 16-bit patterns as edges of boxes without an area, against the `half` crate.
    const ROWS: usize = 8192;
    let heads: Vec<Vec<f32>> = (0..8)
        .map(|part| {
            let bits = (0..ROWS).map(|row| (part * ROWS + row) as u16);
            let edges = bits.map(|bits| f16::from_bits(bits).to_f32());
            edges
                .flat_map(|edge| [edge, 0.0, edge, 0.0, 0.5, 0.0])
                .collect()
        })
        .collect();
    let layout = HeadLayout::EndToEnd { max: ROWS };
    let config = NmsConfig {
        max_detections: ROWS,
        ..NmsConfig::default()
    };
    let finite = (1 << 16) - 2 * 1024;
    assert_eq!(check::<f16>(backend, &heads, layout, &config, None), finite);
}
