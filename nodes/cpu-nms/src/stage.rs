//! The stage: heads in, detections out.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use camweave_message::limits::MAX_CLASSES;
use camweave_message::{DetectedBox, Detections, Head};
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, DropReason, Output, QueuePolicy, Refusal, Stage, StageError};
use camweave_vision::NmsConfig;
use tracing::{error, info};

use crate::classes::Classes;
use crate::decode::{Memory, candidates, detections};
use crate::drops::DROPS;
use crate::settings::NmsSettings;
use crate::tensor;

/// Decodes and suppresses.
pub struct CpuNms {
    context: Context,
    nms: NmsConfig,
    /// Names or ids; all, if there is none.
    kept_classes: Vec<String>,
    rows_per_message: Option<usize>,
    /// Of the last few models seen; the newest last.
    classes: Vec<Classes>,
    memory: Memory,
    /// What the log has already: pool and kind of error.
    logged: HashSet<String>,
}

/// Models whose classes are kept in mind.
const MAX_MODELS: usize = 16;
/// The log says the same of at most so many pools.
const MAX_LOGGED: usize = 256;
/// A head that waits longer has most likely expired.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// Heads that are done before the first of them is sent on.
const BATCH: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// Heads of one camera that may wait.
const PER_CAMERA: usize = 64;

impl Stage for CpuNms {
    const KIND: &'static str = "cpu-nms";
    const ABOUT: &'static str =
        "Turns detector outputs into detections on the CPU: decoding and non-maximum suppression.";
    type Settings = NmsSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Head;
    type Out = Detections;

    fn open(settings: NmsSettings, context: &Context) -> Result<Self, StageError> {
        let kept_classes = settings.kept_classes();
        let classes = match kept_classes.as_slice() {
            [] => "all".to_owned(),
            words => words.join(", "),
        };
        let facts = [
            ("confidence", settings.confidence.to_string()),
            ("iou", settings.iou.to_string()),
            ("max_detections", settings.max_detections.to_string()),
            ("classes_kept", classes),
        ];
        for (name, value) in &facts {
            context.counters.fact(name, value);
        }
        Ok(Self {
            context: context.clone(),
            nms: settings.nms(),
            kept_classes,
            rows_per_message: settings.rows_per_message(),
            classes: Vec::new(),
            memory: Memory::default(),
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
        let mut found = Vec::with_capacity(rows.len());
        for head in rows {
            match self.detect(&head) {
                Ok((boxes, image_size)) => found.push(Detections {
                    id: head.id,
                    trace: head.trace,
                    image_size,
                    picture: Some(head.picture),
                    model: head.model,
                    boxes,
                }),
                Err(refusal) => self.refuse(&head, &refusal),
            }
        }
        let Some(limit) = self.rows_per_message else {
            out.send(found);
            return Ok(());
        };
        let mut found = found.into_iter().peekable();
        while found.peek().is_some() {
            out.send(found.by_ref().take(limit).collect());
        }
        Ok(())
    }
}

impl CpuNms {
    /// The boxes of one frame by falling score, and its size in pixels.
    fn detect(&mut self, head: &Head) -> Result<(Vec<DetectedBox>, (u32, u32)), Refusal> {
        let malformed = |message| Refusal {
            reason: DropReason::MALFORMED.name,
            error: Some("malformed_head"),
            message,
        };
        let layout = tensor::layout(head).map_err(|error| malformed(error.to_string()))?;
        let letterbox = head
            .letterbox()
            .map_err(|error| malformed(error.to_string()))?;
        let span = self.context.span(&span_names::ACQUIRE, &head.id);
        let acquired = self.context.attachments.acquire(&head.tensor);
        drop(span);
        let slot = acquired.map_err(|error| Refusal::from(&error))?;
        let values = tensor::values(head, &slot).map_err(|error| malformed(error.to_string()))?;
        let index = self.classes_of(head);
        let Self {
            classes,
            memory,
            nms,
            context,
            ..
        } = self;
        let classes = &classes[index];
        let span = context.span(&span_names::DECODE_HEAD, &head.id);
        candidates(values, &layout, nms, classes, memory)
            .map_err(|error| malformed(error.to_string()))?;
        drop(span);
        let span = context.span(&span_names::NMS, &head.id);
        let found = detections(&layout, &letterbox, nms, memory);
        drop(span);
        let found = found.into_iter().filter(|it| it.class_id < MAX_CLASSES);
        let boxes = found.map(|detection| DetectedBox {
            bbox: detection.bbox,
            // Rounding in half precision, or a network without a last sigmoid.
            score: detection.score.min(1.0),
            class_id: detection.class_id,
            label: classes.label(detection.class_id),
            track_id: None,
        });
        Ok((boxes.collect(), letterbox.source))
    }

    /// The index of the classes of a head's model.
    fn classes_of(&mut self, head: &Head) -> usize {
        if let Some(index) = self
            .classes
            .iter()
            .rposition(|it| it.is_of(&head.class_names))
        {
            return index;
        }
        let classes = Classes::new(&head.class_names, &self.kept_classes);
        // Heads that say something else each time do not fill the log.
        let is_said =
            self.logged.len() < MAX_LOGGED && self.logged.insert(format!("model {}", head.model));
        if let Some(complaint) = classes.complaint() {
            self.context.counters.stage_error("unknown_class");
            if is_said {
                error!(model = %head.model, "{complaint}");
            }
        }
        if is_said {
            info!(model = %head.model, end_to_end = head.end_to_end, "first head of a model");
        }
        if self.classes.len() == MAX_MODELS {
            self.classes.remove(0);
        }
        self.classes.push(classes);
        self.classes.len() - 1
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
