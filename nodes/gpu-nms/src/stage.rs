//! The stage: heads in, detections out.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use camweave_cuda::heads::{HeadConfig, HeadDecoder};
use camweave_cuda::{
    Context as Device, CudaError, CudaErrorKind, CudaMemory, DeviceSpans, Precision, Stream,
    missing,
};
use camweave_message::limits::MAX_CLASSES;
use camweave_message::{DetectedBox, Detections, Head};
use camweave_pool::Attachments;
use camweave_stage::telemetry::span_names;
use camweave_stage::{
    Context, DropReason, Output, QueuePolicy, Refusal, Stage, StageError, frame_key,
};
use camweave_vision::{Candidate, HeadLayout, NmsConfig};
use tracing::{error, warn};

use crate::batch::parts;
use crate::drops::DROPS;
use crate::heads::{Held, hold};
use crate::models::{Model, Models};
use crate::settings::GpuNmsSettings;

/// Decodes and suppresses.
pub struct GpuNms {
    context: Context,
    nms: NmsConfig,
    /// Names or ids; all, if there is none.
    kept_classes: Vec<String>,
    rows_per_message: Option<usize>,
    models: Models,
    // Dropped in this order: what uses the device before the device.
    decoder: HeadDecoder,
    stream: Stream,
    /// When the device was at it.
    spans: DeviceSpans,
    attachments: Attachments<CudaMemory>,
    device: Device,
    swept: Instant,
    /// What the log has already: pool and kind of error.
    logged: HashSet<String>,
}

/// Rows whose heads can be read; of each, where, and its model's index.
#[derive(Default)]
struct Ready {
    heads: Vec<Head>,
    held: Vec<(Held, usize)>,
}

/// The log says the same of at most so many pools.
const MAX_LOGGED: usize = 256;
/// A head that waits longer has most likely expired.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// Heads of one launch.
const BATCH: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// Heads of one camera that may wait.
const PER_CAMERA: usize = 64;
/// How often memory of detectors that have ended is looked for.
const SWEEP: Duration = Duration::from_millis(500);

impl Stage for GpuNms {
    const KIND: &'static str = "gpu-nms";
    const ABOUT: &'static str =
        "Turns detector outputs into detections on a GPU: decoding and non-maximum suppression.";
    type Settings = GpuNmsSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Head;
    type Out = Detections;

    fn open(settings: GpuNmsSettings, context: &Context) -> Result<Self, StageError> {
        if let Some(line) = missing() {
            return Err(StageError::missing(line));
        }
        let device = Device::open(settings.device).map_err(|error| ending(&error))?;
        let stream = Stream::urgent(&device).map_err(|error| ending(&error))?;
        let (nms, kept_classes) = (settings.common.nms(), settings.common.kept_classes());
        let mut decoder = HeadDecoder::new(&device).map_err(|error| ending(&error))?;
        let warmed = decoder.warm_up(&stream, nms);
        warmed.map_err(|error| ending(&error))?;
        let classes = match kept_classes.as_slice() {
            [] => "all".to_owned(),
            words => words.join(", "),
        };
        let facts = [
            ("device", device.to_string()),
            ("confidence", nms.confidence.to_string()),
            ("iou", nms.iou.to_string()),
            ("max_detections", nms.max_detections.to_string()),
            ("classes_kept", classes),
        ];
        for (name, value) in &facts {
            context.counters.fact(name, value);
        }
        Ok(Self {
            context: context.clone(),
            nms,
            kept_classes,
            rows_per_message: settings.common.rows_per_message(),
            models: Models::default(),
            decoder,
            stream,
            spans: DeviceSpans::open(&device, context.counters.spans()),
            attachments: Attachments::new_in(device.clone()),
            device,
            swept: Instant::now(),
            logged: HashSet::new(),
        })
    }

    fn queue(&self) -> QueuePolicy {
        QueuePolicy::Newest {
            max_wait: MAX_WAIT,
            overloaded_wait: MAX_WAIT,
            per_camera: PER_CAMERA,
        }
    }

    fn batch(&self) -> Option<NonZeroUsize> {
        Some(BATCH)
    }

