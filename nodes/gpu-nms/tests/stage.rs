//! The stage beside the one on the CPU, on the same heads.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use camweave_cpu_nms::CpuNms;
use camweave_cuda::{Context as Device, CudaMemory, PinnedBuffer, Stream, missing, testing};
use camweave_gpu_nms::GpuNms;
use camweave_message::{Detections, Head, Ignored, PictureRef, Polygon};
use camweave_pool::{PoolSpec, Producer, Reference};
use camweave_stage::telemetry::{SpanMode, SpanSettings, Spans};
use camweave_stage::{Context, Declared, Exit, Output, Stage};
use camweave_testing::head;
use camweave_vision::{
    Activation, ColorMatrix, ColorRange, Crop, HeadFormat, Order, PictureLayout, PixelFormat, Task,
};
use proptest::prelude::*;

const ANCHORS: usize = 96;
const ROWS: usize = 6;
const HEAD_BYTES: usize = ROWS * ANCHORS * size_of::<f32>();
const PICTURE: (u32, u32) = (640, 320);
const MODEL: (u32, u32) = (320, 320);

fn declared(values: &[(&str, &str)]) -> Declared {
    Declared::of(values.iter().copied())
}

#[test]
fn without_a_device_it_ends_with_one_line_that_names_what_to_use_instead() {
    if missing().is_some() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = Context::for_tests("nms", folder.path());
        let opened = GpuNms::open_declared(&declared(&[]), &context);
        let error = opened.map(|_| ()).expect_err("no CUDA");
        assert_eq!(error.exit, Exit::Missing);
        assert!(!error.message.contains('\n'), "{error}");
        for part in ["libcuda", "dataflows/cpu-batched.yml"] {
            assert!(error.message.contains(part), "no '{part}' in: {error}");
        }
    } else {
        assert!(testing::device().is_some());
    }
}

#[test]
fn wrong_settings_are_named_before_a_device_is_looked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("nms", folder.path());
    for (name, value) in [("DEVICE", "first"), ("IOU", "2"), ("CLASSES", "car,,cat")] {
        let opened = GpuNms::open_declared(&declared(&[(name, value)]), &context);
        let error = opened.map(|_| ()).expect_err("a wrong value");
        assert_eq!(error.exit, Exit::Configuration);
        for part in [name, value] {
            assert!(error.message.contains(part), "no '{part}' in: {error}");
        }
    }
}

/// One of the stages, with what it reads.
struct Bench<S> {
    _folder: tempfile::TempDir,
    context: Context,
    stage: S,
}

impl<S: Stage<In = Head, Out = Detections>> Bench<S> {
    fn new(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut context = Context::for_tests("nms", folder.path());
        let settings = SpanSettings {
            mode: SpanMode::Stats,
            ..SpanSettings::default()
        };
        let spans = Spans::open("nms", S::KIND, &settings, folder.path());
        context.counters = context.counters.with_spans(spans);
        let stage = S::open_declared(&declared(values), &context).expect("good settings");
        Self {
            _folder: folder,
            context,
            stage,
        }
    }

    fn run(&mut self, heads: Vec<Head>) -> Vec<Vec<Detections>> {
        let mut out = Output::default();
        self.stage.rows(heads, &mut out).expect("the stage goes on");
        self.stage.tick(&mut out).expect("the stage goes on");
        out.take()
    }

    /// Frames whose work on the device was measured; waits until there are some.
    fn frames_on_device(&mut self) -> u64 {
        let spans = self.context.counters.spans().clone();
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            let ticked = self.stage.tick(&mut Output::default());
            ticked.expect("the stage goes on");
            spans.finish();
            if let Some(nms) = spans.device_summaries().get("nms") {
                return nms.frames;
            }
            assert!(Instant::now() < limit, "nothing was measured");
        }
    }

    /// Drops and errors of the camera.
    fn counts(&self) -> Vec<(String, u64)> {
        let report = self.context.counters.report();
        let camera = report.cameras.get("north");
        let counts = camera.map(|camera| camera.dropped.iter().chain(&camera.errors));
        let counts = counts.into_iter().flatten();
        counts.map(|(name, count)| (name.clone(), *count)).collect()
    }
}

