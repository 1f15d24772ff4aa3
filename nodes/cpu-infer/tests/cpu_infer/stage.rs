//! The stage on frames in real pools.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{FACTOR, Net, folder, yolov8};
use camweave_cpu_infer::{CpuInfer, CpuInferSettings};
use camweave_message::{Areas, Frame, Head, Ignored, PictureRef, Polygon, Region};
use camweave_pool::{Attachments, PoolSpec, Producer, Reference};
use camweave_stage::{Context, Declared, Exit, Output, Settings, Stage};
use camweave_testing::frame;
use camweave_vision::{
    ColorMatrix, ColorRange, Crop, Fit, HeadFormat, Letterbox, Picture, PictureLayout, PixelFormat,
    letterbox_into,
};

/// A camera's pool and what it has published.
struct Camera {
    name: &'static str,
    layout: PictureLayout,
    pool: Producer,
}

impl Camera {
    fn new(name: &'static str, size: (u32, u32), format: PixelFormat, slots: u32) -> Self {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(size.0, size.1, format, matrix, range);
        let slot_bytes = layout.required_bytes().expect("a possible layout");
        let spec = PoolSpec {
            name: name.to_owned(),
            slots,
            slot_bytes,
        };
        Self {
            name,
            layout,
            pool: Producer::create(&spec).expect("memory for a pool"),
        }
    }

    /// The bytes of a picture.
    fn pixels(&self, sequence: u64) -> Vec<u8> {
        let bytes = self.layout.required_bytes().expect("a possible layout");
        (0..bytes)
            .map(|index| (index as u64 * 7 + sequence * 61) as u8)
            .collect()
    }

    fn frame(&self, sequence: u64, context: &Context) -> Frame {
        let mut slot = self.pool.begin().expect("a free slot");
        let pixels = self.pixels(sequence);
        slot[..pixels.len()].copy_from_slice(&pixels);
        let picture = PictureRef {
            layout: self.layout,
            slot: slot.publish(),
        };
        let mut frame = frame(self.name, sequence, picture);
        frame.id.pts_nanos = sequence as i64 * 40_000_000;
        frame.trace = context.new_trace();
        frame
    }

    /// What the network must give for a picture.
    fn expected(&self, sequence: u64) -> Vec<f32> {
        let pixels = self.pixels(sequence);
        let picture = Picture::new(&self.layout, &pixels).expect("pixels of this layout");
        let letterbox = Letterbox::new((self.layout.width, self.layout.height), (32, 32));
        let letterbox = letterbox.expect("sizes above 0");
        let mut out = vec![0.0; letterbox.output_len()];
        letterbox_into(&picture, &letterbox, &mut out).expect("the letterbox fits");
        out.iter().map(|value| FACTOR * value).collect()
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    context: Context,
    stage: CpuInfer,
    consumer: Attachments,
}

fn declared(model: &Path, values: &[(&str, &str)]) -> Declared {
    let model = model.display().to_string();
    let mut all: BTreeMap<_, _> = values.iter().copied().collect();
    all.insert("MODEL", &model);
    all.entry("ENGINE").or_insert("rten");
    Declared::of(all)
}

impl Bench {
    fn new(net: &Net, values: &[(&str, &str)]) -> Self {
        let folder = folder();
        let model = net.write(&folder);
        let context = Context::for_tests("detector", folder.path());
        let stage =
            CpuInfer::open_declared(&declared(&model, values), &context).expect("a good network");
        Self {
            _folder: folder,
            context,
            stage,
            consumer: Attachments::new(),
        }
    }

    /// The heads of one message.
    fn run(&mut self, frames: Vec<Frame>) -> Vec<Head> {
        let mut out = Output::default();
        self.stage
            .rows(frames, &mut out)
            .expect("the stage goes on");
        self.stage.finish(&mut out).expect("no lane has died");
        let mut messages = out.take();
        assert!(messages.len() <= 1, "{} messages", messages.len());
        // The loop has sent them.
        self.stage.tick(&mut out).expect("the stage goes on");
        assert!(out.take().is_empty());
        messages.pop().unwrap_or_default()
    }

    fn values(&self, head: &Head) -> Vec<f32> {
        let slot = self
            .consumer
            .acquire(&head.tensor)
            .expect("the newest heads are there");
        let start = head.row as usize * head.format.bytes();
        let (values, _) = slot[start..start + head.format.bytes()].as_chunks::<4>();
        values
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    }

    fn dropped(&self, camera: &str) -> BTreeMap<String, u64> {
        self.context
            .counters
            .report()
            .cameras
            .get(camera)
            .map(|it| it.dropped.clone())
            .unwrap_or_default()
    }

    fn errors(&self, camera: &str) -> BTreeMap<String, u64> {
        self.context
            .counters
            .report()
            .cameras
            .get(camera)
            .map(|it| it.errors.clone())
            .unwrap_or_default()
    }
}

fn counts(reason: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(reason.to_owned(), count)])
}

