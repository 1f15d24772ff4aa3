//! The stage: frames in, heads out.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use camweave_message::{Frame, Head, TensorShape};
use camweave_pool::{PoolSpec, Producer, Retained};
use camweave_stage::{Context, DropReason, Output, QueuePolicy, Stage, StageError};
use camweave_vision::HeadLayout;
use tracing::info;

use crate::drops::DROPS;
use crate::lanes::{Died, Lanes, Part};
use crate::network::{Batching, Network};
use crate::settings::CpuInferSettings;
use crate::share::{Common, Heads, Worker};

/// Runs an ONNX detector over lists of frames.
///
/// The lanes work beside the stage's loop. A list is taken when a lane has nothing to do, which may
/// be before the others have done their frames of the list before.
pub struct CpuInfer {
    common: Arc<Common>,
    lanes: Lanes<Vec<Frame>, Heads>,
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
    const DROPS: &'static [DropReason] = DROPS;
    type In = Frame;
    type Out = Head;

    fn open(settings: CpuInferSettings, context: &Context) -> Result<Self, StageError> {
        let network = Network::open(&settings.detector())?;
        let shape = tensor_shape(network.layout())?;
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
        let common = Arc::new(Common {
            context: context.clone(),
            class_names: Arc::from(network.class_names().join("\n")),
            network,
            heads,
            shape,
            logged: Mutex::new(HashSet::new()),
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
        QueuePolicy::of_detector(self.settings.max_wait(), self.settings.queue)
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
    /// Frames of one list: something to do for each lane, whatever `MAX_BATCH` is, unless it is 1.
    fn most_frames(&self) -> usize {
        let network = &self.common.network;
        match (self.settings.max_batch, network.batching()) {
            (1, _) => 1,
            (most, Batching::Fixed(batch)) => {
                let units = (most / batch).max(network.lanes()).max(1);
                (units * batch).min(self.settings.head_slots as usize)
            }
            (most, Batching::Dynamic) => most
                .max(network.lanes())
                .min(self.settings.head_slots as usize),
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
    fn send(&mut self, parts: Vec<Heads>, out: &mut Output<Head>) {
        let mut rows = Vec::new();
        for Heads { rows: heads, kept } in parts {
            rows.extend(heads);
            self.sent.extend(kept);
        }
        out.send(rows);
    }

    /// Takes the next list only when it begins at once, so that what waits can still give way.
    fn note_ready(&self) {
        let frames = self.lanes.frames_under_way();
        let has_slots = POOL_PART * frames <= self.settings.head_slots as usize;
        let is_ready = self.lanes.has_idle_lane() && (has_slots || frames == 0);
        self.common.context.set_ready(is_ready);
    }

    /// Says once what runs.
    fn note(&self) {
        let network = &self.common.network;
        let (engine, reason) = network.engine_choice();
        let (width, height) = network.size();
        let batch = match network.batching() {
            Batching::Dynamic => "dynamic".to_owned(),
            Batching::Fixed(batch) => format!("fixed {batch}"),
        };
        let head = format!(
            "[{}, {}]{}",
            self.common.shape.rows,
            self.common.shape.columns,
            if network.is_end_to_end() {
                " end to end"
            } else {
                ""
            }
        );
        let facts = [
            ("engine", engine.to_owned()),
            ("engine_reason", reason.to_owned()),
            ("model", network.model().to_string()),
            ("threads", network.threads().to_string()),
            ("input_size", format!("{width}x{height}")),
            ("classes", network.class_names().len().to_string()),
            ("batch", batch.clone()),
            ("head", head.clone()),
        ];
        for (name, value) in &facts {
            self.common.context.counters.fact(name, value);
        }
        info!(
            engine,
            reason,
            model = %network.model(),
            threads = network.threads(),
            input = %format_args!("{width}x{height}"),
            batch,
            head,
            "model is open"
        );
        if let Batching::Fixed(batch) = network.batching() {
            info!(
                batch,
                "the model's batch is fixed: a list of N frames takes ceil(N / {batch}) inferences"
            );
        }
    }
}
