//! The stage: frames in, heads out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use camweave_message::{Frame, Head, TensorShape};
use camweave_pool::{PoolErrorKind, PoolSpec, Producer, Retained};
use camweave_stage::telemetry::span_names;
use camweave_stage::{
    Context, Env, Key, Output, QueuePolicy, Refusal, Stage, StageError, frame_key,
};
use camweave_vision::HeadLayout;
use tracing::{debug, error, info};

use crate::batch::{self, HeldFrame, Letterboxer};
use crate::detector::{Batching, Detector};
use crate::settings::{KEYS, Settings};

/// Runs an ONNX detector over lists of frames.
pub struct CpuInfer {
    context: Context,
    settings: Settings,
    detector: Detector,
    letterboxer: Letterboxer,
    heads: Producer,
    shape: TensorShape,
    class_names: Arc<str>,
    /// Refusals that the log has already: pool and kind of error.
    logged: HashSet<String>,
}

/// The log says the same of at most so many pools.
const MAX_LOGGED: usize = 256;

impl Stage for CpuInfer {
    const KIND: &'static str = "cpu-infer";
    const ABOUT: &'static str = "Runs an ONNX detector over lists of frames on the CPU.";
    const KEYS: &'static [Key] = KEYS;
    type In = Frame;
    type Out = Head;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let settings = Settings::read(env)?;
        let detector = Detector::open(&settings.detector)?;
        let shape = tensor_shape(detector.layout())?;
        let spec = PoolSpec {
            name: format!("{}-heads", context.stage)
                .chars()
                .take(64)
                .collect(),
            slots: settings.head_slots,
            slot_bytes: shape.bytes(),
        };
        let heads = Producer::create(&spec).map_err(|error| {
            StageError::resource(format!("{error}; HEAD_SLOTS is {}", settings.head_slots))
        })?;
        let class_names = Arc::from(detector.class_names().join("\n"));
        let letterboxer = Letterboxer::new(detector.threads());
        let stage = Self {
            context: context.clone(),
            settings,
            detector,
            letterboxer,
            heads,
            shape,
            class_names,
            logged: HashSet::new(),
        };
        stage.note();
        Ok(stage)
    }

    fn queue(&self) -> QueuePolicy {
        let Settings {
            max_wait,
            per_camera,
            ..
        } = self.settings;
        QueuePolicy::Newest {
            max_wait,
            per_camera,
        }
    }

    fn rows(&mut self, rows: Vec<Frame>, out: &mut Output<Head>) -> Result<(), StageError> {
        let mut heads = Vec::with_capacity(rows.len());
        // Slots of this message are not overwritten before it is sent.
        let mut kept = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        loop {
            let piece: Vec<Frame> = rows
                .by_ref()
                .take(self.settings.detector.max_batch)
                .collect();
            if piece.is_empty() {
                break;
            }
            self.run(piece, &mut heads, &mut kept);
        }
        out.send(heads);
        Ok(())
    }
}

/// The shape of a head as messages say it.
fn tensor_shape(layout: HeadLayout) -> Result<TensorShape, StageError> {
    let (rows, columns) = match layout {
        HeadLayout::Yolov8 { classes, anchors } => (4 + classes, anchors),
        HeadLayout::EndToEnd { max } => (max, 6),
    };
    let size = |size: usize| {
        u32::try_from(size)
            .map_err(|_| StageError::input(format!("a head of {rows}x{columns} values")))
    };
    Ok(TensorShape {
        rows: size(rows)?,
        columns: size(columns)?,
    })
}

impl CpuInfer {
    /// Says once what runs.
    fn note(&self) {
        let (engine, reason) = self.detector.engine_choice();
        let (width, height) = self.detector.size();
        let batch = match self.detector.batching() {
            Batching::Dynamic => "dynamic".to_owned(),
            Batching::Fixed(batch) => format!("fixed {batch}"),
        };
        let head = format!(
            "[{}, {}]{}",
            self.shape.rows,
            self.shape.columns,
            if self.detector.is_end_to_end() {
                " end to end"
            } else {
                ""
            }
        );
        let facts = [
            ("engine", engine.to_owned()),
            ("engine_reason", reason.to_owned()),
            ("model", self.detector.model().to_string()),
            ("threads", self.detector.threads().to_string()),
            ("input_size", format!("{width}x{height}")),
            ("classes", self.detector.class_names().len().to_string()),
            ("batch", batch.clone()),
            ("head", head.clone()),
        ];
        for (name, value) in &facts {
            self.context.counters.fact(name, value);
        }
        info!(
            engine,
            reason,
            model = %self.detector.model(),
            threads = self.detector.threads(),
            input = %format_args!("{width}x{height}"),
            batch,
            head,
            "model is open"
        );
        if let Batching::Fixed(batch) = self.detector.batching() {
            info!(
                batch,
                "the model's batch is fixed: a list of N frames takes ceil(N / {batch}) inferences"
            );
        }
    }