/// What the network must give for the part of a picture of RGB, cut out pixel by pixel.
fn expected_of(camera: &Camera, sequence: u64, crop: Crop) -> Vec<f32> {
    let ((x, y), (width, height)) = (crop.position(), crop.size());
    let pixels = camera.pixels(sequence);
    let rows = pixels.chunks_exact(3 * camera.layout.width as usize);
    let rows = rows.skip(y as usize).take(height as usize);
    let cut = rows.flat_map(|row| &row[3 * x as usize..][..3 * width as usize]);
    let cut: Vec<u8> = cut.copied().collect();
    let PictureLayout {
        format,
        matrix,
        range,
        ..
    } = camera.layout;
    let layout = PictureLayout::packed(width, height, format, matrix, range);
    let picture = Picture::new(&layout, &cut).expect("pixels of this layout");
    let letterbox = Letterbox::new((width, height), (32, 32)).expect("sizes above 0");
    let mut out = vec![0.0; letterbox.output_len()];
    letterbox_into(&picture, &letterbox, &mut out).expect("the letterbox fits");
    out.iter().map(|value| FACTOR * value).collect()
}

#[test]
fn the_network_sees_only_the_region_of_a_camera() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (101, 80), PixelFormat::Rgb8, 4);
    let triangle = Polygon::new(&[0.0, 0.0, 0.5, 0.0, 0.0, 0.5]).expect("three points");
    let areas = |edges| Areas {
        region: Region::new(edges),
        ignored: Ignored::new(vec![triangle.clone()]).expect("one polygon"),
    };
    let regions = [areas([0.25, 0.1, 0.75, 0.6]), areas([0.9, 0.9, 1.0, 1.0])];
    let of = |sequence, areas: &Areas, context: &Context| Frame {
        areas: areas.clone(),
        ..camera.frame(sequence, context)
    };
    let frames = vec![
        of(0, &regions[0], &bench.context),
        of(1, &Areas::default(), &bench.context),
        of(2, &regions[1], &bench.context),
    ];
    let heads = bench.run(frames.clone());
    assert_eq!(heads.len(), 3);
    let crops = [
        Crop::new((24, 8), (52, 40)),
        None,
        Crop::new((68, 48), (33, 32)),
    ];
    for ((head, frame), crop) in heads.iter().zip(&frames).zip(crops) {
        assert_eq!((head.crop, &head.ignored), (crop, &frame.areas.ignored));
        assert_eq!(head.picture, frame.picture, "the whole of it");
        let expected = match crop {
            None => camera.expected(head.id.sequence),
            Some(crop) => expected_of(&camera, head.id.sequence, crop),
        };
        assert_eq!(bench.values(head), expected, "{crop:?}");
    }
    assert!(bench.dropped("north").is_empty());
}

#[test]
fn a_list_of_frames_becomes_a_list_of_heads() {
    for threads in ["1", "3"] {
        let mut bench = Bench::new(&yolov8(), &[("THREADS", threads)]);
        let cameras = [
            Camera::new("north", (48, 32), PixelFormat::I420, 4),
            Camera::new("south", (35, 61), PixelFormat::Nv12, 4),
            Camera::new("west", (16, 16), PixelFormat::Rgb8, 4),
        ];
        let order = [0, 1, 2, 0, 1];
        let frames: Vec<Frame> = order
            .iter()
            .enumerate()
            .map(|(index, camera)| cameras[*camera].frame(index as u64, &bench.context))
            .collect();
        let heads = bench.run(frames.clone());
        assert_eq!(heads.len(), frames.len());
        for ((index, head), frame) in heads.iter().enumerate().zip(&frames) {
            assert_eq!(
                (&head.id, &head.trace, &head.picture),
                (&frame.id, &frame.trace, &frame.picture)
            );
            assert_eq!(head.model_size, (32, 32));
            assert_eq!(&*head.class_names, "person\ncar");
            assert_eq!(
                (head.format, head.fit),
                (HeadFormat::yolov8(2, 512), Fit::Letterbox)
            );
            assert!(head.model.starts_with("net.onnx@"));
            assert_eq!(
                bench.values(head),
                cameras[order[index]].expected(index as u64),
                "head {index}"
            );
        }
        assert!(
            cameras.iter().all(|camera| camera.pool.usage().held == 0),
            "pixels are let go of"
        );
        assert!(bench.dropped("north").is_empty());
    }
}

#[test]
fn an_expired_frame_costs_only_itself() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 2);
    let old = camera.frame(0, &bench.context);
    let frames = vec![
        old,
        camera.frame(1, &bench.context),
        camera.frame(2, &bench.context),
    ];
    let heads = bench.run(frames);
    assert_eq!(
        heads
            .iter()
            .map(|head| head.id.sequence)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(bench.values(&heads[0]), camera.expected(1));
    assert_eq!(bench.values(&heads[1]), camera.expected(2));
    assert_eq!(bench.dropped("north"), counts("expired", 1));
    assert!(bench.errors("north").is_empty());
}