/// Where heads are put for each stage.
struct Pools {
    host: Producer,
    device: Producer<CudaMemory>,
    stream: Stream,
    place: Device,
    picture: Reference,
}

impl Pools {
    fn new(place: Device) -> Self {
        Self::with_room(place, 48 * HEAD_BYTES)
    }

    fn with_room(place: Device, slot_bytes: usize) -> Self {
        let spec = |name: &str| PoolSpec {
            name: name.to_owned(),
            slots: 2,
            slot_bytes,
        };
        let pictures = Producer::create(&spec("frames")).expect("memory for a pool");
        Self {
            host: Producer::create(&spec("heads")).expect("memory for a pool"),
            device: Producer::create_in(&place, &spec("heads")).expect("memory for a pool"),
            stream: Stream::new(&place).expect("a stream"),
            picture: pictures.begin().expect("a free slot").publish(),
            place,
        }
    }

    /// Puts heads into one slot of each memory, as a batch.
    fn publish(&self, heads: &[Vec<f32>]) -> [Reference; 2] {
        let bytes: Vec<u8> = heads
            .iter()
            .flatten()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let mut slot = self.host.begin().expect("a free slot");
        slot[..bytes.len()].copy_from_slice(&bytes);
        let host = slot.publish();
        let mut pinned = PinnedBuffer::new(&self.place, bytes.len(), "a test").expect("memory");
        pinned
            .bytes_mut()
            .expect("no copy yet")
            .copy_from_slice(&bytes);
        let slot = self.device.begin().expect("a free slot");
        let memory = slot.address().part(0, bytes.len()).expect("room");
        self.stream
            .upload(&mut pinned, 0..bytes.len(), memory)
            .expect("a copy");
        let device = slot.publish_on(&self.stream).expect("a recorded order");
        [host, device]
    }

    fn head(&self, tensor: &Reference, row: u32) -> Head {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(PICTURE.0, PICTURE.1, PixelFormat::Nv12, matrix, range);
        let picture = PictureRef {
            layout,
            slot: self.picture.clone(),
        };
        // Cameras with and without a region and an ignored area, in one list.
        let corner = [0.0, 0.4, 0.5, 0.4, 0.5, 1.0, 0.0, 1.0];
        let corner = Polygon::new(&corner).expect("four points");
        let ignored = if row % 5 < 2 {
            vec![corner]
        } else {
            Vec::new()
        };
        Head {
            crop: Crop::new((100, 60), (400, 200)).filter(|_| row % 3 == 1),
            ignored: Ignored::new(ignored).expect("few"),
            model_size: MODEL,
            format: HeadFormat::yolov8(2, ANCHORS as u32),
            row,
            ..head("north", u64::from(row), picture, tensor.clone())
        }
    }
}

/// Boxes that crowd, of few scores, some of them in the padding.
fn yolov8() -> impl Strategy<Value = Vec<f32>> {
    let rows = |values: std::ops::Range<u32>, step: f32, rows: usize| {
        let value = values.prop_map(move |value| value as f32 * step);
        proptest::collection::vec(value, rows * ANCHORS)
    };
    (
        rows(0..32, 10.0, 2),
        rows(0..20, 8.0, 2),
        rows(0..10, 0.1, 2),
    )
        .prop_map(|(centres, sizes, scores)| [centres, sizes, scores].concat())
}

