//! The stage: frames in, heads out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use camweave_detect::infer::facts::{BATCH, ENGINE, ENGINE_REASON};
use camweave_detect::infer::{Heads, drops};
use camweave_message::{Frame, Head};
use camweave_pool::Retained;
use camweave_stage::{Context, DropReason, Fact, Output, QueuePolicy, Stage, StageError};
use tracing::info;

use crate::facts::{FACTS, THREADS};
use crate::lanes::{Died, Lanes, Part};
use crate::network::{Batching, Network};
use crate::settings::CpuInferSettings;
use crate::share::{Common, Done, Worker};

/// Runs an ONNX detector over lists of frames.
///
/// The lanes work beside the stage's loop. A list is taken when a lane has nothing to do, which may
/// be before the others have done their frames of the list before.
pub struct CpuInfer {
    common: Arc<Common>,
    lanes: Lanes<Vec<Frame>, Done>,
    settings: CpuInferSettings,
    /// Slots of the messages that are being sent are not overwritten before they are.
    sent: Vec<Retained>,
}

/// Lists under way fill at most this part of the pool of heads, unless there is only one.
const POOL_PART: usize = 4;

impl Stage for CpuInfer {
    const KIND: &'static str = "cpu-infer";
    const ABOUT: &'static str = "Runs an ONNX detector over batches of frames on the CPU.";
    type Settings = CpuInferSettings;
    const DROPS: &'static [DropReason] = &drops(
        "the downstream stages hold all `HEAD_SLOTS`",
        "the engine failed on the batch (error `inference`)",
    );
    const FACTS: &'static [Fact] = FACTS;
    type In = Frame;
    type Out = Head;

    fn open(settings: CpuInferSettings, context: &Context) -> Result<Self, StageError> {
        let network = Network::open(&settings.detector())?;
        let slots = settings.head_slots_of(network.model().format.bytes());
        let heads = Heads::create(&(), slots, network.model(), context)?;
        let common = Arc::new(Common {
            context: context.clone(),
            network,
            heads,
        });
        let count = common.network.lanes();
        let shared = Arc::clone(&common);
        let lanes = Lanes::start(count, context.waker(), move |lane, turns| {
            let mut worker = Worker::new(lane, Arc::clone(&shared));
            shared
                .network
                .in_lane(lane, &mut || turns.work(|part| worker.work(part)));
        });
        let lanes = lanes.map_err(|error| {
            StageError::resource(format!("cannot start {count} threads: {error}"))
        })?;
        let stage = Self {
            common,
            lanes,
            settings,
            sent: Vec::new(),
        };
        stage.note();
        Ok(stage)
    }

    fn queue(&self) -> QueuePolicy {
        self.settings.waiting.policy()
    }

    fn batch(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.most_frames())
    }

    fn rows(&mut self, rows: Vec<Frame>, _: &mut Output<Head>) -> Result<(), StageError> {
        let count = rows.len();
        let mut parts = Vec::new();
        let mut rows = rows.into_iter();
        loop {
            let piece = rows.by_ref().take(self.most_frames());
            let mut piece: Vec<Frame> = piece.collect();
            if piece.is_empty() {
                break;
            }
            let Some(unit) = self.common.network.unit(piece.len()) else {
                parts.push(Part::Whole(piece));
                continue;
            };
            while !piece.is_empty() {
                let rest = piece.split_off(unit.min(piece.len()));
                parts.push(Part::Share(std::mem::replace(&mut piece, rest)));
            }
        }
        self.lanes.push(parts, count);
        self.note_ready();
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Head>) -> Result<(), StageError> {
        // What the last call has given out is sent.
        self.sent.clear();
        while let Some(parts) = self.lanes.pop().map_err(died)? {
            self.send(parts, out);
        }
        self.note_ready();
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Head>) -> Result<(), StageError> {
        self.finish(out)
    }
}

fn died(_: Died) -> StageError {
    StageError::internal("a lane has ended by itself")
}

impl CpuInfer {
    /// Frames of one list: something to do for each lane, whatever `MAX_BATCH` is, unless it is 1.
    fn most_frames(&self) -> usize {
        let network = &self.common.network;
        match (self.settings.max_batch, network.batching()) {
            (1, _) => 1,
            (most, Batching::Fixed(batch)) => {
                let units = (most / batch).max(network.lanes()).max(1);
                (units * batch).min(self.common.heads.slots() as usize)
            }
            (most, Batching::Dynamic) => most
                .max(network.lanes())
                .min(self.common.heads.slots() as usize),
        }
    }

    /// Waits until all that was taken is done, and sends it.
    ///
    /// # Errors
    /// A lane has died: a bug.
    pub fn finish(&mut self, out: &mut Output<Head>) -> Result<(), StageError> {
        while let Some(parts) = self.lanes.wait().map_err(died)? {
            self.send(parts, out);
        }
        self.note_ready();
        Ok(())
    }

    /// Sends a list; the parts are in the order of its frames.
    fn send(&mut self, parts: Vec<Done>, out: &mut Output<Head>) {
        let mut rows = Vec::new();
        for Done { rows: heads, kept } in parts {
            rows.extend(heads);
            self.sent.extend(kept);
        }
        out.send(rows);
    }

    /// Takes the next list only when it begins at once, so that what waits can still be dropped.
    fn note_ready(&self) {
        let frames = self.lanes.frames_under_way();
        let has_slots = POOL_PART * frames <= self.common.heads.slots() as usize;
        let is_ready = self.lanes.has_idle_lane() && (has_slots || frames == 0);
        self.common.context.set_ready(is_ready);
    }

    /// Says once what runs.
    fn note(&self) {
        let network = &self.common.network;
        let (engine, reason) = network.engine_choice();
        let batch = match network.batching() {
            Batching::Dynamic => "dynamic".to_owned(),
            Batching::Fixed(batch) => format!("fixed {batch}"),
        };
        self.common.heads.note(&[
            (ENGINE, engine.to_owned()),
            (ENGINE_REASON, reason.to_owned()),
            (THREADS, network.threads().to_string()),
            (BATCH, batch),
        ]);
        if let Batching::Fixed(batch) = network.batching() {
            info!(
                batch,
                "the model's batch is fixed: a batch of N frames takes ceil(N / {batch}) inferences"
            );
        }
    }
}