#[test]
fn a_producer_that_is_gone() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 2);
    let frame = camera.frame(0, &bench.context);
    drop(camera);
    assert!(bench.run(vec![frame]).is_empty());
    assert_eq!(bench.dropped("north"), counts("producer_gone", 1));
}

#[test]
fn a_frame_of_another_host() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 2);
    let mut frame = camera.frame(0, &bench.context);
    let id = frame.picture.slot.pool.to_string();
    let boot = id.split(':').nth(1).expect("an id names the boot");
    let foreign = id.replace(boot, "00000000-0000-4000-8000-000000000000");
    frame.picture.slot.pool = foreign.parse().expect("an id of another boot");
    let good = camera.frame(1, &bench.context);
    assert_eq!(bench.run(vec![frame, good]).len(), 1);
    assert_eq!(bench.dropped("north"), counts("unreachable", 1));
    assert_eq!(bench.errors("north"), counts("foreign_host", 1));
}

#[test]
fn a_picture_that_is_larger_than_its_slot() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 2);
    let mut frame = camera.frame(0, &bench.context);
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    frame.picture.layout = PictureLayout::packed(640, 480, PixelFormat::I420, matrix, range);
    assert!(bench.run(vec![frame]).is_empty());
    assert_eq!(bench.dropped("north"), counts("malformed", 1));
    assert_eq!(bench.errors("north"), counts("malformed_picture", 1));
}

#[test]
fn a_slot_that_does_not_exist() {
    let mut bench = Bench::new(&yolov8(), &[]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 2);
    let mut frame = camera.frame(0, &bench.context);
    frame.picture.slot = Reference {
        slot: 99,
        ..frame.picture.slot
    };
    assert!(bench.run(vec![frame]).is_empty());
    assert_eq!(bench.dropped("north"), counts("unreachable", 1));
}

#[test]
fn a_longer_list_is_run_in_pieces_and_sent_as_one() {
    let mut bench = Bench::new(&yolov8(), &[("MAX_BATCH", "2"), ("HEAD_SLOTS", "5")]);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 8);
    let frames: Vec<_> = (0..5)
        .map(|sequence| camera.frame(sequence, &bench.context))
        .collect();
    let heads = bench.run(frames);
    assert_eq!(heads.len(), 5);
    for (sequence, head) in (0..).zip(&heads) {
        assert_eq!(
            bench.values(head),
            camera.expected(sequence),
            "head {sequence}"
        );
    }
}

#[test]
fn more_frames_than_slots_of_heads() {
    let settings = [("MAX_BATCH", "2"), ("HEAD_SLOTS", "3"), ("THREADS", "1")];
    let mut bench = Bench::new(&yolov8(), &settings);
    let camera = Camera::new("north", (48, 32), PixelFormat::I420, 8);
    let frames: Vec<_> = (0..5)
        .map(|sequence| camera.frame(sequence, &bench.context))
        .collect();
    // A head of the same message is never overwritten.
    let heads = bench.run(frames);
    assert_eq!(
        heads
            .iter()
            .map(|head| head.id.sequence)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(bench.values(&heads[0]), camera.expected(0));
    assert_eq!(bench.dropped("north"), counts("heads_exhausted", 2));
    // The stage behind holds on to them.
    let held: Vec<_> = heads
        .iter()
        .map(|head| bench.consumer.acquire(&head.tensor))
        .collect();
    let frame = camera.frame(5, &bench.context);
    assert!(bench.run(vec![frame]).is_empty());
    assert_eq!(bench.dropped("north"), counts("heads_exhausted", 3));
    drop(held);
    let frame = camera.frame(6, &bench.context);
    assert_eq!(bench.run(vec![frame]).len(), 1);
}

#[test]
fn facts_say_what_runs() {
    let bench = Bench::new(&yolov8(), &[("THREADS", "2")]);
    let facts = bench.context.counters.report().facts;
    for (name, value) in [
        ("engine", "rten"),
        ("engine_reason", "ENGINE=rten"),
        ("threads", "2"),
        ("input_size", "32x32"),
        ("classes", "2"),
        ("batch", "dynamic"),
        ("head", "[6, 512]"),
    ] {
        assert_eq!(facts.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(facts["model"].starts_with("net.onnx@"));
}

#[test]
fn wrong_settings_are_named() {
    let folder = folder();
    let model = yolov8().write(&folder);
    for (name, value, parts) in [
        (
            "ENGINE",
            "tensorrt",
            ["auto, openvino, onnxruntime, rten", "'tensorrt'"],
        ),
        ("MAX_BATCH", "0", ["1 to 256", "MAX_BATCH='0'"]),
        ("HEAD_SLOTS", "7", ["HEAD_SLOTS='7'", "MAX_BATCH (8)"]),
        ("THREADS", "-1", ["THREADS='-1'", "0 to 1024"]),
    ] {
        let error =
            CpuInferSettings::read(&declared(&model, &[(name, value)])).expect_err("out of range");
        assert_eq!(error.exit, Exit::Configuration);
        assert!(
            parts.iter().all(|part| error.message.contains(part)),
            "{error}"
        );
    }
}
