//! Owners of memory and code wait for the device before these go away, and work on memory that is shared by
//! batches waits for the batch before.

use camweave_cuda::heads::{HeadConfig, HeadDecoder};
use camweave_cuda::luma::{LumaDescriptor, LumaKernel};
use camweave_cuda::{
    Context, CudaMemory, DeviceBuffer, DeviceSlice, Event, PinnedBuffer, Precision, Stream, testing,
};
use camweave_pool::{Attachments, PoolSpec, Producer};
use camweave_vision::{ColorMatrix, ColorRange, HeadFormat, NmsConfig, PictureLayout, PixelFormat};

const LARGE: usize = 256 << 20;

/// Work of some milliseconds, and what it is known by.
fn work(context: &Context, stream: &Stream, memory: DeviceSlice<'_>) -> Event {
    let event = Event::new(context).expect("an event");
    for value in 0..50 {
        stream.fill(memory, value).expect("a fill");
    }
    event.record(stream).expect("a record");
    event
}

fn is_done(event: &Event) -> bool {
    event.is_done().expect("an answer")
}

#[test]
fn memory_goes_away_after_the_work_on_it() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = Stream::new(&context).expect("a stream");
    let buffer = DeviceBuffer::new(&context, LARGE, "a test").expect("memory");
    let worked = work(&context, &stream, buffer.slice());
    drop(buffer);
    assert!(is_done(&worked), "a buffer");

    let spec = PoolSpec {
        name: "owner".to_owned(),
        slots: 1,
        slot_bytes: LARGE,
    };
    let pool = Producer::<CudaMemory>::create_in(&context, &spec).expect("a pool");
    let slot = pool.begin().expect("a free slot");
    let reference = slot.publish_on(&stream).expect("a recorded order");
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let held = attachments.acquire(&reference).expect("published");
    let worked = work(&context, &stream, held.address());
    drop((held, pool));
    assert_eq!(attachments.sweep(), 1);
    assert!(is_done(&worked), "a pool");
    assert_eq!(context.take_drop_errors(), []);
}

#[test]
fn kernels_go_away_after_their_work() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = Stream::new(&context).expect("a stream");
    let large = DeviceBuffer::new(&context, LARGE, "a test").expect("memory");
    let cells = DeviceBuffer::new(&context, 64 * 36 * 4, "a test").expect("memory");
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(64, 48, PixelFormat::Nv12, matrix, range);
    let frame = LumaDescriptor::new(&layout, large.slice()).expect("a frame in its memory");
    let kernel = LumaKernel::load(&context).expect("a kernel that loads");
    work(&context, &stream, large.slice());
    let launched = kernel.launch(&stream, &frame, cells.slice());
    launched.expect("a kernel that starts");
    let worked = Event::new(&context).expect("an event");
    worked.record(&stream).expect("a record");
    drop(kernel);
    assert!(is_done(&worked));
    stream.synchronize().expect("work that ends");
    assert_eq!(context.take_drop_errors(), []);
}

/// One head with one box of a certainty of 0.75.
fn head(context: &Context, stream: &Stream, center: f32) -> DeviceBuffer {
    let mut values = [0.0_f32; 5 * ANCHORS];
    for (row, value) in [center, center, 8.0, 8.0, 0.75].into_iter().enumerate() {
        values[row * ANCHORS] = value;
    }
    let bytes: Vec<u8> = values.iter().flat_map(|it| it.to_ne_bytes()).collect();
    let mut pinned = PinnedBuffer::new(context, bytes.len(), "a head").expect("memory");
    let place = pinned.bytes_mut().expect("no copy yet");
    place.copy_from_slice(&bytes);
    let buffer = DeviceBuffer::new(context, bytes.len(), "a head").expect("memory");
    let copied = stream.upload(&mut pinned, 0..bytes.len(), buffer.slice());
    copied.expect("a copy");
    stream.synchronize().expect("a copy that ends");
    buffer
}

const ANCHORS: usize = 300;

#[test]
fn batches_of_two_streams_do_not_mix() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = || Stream::new(&context).expect("a stream");
    let (busy, idle) = (stream(), stream());
    let large = DeviceBuffer::new(&context, LARGE, "a test").expect("memory");
    let heads = [20.0, 60.0].map(|center| head(&context, &idle, center));
    let mut decoder = HeadDecoder::new(&context).expect("kernels that load");
    let config = HeadConfig {
        format: HeadFormat::yolov8(1, ANCHORS as u32),
        size: (640, 640),
        precision: Precision::F32,
        nms: NmsConfig::default(),
        classes: None,
    };
    for _ in 0..5 {
        // The first batch begins late.
        work(&context, &busy, large.slice());
        for (stream, head) in [&busy, &idle].into_iter().zip(&heads) {
            let put = decoder.enqueue(stream, &[head.slice()], &config);
            put.expect("kernels that start");
        }
        let found = decoder.results().expect("kernels that end");
        let boxes: Vec<_> = found.iter().flatten().flatten().map(|it| it.bbox).collect();
        assert_eq!(boxes, [[56.0, 56.0, 64.0, 64.0]], "the second batch's");
    }
    busy.synchronize().expect("work that ends");
    assert_eq!(context.take_drop_errors(), []);
}
