//! Letterboxing against `LetterboxPlan`.

use camweave_cuda::letterbox::{FrameDescriptor, Kernel, ValuesDescriptor, launch};
use camweave_cuda::{Context, DeviceBuffer, DeviceSlice, PinnedBuffer, Stream};
use camweave_vision::{
    Channels, ColorMatrix, ColorRange, Element, Fit, InputFormat, InputLayout, Letterbox,
    LetterboxPlan, Picture, PictureLayout, PixelFormat, Plane, Planes, Range, byte_of,
};
use half::f16;
use proptest::prelude::*;

use crate::library::function;
use crate::{Backend, on_both_backends};

on_both_backends! {
    any_pictures_of_a_list_agree_with_the_reference
    any_formats_agree_with_the_reference
    makers_formats_agree_with_the_reference
    usual_and_extreme_sizes_agree_with_the_reference
    a_full_launch_has_32_frames
}

type Run = unsafe extern "C" fn(
    frames: *const FrameDescriptor<'_>,
    out: *mut u8,
    width: u32,
    height: u32,
    values: *const ValuesDescriptor,
    kernel: u32,
    blocks: *const u32,
    threads: *const u32,
);

/// The most frames of one launch, as the kernel has them.
const MAX_FRAMES: usize = 32;
/// What surrounds the output, and must stay.
const GUARD: u8 = 0xa5;
/// Differences come of weights that are rounded from `f32` here and `f64` there: a few units in
/// the last place of values up to 1023. In steps of 255: below 0.01.
const TOLERANCE: f32 = 2e-5;

#[derive(Debug)]
struct Source {
    layout: PictureLayout,
    data: Vec<u8>,
}

impl Source {
    /// A picture of random bytes with this much room between rows, and before the first.
    fn new(
        size: (u32, u32),
        format: PixelFormat,
        matrix: ColorMatrix,
        range: ColorRange,
        gap: u32,
        seed: u64,
    ) -> Self {
        let packed = PictureLayout::packed(size.0, size.1, format, matrix, range);
        // 16-bit samples stay at even bytes.
        let gap = if format == PixelFormat::P010 {
            gap & !1
        } else {
            gap
        };
        let chroma_rows = size.1.div_ceil(2);
        let mut offset = gap;
        let mut planes: Vec<Plane> = Vec::new();
        for (index, plane) in packed.planes.iter().enumerate() {
            let stride = plane.stride + gap;
            planes.push(Plane { offset, stride });
            offset += stride * if index == 0 { size.1 } else { chroma_rows };
        }
        let planes = Planes::try_from(planes.as_slice()).expect("1 to 3 planes");
        let layout = PictureLayout { planes, ..packed };
        let bytes = layout.required_bytes().expect("a possible layout");
        let mut state = seed | 1;
        let data = (0..bytes).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        });
        Self {
            layout,
            data: data.collect(),
        }
    }

    fn descriptor<'a>(
        &self,
        memory: DeviceSlice<'a>,
        model: (u32, u32),
        format: &InputFormat,
    ) -> FrameDescriptor<'a> {
        let letterbox = letterbox(self, model, format.fit);
        FrameDescriptor::new(&self.layout, memory, &letterbox).expect("a picture in its memory")
    }

    fn reference(&self, model: (u32, u32), format: &InputFormat) -> Vec<f32> {
        let picture = Picture::new(&self.layout, &self.data).expect("a picture in its memory");
        let letterbox = letterbox(self, model, format.fit);
        let mut plan = LetterboxPlan::with_format(&self.layout, &letterbox, format)
            .expect("a fitting letterbox");
        let mut out = vec![0.0; letterbox.output_len()];
        plan.run(&picture, &mut out).expect("as planned");
        out
    }
}

