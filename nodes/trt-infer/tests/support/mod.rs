//! The stage, its frames and its heads, and what the CPU makes of the same pictures.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use camweave_cpu_infer::{Detector, DetectorOptions, EngineChoice, EngineKind, Libraries};
use camweave_cuda::{CudaMemory, PinnedBuffer, Stream};
use camweave_message::{Frame, Head, PictureRef};
use camweave_pool::{Attachments, Reference};
use camweave_stage::telemetry::{SpanMode, SpanSettings, Spans};
use camweave_stage::{Context, Declared, Output, Stage, StageError};
use camweave_trt_infer::TrtInfer;
use camweave_vision::{Letterbox, LetterboxPlan, Picture, PictureLayout};

pub use camweave_tensorrt::testing::model;

/// A device, where engines can be built for it; else a line says that the test is skipped.
pub fn device() -> Option<camweave_cuda::Context> {
    let device = camweave_cuda::testing::device()?;
    camweave_tensorrt::testing::has_builder().then_some(device)
}

/// The stage with the small shipped model, of which an engine is built that need not be fast;
/// `values` win over that.
pub fn try_open(values: &[(&str, &str)]) -> Result<(TrtInfer, Context), StageError> {
    let small = model("camweave-street-320.onnx").display().to_string();
    let others = [
        ("MODEL", small.as_str()),
        ("LEVEL", "0"),
        ("MAX_BATCH", "4"),
    ];
    let all: BTreeMap<_, _> = others.iter().chain(values).copied().collect();
    let folder = std::env::temp_dir();
    let mut context = Context::for_tests("detector", &folder);
    let settings = SpanSettings {
        mode: SpanMode::Stats,
        ..SpanSettings::default()
    };
    let spans = Spans::open("detector", TrtInfer::KIND, &settings, &folder);
    context.counters = context.counters.with_spans(spans);
    let stage = TrtInfer::open_declared(&Declared::of(all), &context)?;
    Ok((stage, context))
}

/// As [`try_open`], where it must open.
pub fn open(values: &[(&str, &str)]) -> (TrtInfer, Context) {
    try_open(values)
        .unwrap_or_else(|error| panic!("TensorRT, its shim and a model that it can run: {error}"))
}

/// A frame of the camera 'north'.
pub fn frame(layout: PictureLayout, number: usize, slot: Reference, context: &Context) -> Frame {
    Frame {
        trace: context.new_trace(),
        ..camweave_testing::frame("north", number as u64, PictureRef { layout, slot })
    }
}

pub fn run(stage: &mut TrtInfer, frames: Vec<Frame>) -> Vec<Head> {
    let mut out = Output::default();
    stage.rows(frames, &mut out).expect("the stage goes on");
    out.take().pop().unwrap_or_default()
}

/// The values of a head, copied to the host.
pub fn values(
    head: &Head,
    pools: &Attachments<CudaMemory>,
    device: &camweave_cuda::Context,
) -> Vec<f32> {
    let stream = Stream::new(device).expect("a stream");
    let slot = pools
        .acquire(&head.tensor)
        .expect("the newest heads are there");
    slot.wait_on(&stream).expect("an order");
    let bytes = head.format.bytes();
    let mut pinned = PinnedBuffer::new(device, bytes, "a head").expect("memory");
    let part = slot
        .address()
        .part(0, bytes)
        .expect("the slot has room for it");
    stream
        .download(part, &mut pinned, 0..bytes)
        .expect("a copy");
    let (values, _) = pinned.bytes().expect("the copy is done").as_chunks::<4>();
    values
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

/// A shipped model on the CPU, in float32.
pub fn on_cpu(name: &str) -> Detector {
    Detector::open(&DetectorOptions {
        model: model(name),
        engine: EngineChoice::Only(EngineKind::Rten),
        libraries: Libraries::default(),
        threads: 2,
        side: 0,
        max_batch: 1,
        family: None,
    })
    .expect("a shipped model")
}

/// What the CPU computes of a picture.
pub fn head_of(detector: &mut Detector, layout: &PictureLayout, pixels: &[u8]) -> Vec<f32> {
    let picture = Picture::new(layout, pixels).expect("pixels of this layout");
    let source = (layout.width, layout.height);
    let (size, input) = (detector.model().size, detector.model().input);
    let letterbox = Letterbox::fit(source, size, input.fit).expect("sizes above 0");
    let plan = LetterboxPlan::with_format(layout, &letterbox, &input);
    plan.and_then(|mut plan| plan.run(&picture, detector.input(1)))
        .expect("it fits");
    let mut head = Vec::new();
    detector
        .run(1, |_, values| head = values.to_vec())
        .expect("the shipped model runs");
    head
}
