//! The stage: heads in, detections out.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use camweave_cuda::heads::{ClassMask, HeadConfig, HeadDecoder};
use camweave_cuda::{
    Context as Device, CudaError, CudaErrorKind, CudaMemory, DeviceSpans, Precision, Stream,
    missing,
};
use camweave_detect::postprocess::facts::{
    CLASSES_KEPT, CONFIDENCE, IOU, MAX_DETECTIONS, OBJECTS_IGNORED,
};
use camweave_detect::postprocess::{Postprocess, QUEUE, drops};
use camweave_message::{Detections, Head};
use camweave_pool::Attachments;
use camweave_stage::telemetry::span_names;
use camweave_stage::{
    Context, DropReason, Fact, Output, QueuePolicy, Stage, StageError, frame_key,
};
use camweave_vision::{Candidate, ShapeScratch, Task, in_image};
use tracing::warn;

use crate::batch::parts;
use crate::heads::{Held, hold};
use crate::mask::mask;
use crate::settings::GpuNmsSettings;
use crate::shapes::{HostCopy, boxes};

const DEVICE: Fact = Fact {
    name: "device",
    help: "the CUDA device",
};

/// Decodes and suppresses.
pub struct GpuNms {
    context: Context,
    /// With each model goes the mask of the classes that are kept; none: all are.
    half: Postprocess<Option<ClassMask>>,
    // Dropped in this order: what uses the device before the device.
    decoder: HeadDecoder,
    host: HostCopy,
    shapes: ShapeScratch,
    stream: Stream,
    /// When the device was at it.
    spans: DeviceSpans,
    attachments: Attachments<CudaMemory>,
    device: Device,
    swept: Instant,
}

/// Rows whose heads can be read; of each, where, and its model's index.
#[derive(Default)]
struct Ready {
    heads: Vec<Head>,
    held: Vec<(Held, usize)>,
}

/// How often memory of detectors that have ended is looked for.
const SWEEP: Duration = Duration::from_millis(500);

impl Stage for GpuNms {
    const KIND: &'static str = "gpu-nms";
    const ABOUT: &'static str =
        "Turns detector outputs into detections on a GPU: decoding and non-maximum suppression.";
    type Settings = GpuNmsSettings;
    const DROPS: &'static [DropReason] = &drops(DropReason {
        name: DropReason::UNREACHABLE.name,
        help: "the output is in host memory (error `incompatible_pool`; the line names `cpu-nms`), on another host, on another device, or its pool cannot be attached (also counted as an error by kind)",
    });
    const FACTS: &'static [Fact] = &[
        CONFIDENCE,
        IOU,
        MAX_DETECTIONS,
        CLASSES_KEPT,
        OBJECTS_IGNORED,
        Fact::BATCH_AT_MOST,
        DEVICE,
    ];
    type In = Head;
    type Out = Detections;

    fn open(settings: GpuNmsSettings, context: &Context) -> Result<Self, StageError> {
        if let Some(line) = missing() {
            return Err(StageError::missing(line));
        }
        let device = Device::open(settings.device).map_err(|error| ending(&error))?;
        let stream = Stream::urgent(&device).map_err(|error| ending(&error))?;
        let half = Postprocess::new(&settings.common, context);
        let mut decoder = HeadDecoder::new(&device).map_err(|error| ending(&error))?;
        let warmed = decoder.warm_up(&stream, half.nms);
        warmed.map_err(|error| ending(&error))?;
        context.counters.fact(&DEVICE, &device.to_string());
        Ok(Self {
            context: context.clone(),
            half,
            decoder,
            host: HostCopy::new(&device),
            shapes: ShapeScratch::default(),
            stream,
            spans: DeviceSpans::open(&device, context.counters.spans()),
            attachments: Attachments::new_in(device.clone()),
            device,
            swept: Instant::now(),
        })
    }

    fn queue(&self) -> QueuePolicy {
        QUEUE
    }

    fn batch(&self) -> Option<NonZeroUsize> {
        Some(self.half.batch())
    }

    /// The detector has been fair, and its batches are ready in the order in which they come.
    fn is_in_order(&self) -> bool {
        true
    }

    fn rows(&mut self, rows: Vec<Head>, out: &mut Output<Detections>) -> Result<(), StageError> {
        let ready = self.prepare(rows).map_err(|error| ending(&error))?;
        let kinds = ready.held.iter();
        let kinds: Vec<_> = kinds
            .map(|(held, model)| (*model, held.format, held.letterbox.model))
            .collect();
        let mut candidates = Vec::with_capacity(kinds.len());
        for part in parts(&kinds) {
            candidates.extend(self.detect(&ready, part).map_err(|error| ending(&error))?);
        }
        let Ready { heads, held } = ready;
        // The stream has passed the heads: each releases its slot here.
        let all = heads.into_iter().zip(held).zip(candidates);
        let mut found = Vec::with_capacity(all.len());
        for ((head, (held, model)), candidates) in all {
            let classes = &self.half.models.get(model).classes;
            // In pixels of what the network saw.
            let found_in = match candidates {
                Some(candidates) if held.format.task.is_detect() => {
                    Ok(classes.named(in_image(&candidates, &held.letterbox)))
                }
                candidates => {
                    let bytes = self.host.of(&held, &self.stream);
                    let bytes = bytes.map_err(|error| ending(&error))?;
                    let (nms, scratch) = (&self.half.nms, &mut self.shapes);
                    boxes(bytes, &held, candidates, nms, classes, scratch)
                }
            };
            match found_in {
                Ok(boxes) => found.push(self.half.row(head, boxes)),
                Err(refusal) => self.half.refuse(&head, &refusal),
            }
        }
        self.half.send(found, out);
        Ok(())
    }

    fn tick(&mut self, _out: &mut Output<Detections>) -> Result<(), StageError> {
        self.spans.poll();
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            self.attachments.sweep();
            for error in self.device.take_drop_errors() {
                self.context.counters.stage_error("cuda_drop");
                warn!("{error}");
            }
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        (self.attachments.pool_count() > 0).then(|| self.swept + SWEEP)
    }

    fn close(&mut self, _out: &mut Output<Detections>) -> Result<(), StageError> {
        self.spans.poll();
        Ok(())
    }
}