/// What the kernel makes of the pictures.
fn run(backend: &Backend, sources: &[Source], model: (u32, u32), format: &InputFormat) -> Vec<f32> {
    let values = sources.len() * 3 * model.0 as usize * model.1 as usize;
    let bytes = values * format.element.bytes();
    let out = match backend {
        Backend::Emulation => emulate(sources, model, format, bytes),
        Backend::Device(context) => on_device(context, sources, model, format, bytes),
    };
    let (out, guard) = out.split_at(bytes);
    assert!(
        guard.iter().all(|&byte| byte == GUARD),
        "written behind the output"
    );
    match format.element {
        Element::Uint8 => out.iter().copied().map(f32::from).collect(),
        Element::Float16 => out
            .chunks(2)
            .map(|pair| f16::from_ne_bytes([pair[0], pair[1]]).to_f32())
            .collect(),
        Element::Float32 => out
            .chunks(4)
            .map(|word| f32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
            .collect(),
    }
}

fn emulate(sources: &[Source], model: (u32, u32), format: &InputFormat, bytes: usize) -> Vec<u8> {
    let frames = sources.iter().map(|source| {
        // SAFETY: no device sees it: the kernel runs on the CPU, and reads the bytes as they are.
        let memory =
            unsafe { DeviceSlice::from_raw(source.data.as_ptr() as u64, source.data.len()) };
        source.descriptor(memory, model, format)
    });
    let mut frames: Vec<_> = frames.collect();
    let count = frames.len();
    assert!(count <= MAX_FRAMES);
    frames.resize(MAX_FRAMES, frames[0]);
    // Words, so that they are aligned.
    let mut out = vec![u32::from_ne_bytes([GUARD; 4]); bytes.div_ceil(4) + 16];
    let blocks = [model.0.div_ceil(64), model.1.div_ceil(32), count as u32];
    let threads = [32, 8, 1];
    let values = ValuesDescriptor::new(format).expect("a possible format");
    let kernel = match (format.is_plain(), format.element) {
        (true, Element::Float16) => 0,
        (true, Element::Float32) => 1,
        _ => 2,
    };
    // SAFETY: the type of the function in letterbox.cpp.
    let run = unsafe { function::<Run>("letterbox", "run_letterbox") };
    // SAFETY: as many descriptors as the kernel takes, and room for all values.
    unsafe {
        run(
            frames.as_ptr(),
            out.as_mut_ptr().cast(),
            model.0,
            model.1,
            &raw const values,
            kernel,
            blocks.as_ptr(),
            threads.as_ptr(),
        );
    }
    out.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn on_device(
    context: &Context,
    sources: &[Source],
    model: (u32, u32),
    format: &InputFormat,
    bytes: usize,
) -> Vec<u8> {
    let stream = Stream::new(context).expect("a stream");
    let buffer = |bytes| DeviceBuffer::new(context, bytes, "a test").expect("memory");
    let pinned = |bytes| PinnedBuffer::new(context, bytes, "a test").expect("memory");
    let upload = |source: &Source| {
        let (len, mut from) = (source.data.len(), pinned(source.data.len()));
        from.bytes_mut()
            .expect("no copy yet")
            .copy_from_slice(&source.data);
        let memory = buffer(len);
        stream
            .upload(&mut from, 0..len, memory.slice())
            .expect("a copy");
        memory
    };
    let pictures: Vec<_> = sources.iter().map(upload).collect();
    let frames = sources.iter().zip(&pictures);
    let frames = frames.map(|(source, memory)| source.descriptor(memory.slice(), model, format));
    let frames: Vec<_> = frames.collect();
    let (out, all) = (buffer(bytes + 64), bytes + 64);
    stream.fill(out.slice(), GUARD).expect("a fill");
    let kernel = Kernel::load(context, format).expect("a kernel that loads");
    let inputs = out.slice().part(0, bytes).expect("a part");
    launch(&kernel, &stream, &frames, inputs, model).expect("a kernel that starts");
    let mut host = pinned(all);
    stream
        .download(out.slice(), &mut host, 0..all)
        .expect("a copy");
    host.bytes().expect("a kernel that ends").to_vec()
}

fn letterbox(source: &Source, model: (u32, u32), fit: Fit) -> Letterbox {
    let size = (source.layout.width, source.layout.height);
    Letterbox::fit(size, model, fit).expect("possible sizes")
}

/// The channel of a value of one input or several.
fn channel(index: usize, model: (u32, u32), layout: InputLayout) -> usize {
    let plane = model.0 as usize * model.1 as usize;
    match layout {
        InputLayout::Nchw => index / plane % 3,
        InputLayout::Nhwc => index % 3,
    }
}

/// In all types that the format's values may have.
fn check(backend: &Backend, sources: &[Source], model: (u32, u32), format: &InputFormat) {
    let of = |element| InputFormat { element, ..*format };
    let expected: Vec<f32> = sources
        .iter()
        .flat_map(|source| source.reference(model, format))
        .collect();
    let single = run(backend, sources, model, &of(Element::Float32));
    let half = run(backend, sources, model, &of(Element::Float16));
    assert_eq!((single.len(), half.len()), (expected.len(), expected.len()));
    let affine = format.affine();
    for (index, ((&expected, &single), &half)) in
        expected.iter().zip(&single).zip(&half).enumerate()
    {
        let gain = affine[channel(index, model, format.layout)].gain;
        assert!(
            (single - expected).abs() <= TOLERANCE * gain,
            "value {index}: {single}, expected {expected}"
        );
        assert_eq!(
            half,
            f16::from_f32(single).to_f32(),
            "value {index} of half precision"
        );
    }
    if of(Element::Uint8).check().is_ok() {
        let bytes = run(backend, sources, model, &of(Element::Uint8));
        let rounded: Vec<_> = single.into_iter().map(byte_of).map(f32::from).collect();
        assert_eq!(bytes, rounded);
    }
}

fn source() -> impl Strategy<Value = Source> {
    let formats = proptest::sample::select(PixelFormat::ALL);
    let matrices = proptest::sample::select(ColorMatrix::ALL);
    let ranges = proptest::sample::select(ColorRange::ALL);
    (
        (1_u32..90, 1_u32..90),
        formats,
        matrices,
        ranges,
        0_u32..9,
        any::<u64>(),
    )
        .prop_map(|(size, format, matrix, range, gap, seed)| {
            Source::new(size, format, matrix, range, gap, seed)
        })
}

fn any_pictures_of_a_list_agree_with_the_reference(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let sources = proptest::collection::vec(source(), 1..4);
    proptest!(settings, |(sources in sources, model in (1_u32..80, 1_u32..80))| {
        check(backend, &sources, model, &InputFormat::default());
    });
}

fn format() -> impl Strategy<Value = InputFormat> {
    let fits = proptest::sample::select(Fit::ALL);
    let channels = proptest::sample::select(Channels::ALL);
    let layouts = proptest::sample::select(InputLayout::ALL);
    let ranges = proptest::sample::select(vec![Range::One, Range::Byte]);
    let none = Just(([0.0; 3], [1.0; 3]));
    let some = (
        proptest::array::uniform3(-0.5_f32..1.5),
        proptest::array::uniform3(0.01_f32..4.0),
    );
    let scaling = prop_oneof![none, some];
    (fits, channels, layouts, ranges, scaling).prop_map(
        |(fit, channels, layout, range, (mean, deviation))| InputFormat {
            fit,
            channels,
            layout,
            range,
            mean,
            deviation,
            ..InputFormat::default()
        },
    )
}

fn any_formats_agree_with_the_reference(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let sources = proptest::collection::vec(source(), 1..4);
    let model = (1_u32..80, 1_u32..80);
    proptest!(settings, |(sources in sources, model in model, format in format())| {
        check(backend, &sources, model, &format);
    });
}

fn makers_formats_agree_with_the_reference(backend: &Backend) {
    let yolox = InputFormat {
        fit: Fit::TopLeft,
        channels: Channels::Bgr,
        range: Range::Byte,
        ..InputFormat::default()
    };
    let rf_detr = InputFormat {
        fit: Fit::Stretch,
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
        ..InputFormat::default()
    };
    let tensorflow = InputFormat {
        layout: InputLayout::Nhwc,
        range: Range::Byte,
        ..InputFormat::default()
    };
    for (index, format) in [yolox, rf_detr, tensorflow].iter().enumerate() {
        for size in [(1920, 1080), (333, 777)] {
            let source = Source::new(
                size,
                PixelFormat::Nv12,
                ColorMatrix::Bt709,
                ColorRange::Limited,
                7,
                index as u64,
            );
            check(backend, &[source], (640, 640), format);
        }
    }
}

fn usual_and_extreme_sizes_agree_with_the_reference(backend: &Backend) {
    let sizes = [
        (1920, 1080),
        (1081, 1921),
        (3840, 2160),
        (640, 640),
        (32_768, 1),
        (1, 32_768),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        for format in PixelFormat::ALL {
            let source = Source::new(
                size,
                *format,
                ColorMatrix::Bt709,
                ColorRange::Limited,
                7,
                index as u64,
            );
            check(backend, &[source], (640, 640), &InputFormat::default());
        }
    }
}

fn a_full_launch_has_32_frames(backend: &Backend) {
    let sources: Vec<Source> = (0..32)
        .map(|index| {
            Source::new(
                (20 + index, 40),
                PixelFormat::Nv12,
                ColorMatrix::Bt601,
                ColorRange::Full,
                0,
                u64::from(index),
            )
        })
        .collect();
    check(backend, &sources, (33, 31), &InputFormat::default());
}

#[test]
fn pictures_that_leave_their_memory_are_refused() {
    let source = Source::new(
        (64, 48),
        PixelFormat::Nv12,
        ColorMatrix::Bt601,
        ColorRange::Full,
        0,
        1,
    );
    // SAFETY: nobody reads it.
    let memory = unsafe { DeviceSlice::from_raw(4096, source.data.len() - 1) };
    let fitting = letterbox(&source, (32, 32), Fit::Letterbox);
    let error =
        FrameDescriptor::new(&source.layout, memory, &fitting).expect_err("a byte is missing");
    assert!(error.to_string().contains("within 4607"), "{error}");
    let other = Letterbox::new((64, 50), (32, 32)).expect("possible sizes");
    let error = FrameDescriptor::new(&source.layout, memory, &other).expect_err("another size");
    for part in ["64x48", "64x50"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn impossible_formats_are_refused() {
    let format = InputFormat {
        element: Element::Uint8,
        ..InputFormat::default()
    };
    let error = ValuesDescriptor::new(&format).expect_err("integers of 0 to 1");
    for part in [
        "the input's format",
        "uint8 with range 1",
        "expected range 255",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
