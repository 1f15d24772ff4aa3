//! Which pictures become files, and what it costs where one cannot.

mod support;

use camweave_pool::{Attachments, Producer};
use camweave_vision::PixelFormat;
use support::{Sink, expected, made_up, picture, pool, row};

#[test]
fn pictures_in_host_memory_become_files_with_their_boxes() {
    for format in [
        PixelFormat::I420,
        PixelFormat::Nv12,
        PixelFormat::P010,
        PixelFormat::Rgb8,
    ] {
        let (layout, data) = picture(format);
        let producer = Producer::create(&pool(&layout)).expect("memory");
        let mut slot = producer.begin().expect("a free slot");
        slot[..data.len()].copy_from_slice(&data);
        let mut sink = Sink::open(&[]);
        sink.take(row("north", layout, slot.publish()));
        let snapshot = sink.snapshot("north").expect("a picture");
        assert!(snapshot == expected(&layout, &data), "{format}");
        assert_eq!(producer.usage().held, 0, "the slot is let go of");
    }
}

#[test]
fn a_picture_is_taken_when_it_is_due() {
    let (layout, data) = picture(PixelFormat::Nv12);
    let producer = Producer::create(&pool(&layout)).expect("memory");
    let mut sink = Sink::open(&[("SNAPSHOT_EVERY_MS", "3600000")]);
    for (camera, value) in [("north", 0), ("north", 255), ("south", 255)] {
        let mut slot = producer.begin().expect("a free slot");
        slot[..data.len()].fill(value);
        sink.take(row(camera, layout, slot.publish()));
    }
    let [north, south] = ["north", "south"].map(|it| sink.snapshot(it).expect("a picture"));
    assert!(north == expected(&layout, &vec![0; data.len()]));
    assert!(south == expected(&layout, &vec![255; data.len()]));
}

#[test]
fn a_picture_in_device_memory_that_cannot_be_had_costs_nothing_else() {
    let (layout, data) = picture(PixelFormat::Nv12);
    let producer = Producer::create(&pool(&layout)).expect("memory");
    let mut sink = Sink::open(&[]);
    for _ in 0..3 {
        sink.take(row("gate", layout, made_up()));
        sink.take(row("yard", layout, made_up()));
    }
    assert!(sink.snapshot("gate").is_none() && sink.snapshot("yard").is_none());
    // Where there is no device, that is found and said once for all pictures.
    let there_is_none = u64::from(camweave_cuda::missing().is_some());
    let said = sink.errors().get("device_pictures").copied();
    assert_eq!(said.unwrap_or(0), there_is_none, "{:?}", sink.errors());
    let mut slot = producer.begin().expect("a free slot");
    slot[..data.len()].copy_from_slice(&data);
    sink.take(row("north", layout, slot.publish()));
    let snapshot = sink.snapshot("north").expect("a picture");
    assert!(snapshot == expected(&layout, &data));
    assert_eq!(sink.lines(), 7, "every frame has its line");
}

#[test]
fn nothing_looks_for_a_device_where_no_picture_is_due() {
    let (layout, _) = picture(PixelFormat::Nv12);
    let mut sink = Sink::open(&[("SNAPSHOT_EVERY_MS", "0")]);
    sink.take(row("gate", layout, made_up()));
    assert_eq!(sink.errors(), [].into());
    assert_eq!(sink.lines(), 1);
}

#[test]
fn the_made_up_reference_is_refused_for_no_other_reason() {
    // Host memory does not take it: it is a well-formed name of another kind of pool, here.
    let refused = Attachments::new().acquire(&made_up());
    let text = refused.expect_err("no pool of the host").to_string();
    assert!(text.contains("backend is cuda, expected host"), "{text}");
}
