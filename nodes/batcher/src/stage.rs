use std::time::{Duration, Instant};

use camweave_message::Frame;
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, DropReason, Output, QueuePolicy, Stage, StageError};

use crate::batch_queue::BatchQueue;
use crate::drops::DROPS;
use crate::settings::BatcherSettings;

/// Groups frames of many cameras.
pub struct Batcher {
    context: Context,
    queue: BatchQueue<Frame>,
}

impl Stage for Batcher {
    const KIND: &'static str = "batcher";
    const ABOUT: &'static str =
        "Groups frames of many cameras into batches, without touching a pixel.";
    type Settings = BatcherSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Frame;
    type Out = Frame;

    fn open(settings: BatcherSettings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            context: context.clone(),
            queue: BatchQueue::new(settings.limits()),
        })
    }

    fn queue(&self) -> QueuePolicy {
        // References wait here for microseconds; what is dropped is the detector's choice.
        QueuePolicy::Newest {
            max_wait: Duration::from_secs(1),
            overloaded_wait: Duration::from_secs(1),
            per_camera: 64,
        }
    }

    fn rows(&mut self, rows: Vec<Frame>, _: &mut Output<Frame>) -> Result<(), StageError> {
        let now = Instant::now();
        for row in rows {
            let camera = row.id.camera.clone();
            if self.queue.push(&camera, row, now).is_some() {
                self.context
                    .counters
                    .dropped(&camera, DropReason::SUPERSEDED.name, 1);
            }
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        let now = Instant::now();
        while self.queue.deadline().is_some() {
            let mut span = self.context.counters.spans().begin(&span_names::BATCH);
            let Some(rows) = self.queue.pop(now) else {
                span.cancel();
                break;
            };
            self.context.name_frames(&mut span, &rows);
            drop(span);
            out.send(rows);
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.queue.deadline()
    }

    fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        for rows in self.queue.drain() {
            out.send(rows);
        }
        Ok(())
    }
}
