//! The answers beside those of `classify`, about the same objects in the same frames.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camweave_classify::Classify;
use camweave_cuda::{Context as Device, CudaMemory, PinnedBuffer, Stream, testing};
use camweave_message::{Attribute, DetectedBox, Detections, PictureRef};
use camweave_pool::{PoolSpec, Producer, Reference};
use camweave_stage::{Context, Declared, Output, Stage};
use camweave_tensorrt::testing::{has_builder, model};
use camweave_testing::{detections, person};
use camweave_trt_classify::TrtClassify;
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};

const SIZE: (u32, u32) = (640, 360);
const BLOCK: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Blocks of different colors, each with a slope of its own: no two boxes show the same.
fn nv12(frame: usize) -> Vec<u8> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let block = |x: usize, y: usize| (x / BLOCK * 31 + y / BLOCK * 57 + frame * 13) as u8;
    let luma = (0..width * height).map(|index| {
        let (x, y) = (index % width, index / width);
        let slope = (x % BLOCK * 2 + y % BLOCK) as u8;
        16 + (block(x, y).wrapping_mul(3) / 2).saturating_add(slope) % 200
    });
    let chroma = (0..width * height / 2).map(|index| {
        let (x, y) = (index % width / 2 * 2, index / width * 2);
        let is_v = index % 2 == 1;
        16 + block(x, y).wrapping_mul(if is_v { 7 } else { 11 }) % 220
    });
    luma.chain(chroma).collect()
}

/// Frames in the memory of both stages.
struct Pools {
    host: Producer,
    device: Producer<CudaMemory>,
    stream: Stream,
    place: Device,
    layout: PictureLayout,
}

impl Pools {
    fn new(place: Device) -> Self {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(SIZE.0, SIZE.1, PixelFormat::Nv12, matrix, range);
        let spec = PoolSpec {
            name: "north".to_owned(),
            slots: 4,
            slot_bytes: layout.required_bytes().expect("a possible layout"),
        };
        Self {
            host: Producer::create(&spec).expect("memory for a pool"),
            device: Producer::create_in(&place, &spec).expect("memory for a pool"),
            stream: Stream::new(&place).expect("a stream"),
            place,
            layout,
        }
    }

    fn publish(&self, bytes: &[u8]) -> [PictureRef; 2] {
        let mut slot = self.host.begin().expect("a free slot");
        slot[..bytes.len()].copy_from_slice(bytes);
        let host = slot.publish();
        let mut pinned = PinnedBuffer::new(&self.place, bytes.len(), "a test").expect("memory");
        let room = pinned.bytes_mut().expect("no copy yet");
        room.copy_from_slice(bytes);
        let slot = self.device.begin().expect("a free slot");
        let memory = slot.address().part(0, bytes.len()).expect("room");
        let copied = self.stream.upload(&mut pinned, 0..bytes.len(), memory);
        copied.expect("a copy");
        let device = slot.publish_on(&self.stream).expect("a recorded order");
        let picture = |slot: Reference| PictureRef {
            layout: self.layout,
            slot,
        };
        [picture(host), picture(device)]
    }
}

/// Boxes of many sizes, some of them at odd pixels and cut off by the frame's edge.
fn boxes(frame: usize) -> Vec<DetectedBox> {
    let item = |index: usize| {
        let left = (index * 53 + frame * 17) as f32 % 560.0;
        let top = (index * 37 + frame * 29) as f32 % 300.0;
        let (width, height) = ((24 + index * 9) as f32, (18 + index * 7) as f32);
        let right = (left + width).min(SIZE.0 as f32);
        person([left, top, right, (top + height).min(SIZE.1 as f32)], 0.9)
    };
    (0..20).map(item).collect()
}

fn rows(pictures: &[PictureRef]) -> Vec<Detections> {
    let row = |(frame, picture): (usize, &PictureRef)| {
        let mut row = detections("north", frame as u64);
        row.image_size = SIZE;
        row.picture = Some(picture.clone());
        row.boxes = boxes(frame);
        row
    };
    pictures.iter().enumerate().map(row).collect()
}

/// What a stage says of each object.
fn answers<S: Stage<In = Detections, Out = Detections>>(
    settings: &[(&str, &str)],
    rows: Vec<Detections>,
) -> Vec<Attribute> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("color", folder.path());
    let color = model("camweave-car-color.onnx").display().to_string();
    let mut all: BTreeMap<_, _> = settings.iter().copied().collect();
    all.extend([("MODEL", color.as_str()), ("NAME", "color")]);
    all.extend([("ANSWER_WAIT_MS", "10000"), ("MAX_BATCH", "8")]);
    // All of them are asked about: 20 in each of 4 frames.
    all.extend([
        ("MIN_SIZE", "8"),
        ("MAX_CROPS", "64"),
        ("MAX_WAITING", "128"),
    ]);
    let stage = S::open_declared(&Declared::of(all), &context);
    let mut stage = stage.unwrap_or_else(|error| panic!("a model that it can run: {error}"));
    let expected = rows.len();
    let (mut out, mut found) = (Output::default(), Vec::new());
    stage.rows(rows, &mut out).expect("the stage goes on");
    let began = Instant::now();
    while found.len() < expected {
        found.extend(out.take().into_iter().flatten());
        assert!(began.elapsed() < PATIENCE, "rows stay away");
        std::thread::sleep(Duration::from_millis(1));
        stage.tick(&mut out).expect("the stage goes on");
    }
    let boxes = found.into_iter().flat_map(|row| row.boxes);
    let attribute = |mut it: DetectedBox| it.extras.attributes.pop();
    boxes
        .map(|it| attribute(it).expect("an answer about each object"))
        .collect()
}

#[test]
fn the_answers_are_those_of_the_stage_on_the_cpu() {
    let Some(place) = testing::device() else {
        return;
    };
    if !has_builder() {
        return;
    }
    let pools = Pools::new(place);
    let published = (0..4).map(|frame| pools.publish(&nv12(frame)));
    let (host, device): (Vec<_>, Vec<_>) = published.map(|[host, device]| (host, device)).unzip();
    let expected = answers::<Classify>(&[("ENGINE", "rten")], rows(&host));
    let labels: std::collections::BTreeSet<_> = expected.iter().map(|it| &it.label).collect();
    assert!(labels.len() > 2, "the objects are all alike: {labels:?}");
    for (precision, tolerance) in [("fp32", 0.01), ("fp16", 0.05)] {
        let found = answers::<TrtClassify>(&[("PRECISION", precision)], rows(&device));
        assert_eq!(found.len(), expected.len());
        let pairs = || found.iter().zip(&expected);
        let differences = pairs().map(|(a, b)| (a.confidence - b.confidence).abs());
        let largest = differences.fold(0.0, f32::max);
        let others = pairs().filter(|(a, b)| a.label != b.label).count();
        eprintln!("{precision}: confidences differ by {largest} at most, labels of {others}");
        assert!(largest <= tolerance, "{precision}: {largest}");
        assert_eq!(others, 0, "{precision}: labels differ");
    }
}