    fn refuse(&mut self, frame: &Frame, refusal: &Refusal) {
        let camera = &frame.id.camera;
        self.context.counters.dropped(camera, refusal.reason, 1);
        let Some(kind) = refusal.error else { return };
        self.context.counters.error(camera, kind);
        let seen = format!("{kind} {}", frame.picture.slot.pool);
        if self.logged.len() < MAX_LOGGED && self.logged.insert(seen) {
            error!(%camera, sequence = frame.id.sequence, "frame dropped: {}", refusal.message);
        }
    }

    /// One inference.
    fn run(&mut self, frames: Vec<Frame>, heads: &mut Vec<Head>, kept: &mut Vec<Retained>) {
        let began = Instant::now();
        let mut held = Vec::with_capacity(frames.len());
        for frame in frames {
            let span = self.context.span(&span_names::ACQUIRE, &frame.id);
            let result = batch::hold(&self.context.attachments, &frame, self.detector.size());
            drop(span);
            match result {
                Ok((slot, letterbox)) => held.push(HeldFrame {
                    frame,
                    slot,
                    letterbox,
                }),
                Err(refusal) => self.refuse(&frame, &refusal),
            }
        }
        if held.is_empty() {
            return;
        }
        let input = self.detector.input(held.len());
        let spans = self.context.counters.spans();
        let span = spans.batch(&span_names::LETTERBOX, held.len());
        held.iter()
            .for_each(|it| span.member(frame_key(&it.frame.id)));
        let frames = self.letterboxer.fill(held, input);
        drop(span);
        let letterboxed = began.elapsed();
        let count = frames.len();
        let span = self
            .context
            .counters
            .spans()
            .batch(&span_names::INFER, count);
        for (frame, _) in &frames {
            span.member(frame_key(&frame.id));
        }
        let mut frames = frames.into_iter();
        let Self {
            detector,
            context,
            heads: pool,
            shape,
            class_names,
            ..
        } = self;
        let (model, model_size) = (Arc::clone(detector.model()), detector.size());
        let end_to_end = detector.is_end_to_end();
        let result = detector.run(count, |_, values| {
            let Some((frame, filled)) = frames.next() else {
                return;
            };
            let camera = Arc::clone(&frame.id.camera);
            if let Err(message) = filled {
                context.counters.dropped(&camera, "malformed", 1);
                context.counters.error(&camera, "malformed_picture");
                debug!(%camera, "frame dropped: {message}");
                return;
            }
            let _span = context.span(&span_names::PUBLISH, &frame.id);
            let mut slot = match pool.begin() {
                Ok(slot) => slot,
                Err(error) => {
                    context.counters.dropped(&camera, "heads_exhausted", 1);
                    if error.kind() != PoolErrorKind::Exhausted {
                        context.counters.error(&camera, "heads_pool");
                    }
                    debug!(%camera, "head dropped: {error}");
                    return;
                }
            };
            let bytes: &[u8] = bytemuck::cast_slice(values);
            slot[..bytes.len()].copy_from_slice(bytes);
            let (tensor, retained) = slot.publish_retained();
            kept.push(retained);
            heads.push(Head {
                id: frame.id,
                trace: frame.trace,
                picture: frame.picture,
                model_size,
                model: Arc::clone(&model),
                class_names: Arc::clone(class_names),
                end_to_end,
                shape: *shape,
                tensor,
                row: 0,
            });
        });
        drop(span);
        if context.counters.spans().are_traced() {
            let usage = pool.usage();
            let in_use = u64::from(usage.held + usage.writing);
            let spans = context.counters.spans();
            spans.gauge(&span_names::SLOTS_IN_USE, "heads", in_use);
        }
        if let Err(error) = result {
            error!("inference failed: {error}");
            // Those that are left have not been run.
            for (frame, _) in frames {
                context
                    .counters
                    .dropped(&frame.id.camera, "inference_failed", 1);
                context.counters.error(&frame.id.camera, "inference");
            }
        }
        debug!(
            frames = count,
            letterbox_ms = letterboxed.as_secs_f64() * 1e3,
            inference_ms = (began.elapsed() - letterboxed).as_secs_f64() * 1e3,
            "batch"
        );
    }
}
