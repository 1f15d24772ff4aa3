//! Grids of luma against `LumaGrid`.

use camweave_cuda::luma::{LumaDescriptor, LumaKernel};
use camweave_cuda::{Context, DeviceBuffer, DeviceSlice, PinnedBuffer, Stream};
use camweave_vision::{
    ColorMatrix, ColorRange, LumaGrid, LumaPlane, PictureLayout, PixelFormat, Plane, Planes,
};
use proptest::prelude::*;

use crate::library::function;
use crate::{Backend, on_both_backends};

on_both_backends! {
    any_frames_have_the_grid_of_the_reference
    usual_and_extreme_sizes_have_the_grid_of_the_reference
    the_brightest_frames_do_not_overflow
}

type Run = unsafe extern "C" fn(
    luma: *const LumaDescriptor<'_>,
    cells: *mut f32,
    blocks: *const u32,
    threads: *const u32,
);

const CELLS: usize = LumaGrid::COLUMNS * LumaGrid::ROWS;
/// What surrounds the grid, and must stay.
const GUARD: u8 = 0xa5;
/// Values behind the grid.
const GUARDS: usize = 16;

#[derive(Debug)]
struct Source {
    layout: PictureLayout,
    /// Of the frame, and no byte more.
    data: Vec<u8>,
}

impl Source {
    /// A frame with this much room between rows, and before the first, whose bytes are `byte`'s.
    fn new(size: (u32, u32), format: PixelFormat, gap: u32, mut byte: impl FnMut() -> u8) -> Self {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let packed = PictureLayout::packed(size.0, size.1, format, matrix, range);
        // 16-bit samples stay at even bytes.
        let gap = if format == PixelFormat::P010 {
            gap & !1
        } else {
            gap
        };
        let mut offset = gap;
        let mut planes: Vec<Plane> = Vec::new();
        for (index, plane) in packed.planes.iter().enumerate() {
            let stride = plane.stride + gap;
            planes.push(Plane { offset, stride });
            let rows = if index == 0 {
                size.1
            } else {
                size.1.div_ceil(2)
            };
            offset += stride * rows;
        }
        let planes = Planes::try_from(planes.as_slice()).expect("1 to 3 planes");
        let layout = PictureLayout { planes, ..packed };
        let bytes = layout.required_bytes().expect("a possible layout");
        let data = (0..bytes).map(|_| byte()).collect();
        Self { layout, data }
    }

    fn random(size: (u32, u32), format: PixelFormat, gap: u32, seed: u64) -> Self {
        let mut state = seed | 1;
        Self::new(size, format, gap, || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
    }

    fn reference(&self) -> LumaGrid {
        let Plane { offset, stride } = self.layout.planes[0];
        let plane = LumaPlane {
            data: &self.data[offset as usize..],
            stride: stride as usize,
            width: self.layout.width as usize,
            height: self.layout.height as usize,
            bits: if self.layout.format == PixelFormat::P010 {
                16
            } else {
                8
            },
        };
        LumaGrid::of(&plane).expect("a whole plane")
    }
}

fn check(backend: &Backend, source: &Source) {
    let found = match backend {
        Backend::Emulation => emulate(source),
        Backend::Device(context) => on_device(context, source),
    };
    let (cells, guard) = found.split_at(CELLS);
    let untouched = f32::from_ne_bytes([GUARD; 4]).to_bits();
    assert!(
        guard.iter().all(|it| it.to_bits() == untouched),
        "written behind the grid"
    );
    let expected = source.reference();
    for (index, (found, expected)) in cells.iter().zip(expected.cells()).enumerate() {
        let layout = &source.layout;
        assert_eq!(found, expected, "cell {index} of {layout:?}");
    }
}

fn emulate(source: &Source) -> Vec<f32> {
    // SAFETY: no device sees it: the kernel runs on the CPU, and reads the bytes as they are.
    let memory = unsafe { DeviceSlice::from_raw(source.data.as_ptr() as u64, source.data.len()) };
    let frame = LumaDescriptor::new(&source.layout, memory).expect("a frame in its memory");
    let mut cells = vec![f32::from_ne_bytes([GUARD; 4]); CELLS + GUARDS];
    let (blocks, threads) = ([4, 36, 1], [16, 16, 1]);
    // SAFETY: the type of the function in luma.cpp.
    let run = unsafe { function::<Run>("luma", "run_luma") };
    // SAFETY: the frame's bytes live, and there is room for all cells.
    unsafe {
        run(
            &raw const frame,
            cells.as_mut_ptr(),
            blocks.as_ptr(),
            threads.as_ptr(),
        );
    }
    cells
}

fn on_device(context: &Context, source: &Source) -> Vec<f32> {
    let stream = Stream::new(context).expect("a stream");
    let buffer = |bytes| DeviceBuffer::new(context, bytes, "a test").expect("memory");
    let pinned = |bytes| PinnedBuffer::new(context, bytes, "a test").expect("memory");
    let len = source.data.len();
    let mut from = pinned(len);
    let bytes = from.bytes_mut().expect("no copy yet");
    bytes.copy_from_slice(&source.data);
    let memory = buffer(len);
    stream
        .upload(&mut from, 0..len, memory.slice())
        .expect("a copy");
    let all = (CELLS + GUARDS) * size_of::<f32>();
    let cells = buffer(all);
    stream.fill(cells.slice(), GUARD).expect("a fill");
    let frame = LumaDescriptor::new(&source.layout, memory.slice());
    let frame = frame.expect("a frame in its memory");
    let kernel = LumaKernel::load(context).expect("a kernel that loads");
    let launched = kernel.launch(&stream, &frame, cells.slice());
    launched.expect("a kernel that starts");
    let mut host = pinned(all);
    stream
        .download(cells.slice(), &mut host, 0..all)
        .expect("a copy");
    let bytes = host.bytes().expect("a kernel that ends");
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|it| f32::from_ne_bytes(*it)).collect()
}

const FORMATS: [PixelFormat; 3] = [PixelFormat::Nv12, PixelFormat::P010, PixelFormat::I420];

fn any_frames_have_the_grid_of_the_reference(backend: &Backend) {
    let settings = ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // Smaller than the grid, and larger: cells of one sample, and of several.
    let sides = prop_oneof![1_u32..80, 80_u32..700];
    let formats = proptest::sample::select(FORMATS.as_slice());
    proptest!(settings, |(
        width in sides.clone(), height in sides, format in formats, gap in 0_u32..300, seed: u64
    )| {
        check(backend, &Source::random((width, height), format, gap, seed));
    });
}

fn usual_and_extreme_sizes_have_the_grid_of_the_reference(backend: &Backend) {
    let sizes = [
        (1920, 1080),
        (1081, 1921),
        (3840, 2160),
        (64, 36),
        (63, 35),
        (1, 1),
        (32_768, 1),
        (1, 32_768),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        for format in FORMATS {
            let gap = [0, 7, 128][index % 3];
            check(backend, &Source::random(size, format, gap, index as u64));
        }
    }
}

fn the_brightest_frames_do_not_overflow(backend: &Backend) {
    // Rows of cells with 15 rows of samples, all of which are looked at: the largest sums.
    let source = Source::new((32_768, 15 * 36), PixelFormat::P010, 0, || 0xff);
    check(backend, &source);
    let expected = 65_535.0 / 256.0;
    let reference = source.reference();
    let is_expected = |it: &f32| (it - expected).abs() < 1e-4;
    assert!(reference.cells().iter().all(is_expected));
}
