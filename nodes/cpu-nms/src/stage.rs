//! The stage: heads in, detections out.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use camweave_detect::postprocess::{NmsSettings, Postprocess, QUEUE, drops, facts, malformed};
use camweave_message::{DetectedBox, Detections, Head};
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, DropReason, Fact, Output, QueuePolicy, Refusal, Stage, StageError};
use camweave_vision::{Candidate, ShapeScratch};

use crate::decode::{candidates, detections, shaped};

/// Decodes and suppresses.
pub struct CpuNms {
    context: Context,
    half: Postprocess<()>,
    /// Memory that is used again from frame to frame.
    candidates: Vec<Candidate>,
    shapes: ShapeScratch,
}

impl Stage for CpuNms {
    const KIND: &'static str = "cpu-nms";
    const ABOUT: &'static str =
        "Turns detector outputs into detections on the CPU: decoding and non-maximum suppression.";
    type Settings = NmsSettings;
    const DROPS: &'static [DropReason] = &drops(DropReason::UNREACHABLE);
    const FACTS: &'static [Fact] = facts::ALL;
    type In = Head;
    type Out = Detections;

    fn open(settings: NmsSettings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            context: context.clone(),
            half: Postprocess::new(&settings, context),
            candidates: Vec::new(),
            shapes: ShapeScratch::default(),
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
        self.half.begin(&rows);
        let mut found = Vec::with_capacity(rows.len());
        for head in rows {
            match self.detect(&head) {
                Ok(boxes) => found.push(self.half.row(head, boxes)),
                Err(refusal) => self.half.refuse(&head, &refusal),
            }
        }
        self.half.send(found, out);
        Ok(())
    }
}

impl CpuNms {
    /// The boxes of one frame by falling score, in pixels of what the network saw.
    fn detect(&mut self, head: &Head) -> Result<Vec<DetectedBox>, Refusal> {
        let letterbox = head.letterbox().map_err(malformed)?;
        let span = self.context.span(&span_names::ACQUIRE, &head.id);
        let acquired = self.context.attachments.acquire(&head.tensor);
        drop(span);
        let slot = acquired.map_err(|error| Refusal::from(&error))?;
        let values = camweave_detect::values(head, &slot).map_err(malformed)?;
        let Ok(model) = self.half.models.index_of(head, |_| Ok::<_, Infallible>(()));
        let (classes, nms) = (&self.half.models.get(model).classes, &self.half.nms);
        let memory = &mut self.candidates;
        let span = self.context.span(&span_names::DECODE_HEAD, &head.id);
        candidates(values, &head.format, letterbox.model, nms, classes, memory)
            .map_err(malformed)?;
        drop(span);
        let _span = self.context.span(&span_names::NMS, &head.id);
        if head.format.task.is_detect() {
            Ok(classes.named(detections(&head.format, &letterbox, nms, memory)))
        } else {
            let shapes = &mut self.shapes;
            let found = shaped(values, &head.format, &letterbox, nms, memory, shapes);
            Ok(classes.named_shaped(found, letterbox.source))
        }
    }
}