#[test]
fn the_detections_are_those_of_the_stage_on_the_cpu() {
    let Some(place) = testing::device() else {
        return;
    };
    let pools = Pools::new(place);
    let settings: [&[(&str, &str)]; 4] = [
        &[],
        &[("CLASSES", "car"), ("IOU", "0.3")],
        &[("MAX_DETECTIONS", "5"), ("ROWS_PER_MESSAGE", "1")],
        &[("CONFIDENCE", "0.6"), ("CLASSES", "0,cat")],
    ];
    for settings in settings {
        let cpu = RefCell::new(Bench::<CpuNms>::new(settings));
        let gpu = RefCell::new(Bench::<GpuNms>::new(settings));
        let config = ProptestConfig {
            cases: 50,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        // Up to more than one launch takes.
        let heads = proptest::collection::vec(yolov8(), 1..45);
        proptest!(config, |(heads in heads, is_mixed in any::<bool>())| {
            let rows = |tensor: &Reference| -> Vec<Head> {
                let rows = (0..heads.len() as u32).rev();
                rows.map(|row| {
                    let head = pools.head(tensor, row);
                    // The same values, read as rows: other kinds in the same list.
                    let format = match row % 4 {
                        0 if is_mixed => HeadFormat::end_to_end(ANCHORS as u32),
                        1 if is_mixed => HeadFormat {
                            order: Order::Rows,
                            activation: Activation::Sigmoid,
                            ..head.format
                        },
                        2 if is_mixed => HeadFormat {
                            multi_label: true,
                            ..head.format
                        },
                        _ => head.format,
                    };
                    Head { format, ..head }
                })
                .collect()
            };
            let [host, device] = pools.publish(&heads);
            let expected = cpu.borrow_mut().run(rows(&host));
            let found = gpu.borrow_mut().run(rows(&device));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pools.device.usage().held, 0, "the tensors are let go of");
        });
        assert_eq!(gpu.borrow().counts(), cpu.borrow().counts());
    }
}

