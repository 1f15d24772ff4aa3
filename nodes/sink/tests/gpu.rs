//! Pictures in device memory, on a GPU.

mod support;

use camweave_cuda::{Context, CudaMemory, PinnedBuffer, Stream};
use camweave_pool::{Producer, Reference};
use camweave_vision::{PixelFormat, Plane};
use support::{Sink, expected, picture, pool, row};

/// Publishes `data` in device memory, as a decoder does.
fn publish(device: &Context, producer: &Producer<CudaMemory>, data: &[u8]) -> Reference {
    let stream = Stream::new(device).expect("a stream");
    let slot = producer.begin().expect("a free slot");
    CudaMemory::before_writing(&slot, &stream).expect("an order of writes");
    let mut pinned = PinnedBuffer::new(device, data.len(), "a picture").expect("memory");
    let bytes = pinned.bytes_mut().expect("nothing waits");
    bytes.copy_from_slice(data);
    let part = slot.address().part(0, data.len()).expect("room");
    stream
        .upload(&mut pinned, 0..data.len(), part)
        .expect("a copy");
    slot.publish_on(&stream).expect("an order")
}

#[test]
fn pictures_in_device_memory_become_files_with_their_boxes() {
    let Some(device) = camweave_cuda::testing::device() else {
        return;
    };
    let mut sink = Sink::open(&[("SNAPSHOT_EVERY_MS", "3600000")]);
    // The larger second one needs more room on the host than the first.
    for (camera, format) in [("north", PixelFormat::Nv12), ("south", PixelFormat::P010)] {
        let (layout, data) = picture(format);
        let producer = Producer::<CudaMemory>::create_in(&device, &pool(&layout));
        let producer = producer.expect("device memory");
        let reference = publish(&device, &producer, &data);
        sink.take(row(camera, layout, reference.clone()));
        let snapshot = sink.snapshot(camera).expect("a picture");
        assert!(snapshot == expected(&layout, &data), "{format}");
        assert_eq!(producer.usage().held, 0, "the slot is let go of");

        // Overwritten pictures are no error, and the frames behind them go on.
        for _ in 0..4 {
            publish(&device, &producer, &data);
        }
        sink.take(row(&format!("{camera}-late"), layout, reference));
        assert!(sink.snapshot(&format!("{camera}-late")).is_none());
    }
    assert_eq!(sink.errors(), [].into());
    assert_eq!(sink.lines(), 4);
    drop(sink);
    assert_eq!(device.take_drop_errors(), []);
}

#[test]
fn a_slot_without_the_whole_picture_is_refused() {
    let Some(device) = camweave_cuda::testing::device() else {
        return;
    };
    let (mut layout, data) = picture(PixelFormat::Nv12);
    let producer = Producer::<CudaMemory>::create_in(&device, &pool(&layout));
    let producer = producer.expect("device memory");
    let [luma, chroma] = [layout.planes[0], layout.planes[1]];
    let outside = Plane {
        offset: 1 << 24,
        ..chroma
    };
    layout.planes = [luma, outside].into();
    let mut sink = Sink::open(&[]);
    sink.take(row("north", layout, publish(&device, &producer, &data)));
    assert!(sink.snapshot("north").is_none());
    assert_eq!(sink.errors(), [("write".to_owned(), 1)].into());
    assert_eq!(producer.usage().held, 0, "the slot is let go of");
}