impl GpuNms {
    /// The rows whose heads can be read, in their order; the others are counted.
    fn prepare(&mut self, rows: Vec<Head>) -> Result<Ready, CudaError> {
        let mut ready = Ready::default();
        self.half.begin(&rows);
        for head in rows {
            let span = self.context.span(&span_names::ACQUIRE, &head.id);
            let held = hold(&head, &self.attachments, &self.stream);
            drop(span);
            let held = match held {
                Ok(held) => held,
                Err(refusal) => {
                    self.half.refuse(&head, &refusal);
                    continue;
                }
            };
            let make = |classes: &_| mask(classes, &self.stream);
            let model = self.half.models.index_of(&head, make)?;
            ready.heads.push(head);
            ready.held.push((held, model));
        }
        Ok(ready)
    }

    /// What is found in heads of one kind, in model pixels; `None` of a head that the host decodes.
    /// The only place that waits for the device, and once.
    fn detect(
        &mut self,
        ready: &Ready,
        part: Range<usize>,
    ) -> Result<Vec<Option<Vec<Candidate>>>, CudaError> {
        let held = &ready.held[part.clone()];
        let Some((first, model)) = held.first() else {
            return Ok(Vec::new());
        };
        if first.format.task == Task::Obb {
            // The kernels suppress boxes without rotation.
            return Ok(vec![None; held.len()]);
        }
        let memory = held.iter().map(|(held, _)| held.memory());
        let memory: Vec<_> = memory.collect::<Result<_, _>>()?;
        let config = HeadConfig {
            format: first.format,
            size: first.letterbox.model,
            // As the message says.
            precision: Precision::F32,
            nms: self.half.nms,
            classes: self.half.models.get(*model).made.as_ref(),
        };
        let heads = &ready.heads[part];
        let _span = self.context.span_over(&span_names::NMS, heads);
        // The stream already waits for the heads: their inference is not in the device's span.
        let span = self.spans.begin(&self.stream);
        self.decoder.enqueue(&self.stream, &memory, &config)?;
        let keys = heads.iter().map(|head| frame_key(&head.id));
        self.spans.end(&self.stream, span, &span_names::NMS, keys);
        let found = self.decoder.results();
        self.spans.poll();
        found
    }
}

fn ending(error: &CudaError) -> StageError {
    match error.kind() {
        CudaErrorKind::Missing => StageError::missing(error.to_string()),
        _ => StageError::resource(error.to_string()),
    }
}
