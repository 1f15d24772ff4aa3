//! Grids of luma, from a frame on the device to the host.

use camweave_cuda::luma::{LumaKernel, LumaReader};
use camweave_cuda::{Context, DeviceBuffer, PinnedBuffer, Stream, testing};
use camweave_vision::{
    ColorMatrix, ColorRange, LumaGrid, LumaPlane, PictureLayout, PixelFormat, Plane, Planes,
};

/// A frame as a decoder leaves it: rows at multiples of 256 bytes, chroma right behind luma; and
/// its bytes, which differ from `seed` to `seed`.
fn frame(size: (u32, u32), format: PixelFormat, seed: u32) -> (PictureLayout, Vec<u8>) {
    let sample_bytes = if format == PixelFormat::P010 { 2 } else { 1 };
    let (width, height) = size;
    let stride = (width.next_multiple_of(2) * sample_bytes).next_multiple_of(256);
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout {
        planes: Planes::from([
            Plane { offset: 0, stride },
            Plane {
                offset: stride * height,
                stride,
            },
        ]),
        ..PictureLayout::packed(width, height, format, matrix, range)
    };
    let bytes = u32::try_from(layout.required_bytes().expect("possible")).expect("small");
    let byte = |index: u32| (index.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24) as u8;
    (layout, (0..bytes).map(byte).collect())
}

fn reference(layout: &PictureLayout, data: &[u8]) -> LumaGrid {
    let plane = LumaPlane {
        data,
        stride: layout.planes[0].stride as usize,
        width: layout.width as usize,
        height: layout.height as usize,
        bits: if layout.format == PixelFormat::P010 {
            16
        } else {
            8
        },
    };
    LumaGrid::of(&plane).expect("a whole plane")
}

fn upload(context: &Context, stream: &Stream, bytes: &[u8]) -> (PinnedBuffer, DeviceBuffer) {
    let mut pinned = PinnedBuffer::new(context, bytes.len(), "a test").expect("memory");
    let place = pinned.bytes_mut().expect("no copy yet");
    place.copy_from_slice(bytes);
    let buffer = DeviceBuffer::new(context, bytes.len(), "a test").expect("memory");
    stream
        .upload(&mut pinned, 0..bytes.len(), buffer.slice())
        .expect("a copy");
    (pinned, buffer)
}

#[test]
fn each_frame_of_a_stream_has_the_grid_of_the_reference() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = Stream::urgent(&context).expect("a stream");
    let kernel = LumaKernel::load(&context).expect("a kernel that loads");
    let mut reader = LumaReader::new(&context, kernel).expect("memory");
    for (seed, size) in [
        (1920, 1080),
        (1281, 719),
        (640, 360),
        (65, 37),
        (64, 36),
        (31, 17),
        (1, 1),
    ]
    .into_iter()
    .enumerate()
    {
        for format in [PixelFormat::Nv12, PixelFormat::P010] {
            let (layout, data) = frame(size, format, seed as u32);
            let (_from, memory) = upload(&context, &stream, &data);
            reader
                .enqueue(&stream, &layout, memory.slice())
                .expect("a kernel that starts");
            stream.synchronize().expect("work that ends");
            let found = reader.grid().expect("a kernel that ends");
            assert_eq!(found, reference(&layout, &data), "{size:?} {format:?}");
        }
    }
    // What is refused puts nothing into the stream, and the grid stays.
    let (layout, data) = frame((64, 36), PixelFormat::Nv12, 1);
    let (_from, memory) = upload(&context, &stream, &data);
    let short = memory.slice().part(0, data.len() - 1).expect("a part");
    let before = reader.grid().expect("a grid");
    assert!(reader.enqueue(&stream, &layout, short).is_err());
    assert_eq!(reader.grid().expect("a grid"), before);
    assert_eq!(context.take_drop_errors(), []);
}
