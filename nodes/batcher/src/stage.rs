use std::time::{Duration, Instant};

use camweave_message::Frame;
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, Env, Key, Output, QueuePolicy, Stage, StageError};

use crate::{Batcher, Limits};

/// Many newer rows of the same camera were waiting.
const SUPERSEDED: &str = "superseded";

/// The batcher as a stage.
pub struct BatcherStage {
    context: Context,
    batcher: Batcher<Frame>,
}

impl Stage for BatcherStage {
    const KIND: &'static str = "batcher";
    const ABOUT: &'static str =
        "Groups frames of many cameras into one list, without touching a pixel.";
    const KEYS: &'static [Key] = &[
        Key {
            name: "MAX_BATCH",
            default: Some("8"),
            help: "frames in a list at most",
        },
        Key {
            name: "MAX_WINDOW_MS",
            default: Some("20"),
            help: "longest wait for other cameras; the fastest live camera's period if that is shorter",
        },
        Key {
            name: "MAX_PER_SOURCE",
            default: Some("1"),
            help: "frames of one camera in a list at most (mixed rates: ceil(fastest / slowest))",
        },
    ];
    type In = Frame;
    type Out = Frame;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let limits = Limits {
            max_batch: env.number("MAX_BATCH", 1..=1024)?,
            max_window: Duration::from_millis(env.number("MAX_WINDOW_MS", 1..=10_000)?),
            max_per_source: env.number("MAX_PER_SOURCE", 1..=1024)?,
        };
        Ok(Self {
            context: context.clone(),
            batcher: Batcher::new(limits),
        })
    }

    fn queue(&self) -> QueuePolicy {
        // References wait here for microseconds; what gives way is the detector's choice.
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
            if self.batcher.push(&camera, row, now).is_some() {
                self.context.counters.dropped(&camera, SUPERSEDED, 1);
            }
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        let now = Instant::now();
        while self.batcher.deadline().is_some() {
            let mut span = self.context.counters.spans().begin(&span_names::BATCH);
            let Some(rows) = self.batcher.pop(now) else {
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
        self.batcher.deadline()
    }

    fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        for rows in self.batcher.drain() {
            out.send(rows);
        }
        Ok(())
    }
}