    /// The detector has been fair, and its batches are ready in the order in which they come.
    fn is_in_order(&self) -> bool {
        true
    }

    fn rows(&mut self, rows: Vec<Head>, out: &mut Output<Detections>) -> Result<(), StageError> {
        let ready = self.prepare(rows).map_err(|error| ending(&error))?;
        let kinds = ready.held.iter();
        let kinds: Vec<(usize, HeadLayout)> =
            kinds.map(|(held, model)| (*model, held.layout)).collect();
        let mut candidates = Vec::with_capacity(kinds.len());
        for part in parts(&kinds) {
            candidates.extend(self.detect(&ready, part).map_err(|error| ending(&error))?);
        }
        let Ready { heads, held } = ready;
        // The stream has passed the heads: each lets go of its slot here.
        let found = heads.into_iter().zip(held).zip(candidates);
        let found = found.map(|((head, (held, model)), candidates)| {
            detections(head, &held, &candidates, self.models.get(model))
        });
        let mut found = found.peekable();
        let limit = self.rows_per_message.unwrap_or(usize::MAX);
        while found.peek().is_some() {
            out.send(found.by_ref().take(limit).collect());
        }
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
        self.models.begin();
        for head in rows {
            let span = self.context.span(&span_names::ACQUIRE, &head.id);
            let held = hold(&head, &self.attachments, &self.stream);
            drop(span);
            let held = match held {
                Ok(held) => held,
                Err(refusal) => {
                    self.refuse(&head, &refusal);
                    continue;
                }
            };
            let wanted = &self.kept_classes;
            let model = self
                .models
                .index_of(&head, wanted, &self.stream, &self.context)?;
            ready.heads.push(head);
            ready.held.push((held, model));
        }
        Ok(ready)
    }

    /// What is found in heads of one kind, in model pixels. The only place that waits for the
    /// device, and once.
    fn detect(
        &mut self,
        ready: &Ready,
        part: Range<usize>,
    ) -> Result<Vec<Vec<Candidate>>, CudaError> {
        let held = &ready.held[part.clone()];
        let Some((first, model)) = held.first() else {
            return Ok(Vec::new());
        };
        let memory = held.iter().map(|(held, _)| held.memory());
        let memory: Vec<_> = memory.collect::<Result<_, _>>()?;
        let config = HeadConfig {
            layout: first.layout,
            // As the message says.
            precision: Precision::F32,
            nms: self.nms,
            classes: self.models.get(*model).mask.as_ref(),
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

    fn refuse(&mut self, head: &Head, refusal: &Refusal) {
        let camera = &head.id.camera;
        self.context.counters.dropped(camera, refusal.reason, 1);
        let Some(kind) = refusal.error else { return };
        self.context.counters.error(camera, kind);
        let seen = format!("{kind} {}", head.tensor.pool);
        if self.logged.len() < MAX_LOGGED && self.logged.insert(seen) {
            error!(%camera, sequence = head.id.sequence, "head dropped: {}", refusal.message);
        }
    }
}

/// Boxes in pixels of the source picture, clipped to it; one of which nothing is left is none.
fn detections(head: Head, held: &Held, candidates: &[Candidate], model: &Model) -> Detections {
    let boxes = candidates.iter().filter_map(|candidate| {
        let bbox = held.letterbox.image_box_from_model(candidate.bbox);
        let [x1, y1, x2, y2] = bbox;
        let is_left = x1 < x2 && y1 < y2 && candidate.class_id < MAX_CLASSES;
        is_left.then(|| DetectedBox {
            bbox,
            // Rounding in half precision, or a network without a last sigmoid.
            score: candidate.score.min(1.0),
            class_id: candidate.class_id,
            label: model.classes.label(candidate.class_id),
            track_id: None,
        })
    });
    Detections {
        boxes: boxes.collect(),
        id: head.id,
        trace: head.trace,
        image_size: held.letterbox.source,
        picture: Some(head.picture),
        model: head.model,
    }
}

fn ending(error: &CudaError) -> StageError {
    match error.kind() {
        CudaErrorKind::Missing => StageError::missing(error.to_string()),
        _ => StageError::resource(error.to_string()),
    }
}