/// The same values as masks, keypoints and oriented boxes, in one list with plain boxes.
#[test]
fn what_heads_have_beside_boxes_is_that_of_the_stage_on_the_cpu() {
    let Some(place) = testing::device() else {
        return;
    };
    let pools = Pools::new(place);
    let cpu = RefCell::new(Bench::<CpuNms>::new(&[("CLASSES", "person")]));
    let gpu = RefCell::new(Bench::<GpuNms>::new(&[("CLASSES", "person")]));
    let config = ProptestConfig {
        cases: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // Six or seven values of each place; one prototype of 6 x 6 after 90 places.
    let (height, width) = (6, 6);
    let formats = [
        (Task::Segment { height, width }, 1, 1, 90),
        (Task::Pose { values: 2 }, 2, 1, 82),
        (Task::Obb, 1, 1, 96),
        (Task::Detect, 0, 2, 96),
    ];
    proptest!(config, |(head in yolov8(), first in 0..4_usize)| {
        let rows = |tensor: &Reference| -> Vec<Head> {
            let formats = formats.iter().cycle().skip(first).take(4);
            formats.map(|&(task, extra, classes, places)| {
                let plain = HeadFormat::yolov8(classes, places);
                let format = HeadFormat { task, extra, ..plain };
                Head { format, ..pools.head(tensor, 0) }
            })
            .collect()
        };
        let [host, device] = pools.publish(std::slice::from_ref(&head));
        let expected = cpu.borrow_mut().run(rows(&host));
        let found = gpu.borrow_mut().run(rows(&device));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(pools.device.usage().held, 0, "the tensors are let go of");
    });
    assert_eq!(gpu.borrow().counts(), cpu.borrow().counts());
}

/// More than the kernels rank: the host decodes and suppresses.
#[test]
fn a_frame_of_too_many_candidates_is_that_of_the_stage_on_the_cpu() {
    let Some(place) = testing::device() else {
        return;
    };
    let (anchors, classes) = (4096, 20);
    assert!(anchors * classes > camweave_cuda::heads::MOST_RANKED);
    let value = |row: usize, anchor: usize| {
        // All different, in no order.
        let part = (anchor * 7919 + row * 104_729) % 65_521;
        let part = part as f32 / 65_521.0;
        match row {
            0 | 1 => 320.0 * part,
            2 | 3 => 8.0 + 60.0 * part,
            _ => 0.3 + 0.69 * part,
        }
    };
    let rows = 0..4 + classes;
    let head = rows.flat_map(|row| (0..anchors).map(move |anchor| value(row, anchor)));
    let head: Vec<f32> = head.collect();
    let pools = Pools::with_room(place, size_of_val(&head[..]));
    let [host, device] = pools.publish(std::slice::from_ref(&head));
    let format = HeadFormat {
        multi_label: true,
        ..HeadFormat::yolov8(classes as u32, anchors as u32)
    };
    let of = |tensor: &Reference| Head {
        format,
        ..pools.head(tensor, 0)
    };
    let expected = Bench::<CpuNms>::new(&[]).run(vec![of(&host)]);
    let found = Bench::<GpuNms>::new(&[]).run(vec![of(&device)]);
    assert!(!expected[0][0].boxes.is_empty());
    assert_eq!(found, expected);
    assert_eq!(pools.device.usage().held, 0, "the tensor is let go of");
}

#[test]
fn what_cannot_be_read_costs_only_itself() {
    let Some(place) = testing::device() else {
        return;
    };
    let pools = Pools::new(place);
    let mut gpu = Bench::<GpuNms>::new(&[]);
    let empty = || vec![vec![0.0; ROWS * ANCHORS]];
    let [_, old] = pools.publish(&empty());
    pools.publish(&empty());
    let [host, new] = pools.publish(&empty());
    let malformed = Head {
        format: HeadFormat::yolov8(0, 9),
        ..pools.head(&new, 0)
    };
    let outside = pools.head(&new, 1000);
    let rows = vec![
        pools.head(&old, 0),
        pools.head(&host, 1),
        malformed,
        outside,
        pools.head(&new, 2),
    ];
    let found = gpu.run(rows);
    let found: Vec<_> = found.iter().flatten().map(|row| row.id.sequence).collect();
    assert_eq!(found, [2]);
    assert_eq!(gpu.frames_on_device(), 1, "what was read was measured");
    let expected = [
        ("expired", 1),
        ("malformed", 2),
        ("unreachable", 1),
        ("incompatible_pool", 1),
        ("malformed_head", 2),
    ];
    let expected: Vec<_> = expected
        .map(|(name, count)| (name.to_owned(), count))
        .into();
    assert_eq!(gpu.counts(), expected);
}

#[test]
fn heads_of_another_host_and_of_a_pool_that_is_gone_cost_only_themselves() {
    let Some(place) = testing::device() else {
        return;
    };
    let (pools, others) = (Pools::new(place.clone()), Pools::new(place));
    let mut gpu = Bench::<GpuNms>::new(&[]);
    let empty = vec![vec![0.0; ROWS * ANCHORS]];
    let [_, good] = pools.publish(&empty);
    let mut foreign = good.clone();
    let id = foreign.pool.to_string();
    let boot = id.split(':').nth(1).expect("an id names the boot");
    let id = id.replace(boot, "00000000-0000-4000-8000-000000000000");
    foreign.pool = id.parse().expect("an id of another boot");
    let [_, gone] = others.publish(&empty);
    drop(others);
    let heads = [gone, foreign, good].map(|tensor| pools.head(&tensor, 0));
    let found = gpu.run(heads.into());
    assert_eq!(found.iter().flatten().count(), 1, "the good one is read");
    let expected = [
        ("producer_gone", 1),
        ("unreachable", 1),
        ("foreign_host", 1),
    ];
    let expected: Vec<_> = expected
        .map(|(name, count)| (name.to_owned(), count))
        .into();
    assert_eq!(gpu.counts(), expected);
}
