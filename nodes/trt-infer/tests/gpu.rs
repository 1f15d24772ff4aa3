//! The stage on a GPU with TensorRT, against the CPU's stage. Builds engines, which takes minutes.

mod support;

use std::collections::BTreeMap;

use camweave_cuda::{CudaMemory, PinnedBuffer, Stream};
use camweave_message::Region;
use camweave_pool::{Attachments, PoolSpec, Producer};
use camweave_stage::{Context, Output, Stage};
use camweave_vision::{ColorMatrix, ColorRange, Crop, PictureLayout, PixelFormat};
use support::{frame, head_of, on_cpu, open, run, values};

/// A smooth picture with a few edges, another one for each number.
fn pixels(layout: &PictureLayout, number: usize) -> Vec<u8> {
    let bytes = layout.required_bytes().expect("a possible layout");
    let value = |index: usize| {
        let wave = ((index % 640) as f32 / 37.0 + number as f32).sin() * 60.0;
        let step = if (index / 9000 + number).is_multiple_of(3) {
            40.0
        } else {
            0.0
        };
        (110.0 + wave + step) as u8
    };
    (0..bytes).map(value).collect()
}

/// Largest difference of coordinates, in pixels, and of scores.
fn differences(found: &[f32], expected: &[f32], anchors: usize) -> (f32, f32) {
    assert_eq!(found.len(), expected.len());
    let largest = |range: std::ops::Range<usize>| {
        let differences = range.map(|index| (found[index] - expected[index]).abs());
        // A NaN must not pass: it is above all numbers in this order.
        differences.max_by(f32::total_cmp).unwrap_or(f32::NAN)
    };
    (largest(0..4 * anchors), largest(4 * anchors..found.len()))
}

#[test]
fn heads_are_those_of_the_cpu_from_pools_of_either_memory() {
    let Some(device) = support::device() else {
        return;
    };
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(636, 360, PixelFormat::Nv12, matrix, range);
    let bytes = layout.required_bytes().expect("a possible layout");
    let spec = |name: &str| PoolSpec {
        name: name.to_owned(),
        slots: 8,
        slot_bytes: bytes,
    };
    let host = Producer::create(&spec("host")).expect("memory");
    let on_device = Producer::<CudaMemory>::create_in(&device, &spec("device")).expect("memory");
    let stream = Stream::new(&device).expect("a stream");
    let pools = Attachments::new_in(device.clone());
    let mut detector = on_cpu("camweave-street-320.onnx");
    // The last frame of each memory is looked at in part.
    let region = |number: usize| Region::new([0.3, 0.2, 0.9, 1.0]).filter(|_| number >= 4);
    let expected: Vec<_> = (0..6)
        .map(|number| {
            let part = region(number).map(|it| Crop::of_region(&it, (636, 360)));
            let seen = part.map(|it| it.layout(&layout).expect("a part of it"));
            head_of(
                &mut detector,
                &seen.unwrap_or(layout),
                &pixels(&layout, number),
            )
        })
        .collect();
    // Coordinates of boxes far from any object are soft: a few pixels of 320 in FP16.
    for (precision, pixels_apart, scores_apart) in [("fp32", 0.5, 0.01), ("fp16", 6.0, 0.03)] {
        let (mut stage, context) = open(&[("PRECISION", precision)]);
        let frame_of = |number: usize| {
            let pixels = pixels(&layout, number);
            let reference = if number.is_multiple_of(2) {
                let mut slot = host.begin().expect("a free slot");
                slot[..bytes].copy_from_slice(&pixels);
                slot.publish()
            } else {
                let slot = on_device.begin().expect("a free slot");
                let mut pinned = PinnedBuffer::new(&device, bytes, "a picture").expect("memory");
                pinned
                    .bytes_mut()
                    .expect("nothing waits")
                    .copy_from_slice(&pixels);
                let part = slot.address().part(0, bytes).expect("the slot has room");
                stream.upload(&mut pinned, 0..bytes, part).expect("a copy");
                slot.publish_on(&stream).expect("an order")
            };
            let mut frame = frame(layout, number, reference, &context);
            frame.areas.region = region(number);
            frame
        };
        // Six frames are two pieces, of four and of two.
        let heads = run(&mut stage, (0..6).map(frame_of).collect());
        assert_eq!(heads.len(), 6, "{:?}", context.counters.report());
        for (number, head) in heads.iter().enumerate() {
            let found = values(head, &pools, &device);
            let anchors = head.format.anchors as usize;
            let (pixels, scores) = differences(&found, &expected[number], anchors);
            assert!(
                pixels <= pixels_apart && scores <= scores_apart,
                "{precision}, frame {number}: {pixels} pixels and {scores} apart"
            );
        }
        // The same alone: a batch does not mix its frames.
        let alone = run(&mut stage, vec![frame_of(3)]);
        let found = values(&alone[0], &pools, &device);
        let (pixels, scores) = differences(&found, &expected[3], alone[0].format.anchors as usize);
        assert!(
            pixels <= pixels_apart && scores <= scores_apart,
            "{precision}: alone"
        );
        stage.close(&mut Output::default()).expect("all is through");
        assert_eq!(
            (host.usage().held, on_device.usage().held),
            (0, 0),
            "pixels are let go of"
        );
        check_spans(&context);
    }
}

/// Each frame's work was measured on the device as well: pieces of four, two and one.
fn check_spans(context: &Context) {
    let spans = context.counters.spans();
    spans.finish();
    let (threads, device) = (spans.summaries(), spans.device_summaries());
    for name in ["letterbox", "infer"] {
        let (thread, device) = (threads[name], device[name]);
        assert_eq!((device.calls, device.frames), (3, 7), "{name}");
        assert_eq!((thread.calls, thread.frames), (3, 7), "{name}");
        assert!(device.busy_ms > 0.0, "{name}: {device:?}");
    }
    assert_eq!(spans.lost(), 0);
}

#[test]
fn an_engine_is_built_once() {
    if support::device().is_none() {
        return;
    }
    drop(open(&[]));
    let (_stage, context) = open(&[]);
    let facts = context.counters.report().facts;
    assert_eq!(
        facts.get("engine_reason").map(String::as_str),
        Some("from the cache")
    );
    assert_eq!(facts.get("ring").map(String::as_str), Some("2"));
    assert_eq!(facts.get("cuda_graphs").map(String::as_str), Some("4"));
}

#[test]
fn many_lists_in_a_row_keep_their_order_and_their_pixels() {
    let Some(device) = support::device() else {
        return;
    };
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(320, 180, PixelFormat::I420, matrix, range);
    let bytes = layout.required_bytes().expect("a possible layout");
    let spec = PoolSpec {
        name: "host".to_owned(),
        slots: 4,
        slot_bytes: bytes,
    };
    let host = Producer::create(&spec).expect("memory");
    let pools = Attachments::new_in(device.clone());
    let (mut stage, context) = open(&[]);
    let mut by_number: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
    // Twice the same pictures, on alternating lanes: equal pictures give equal heads.
    for number in (0..10).chain((0..10).rev()) {
        let mut slot = host.begin().expect("a free slot");
        slot[..bytes].copy_from_slice(&pixels(&layout, number));
        let heads = run(
            &mut stage,
            vec![frame(layout, number, slot.publish(), &context)],
        );
        assert_eq!(heads[0].id.sequence, number as u64);
        let found = values(&heads[0], &pools, &device);
        let first = by_number.entry(number).or_insert_with(|| found.clone());
        assert_eq!(*first, found, "picture {number}");
    }
    assert_ne!(by_number[&0], by_number[&1], "pictures differ");
}
