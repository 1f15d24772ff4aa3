//! The stage: frames in, heads out.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use camweave_cuda::letterbox::Kernel;
use camweave_cuda::{CudaMemory, DeviceSpans, missing};
use camweave_detect::infer::facts::{BATCH, ENGINE, ENGINE_REASON};
use camweave_detect::infer::{Heads, Unpublished, drops};
use camweave_engine::{Source, TrtInferSettings, of_cuda, of_tensorrt};
use camweave_message::{Frame, Head};
use camweave_pool::{Retained, WriteSlot};
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, DropReason, Fact, Output, QueuePolicy, Stage, StageError};
use camweave_tensorrt::{ErrorKind, TensorRt};
use tracing::{debug, warn};

use crate::error::LaneError;
use crate::facts::{CUDA_GRAPHS, FACTS, GPU, HEAD_SLOTS, INPUT_TYPE, MEMORY, PLAN, RING};
use crate::frames::PicturePools;
use crate::lane::{Execution, Lane};
use crate::model::Model;

/// Runs a detector over lists of frames with TensorRT.
pub struct TrtInfer {
    // Dropped in this order: lanes before the engine and the heads that they write.
    lanes: Vec<Lane>,
    next: usize,
    model: Model,
    kernel: Kernel,
    heads: Heads<CudaMemory>,
    pools: PicturePools,
    /// When the device was at it.
    spans: DeviceSpans,
    device: camweave_cuda::Context,
    context: Context,
    settings: TrtInferSettings,
    /// Whether a lane holds frames.
    is_holding: bool,
    /// When pools were last looked at whose producers have died.
    swept: Instant,
}

/// How soon after a batch its frames are released, at the latest, where no message comes.
const RELEASE_WITHIN: Duration = Duration::from_millis(1);

/// How soon the device memory of a dead decoder goes back where no frame comes any more.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

impl Stage for TrtInfer {
    const KIND: &'static str = camweave_engine::KIND;
    const ABOUT: &'static str =
        "Runs a detector over batches of frames with TensorRT. Its outputs stay on the GPU.";
    type Settings = TrtInferSettings;
    const DROPS: &'static [DropReason] = &drops(
        "the downstream stages hold all `HEAD_SLOTS`, or an output could not be copied (error `heads_pool`)",
        "the GPU failed on the batch (error `inference`); the node ends",
    );
    const FACTS: &'static [Fact] = FACTS;
    type In = Frame;
    type Out = Head;

    fn open(settings: TrtInferSettings, context: &Context) -> Result<Self, StageError> {
        // What is wrong with the file is said with or without a GPU.
        let source = Source::read(&settings)?;
        if let Some(line) = missing() {
            return Err(StageError::missing(line));
        }
        let tensorrt = TensorRt::load().map_err(|error| of_tensorrt(&error))?;
        let device =
            camweave_cuda::Context::open(settings.device).map_err(|error| of_cuda(&error))?;
        device.bind().map_err(|error| of_cuda(&error))?;
        let model = Model::open(source, &tensorrt, &device, settings.max_batch)?;
        let kernel = Kernel::load(&device, &model.info.input).map_err(|error| of_cuda(&error))?;
        let lanes = lanes(&device, &model, settings.ring)?;
        let (_, device_bytes) = device.memory().map_err(|error| of_cuda(&error))?;
        let slots = settings.head_slots_on(device_bytes, model.output_bytes());
        CudaMemory::sharing_on(&device)
            .map_err(|error| StageError::configuration(error.to_string()))?;
        let heads = Heads::create(&device, slots, &model.info, context)?;
        let stage = Self {
            lanes,
            next: 0,
            kernel,
            heads,
            pools: PicturePools::new(context.attachments.clone(), &device),
            spans: DeviceSpans::open(&device, context.counters.spans()),
            device,
            context: context.clone(),
            settings,
            model,
            is_holding: false,
            swept: Instant::now(),
        };
        stage.note(&tensorrt);
        Ok(stage)
    }

    fn queue(&self) -> QueuePolicy {
        self.settings.waiting.policy()
    }

    fn batch(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.most_frames())
    }

    /// For the next place of the ring, and where less than a batch waits, for all of it: while the
    /// device is busy, a small batch would only stand in line and keep others out of it. What comes
    /// until then is in the next batch.
    fn wait(&mut self, waiting: usize) -> Result<(), StageError> {
        self.device.bind().map_err(|error| of_cuda(&error))?;
        let places = self.lanes.len();
        let is_full = waiting >= self.most_frames();
        let wanted = if is_full { 1 } else { places };
        for place in 0..wanted {
            let place = (self.next + 1 + place) % places;
            self.lanes[place].wait().map_err(LaneError::into_stage)?;
        }
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Frame>, out: &mut Output<Head>) -> Result<(), StageError> {
        self.device.bind().map_err(|error| of_cuda(&error))?;
        let mut heads = Vec::with_capacity(rows.len());
        // Slots of this message are not overwritten before it is sent.
        let mut kept = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        loop {
            let piece: Vec<Frame> = rows.by_ref().take(self.most_frames()).collect();
            if piece.is_empty() {
                break;
            }
            self.run(piece, &mut heads, &mut kept)?;
        }
        self.heads.trace_usage();
        out.send(heads);
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Head>) -> Result<(), StageError> {
        self.spans.poll();
        self.is_holding = false;
        for lane in &mut self.lanes {
            self.is_holding |= lane.release().map_err(LaneError::into_stage)?;
        }
        if self.swept.elapsed() >= SWEEP_EVERY {
            self.swept = Instant::now();
            self.pools.sweep();
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.is_holding.then(|| Instant::now() + RELEASE_WITHIN)
    }

    fn close(&mut self, _: &mut Output<Head>) -> Result<(), StageError> {
        for lane in &mut self.lanes {
            lane.wait().map_err(LaneError::into_stage)?;
        }
        self.spans.poll();
        for error in self.device.take_drop_errors() {
            warn!("{error}");
        }
        Ok(())
    }
}

/// The ring. A plan of TensorRT 8 may allow one execution context only, which all places share then.
fn lanes(
    device: &camweave_cuda::Context,
    model: &Model,
    wanted: usize,
) -> Result<Vec<Lane>, StageError> {
    let failed = |number: usize, error: LaneError| {
        let StageError { exit, message } = error.into_stage();
        let each = model.engine.context_bytes();
        let message =
            format!("place {number} of RING={wanted}, {each} bytes for activations: {message}");
        StageError { exit, message }
    };
    let mut lanes: Vec<Lane> = Vec::with_capacity(wanted);
    while lanes.len() < wanted {
        let number = lanes.len() + 1;
        let execution = match Execution::new(device, model) {
            Ok(execution) => execution,
            Err(LaneError::TensorRt(error)) if error.kind() == ErrorKind::Configuration => {
                let Some(last) = lanes.last() else {
                    return Err(failed(number, error.into()));
                };
                debug!("the places of the ring share an execution context: {error}");
                last.execution()
            }
            Err(error) => return Err(failed(number, error)),
        };
        let lane = Lane::new(device, model, &execution);
        lanes.push(lane.map_err(|error| failed(number, error))?);
    }
    Ok(lanes)
}

impl TrtInfer {
    /// Frames of one inference at most.
    fn most_frames(&self) -> usize {
        let most = self.model.max_batch;
        match self.settings.batch {
            0 => most as usize,
            batch => batch.min(most) as usize,
        }
    }

    /// Says once what runs.
    fn note(&self, tensorrt: &TensorRt) {
        let max_batch = self.model.max_batch;
        let batch = if self.model.is_batch_fixed {
            format!("fixed {max_batch}")
        } else {
            format!("1 to {max_batch}")
        };
        let graphs = self.lanes.first().map_or(0, Lane::graphs);
        self.heads.note(&[
            (ENGINE, tensorrt.version().to_string()),
            (ENGINE_REASON, self.model.origin.clone()),
            (PLAN, self.model.path.display().to_string()),
            (GPU, self.device.name().to_owned()),
            (INPUT_TYPE, self.model.info.input.element.to_string()),
            (BATCH, batch),
            (RING, self.lanes.len().to_string()),
            (CUDA_GRAPHS, graphs.to_string()),
            (MEMORY, self.heads.memory().sharing().to_owned()),
            (HEAD_SLOTS, self.heads.slots().to_string()),
        ]);
    }

    /// One inference. Where the device fails, the stage ends: a context that has failed does not
    /// recover, and a new process has a new one.
    fn run(
        &mut self,
        frames: Vec<Frame>,
        heads: &mut Vec<Head>,
        kept: &mut Vec<Retained<CudaMemory>>,
    ) -> Result<(), StageError> {
        let mut pictures = Vec::with_capacity(frames.len());
        let mut held = Vec::with_capacity(frames.len());
        for frame in frames {
            let span = self.context.span(&span_names::ACQUIRE, &frame.id);
            let result = self.pools.hold(&frame, &self.model.info);
            drop(span);
            match result {
                Ok(picture) => {
                    pictures.push(picture);
                    held.push(frame);
                }
                Err(refusal) => self.heads.refuse(&frame, &refusal),
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        self.next = (self.next + 1) % self.lanes.len();
        let lane = &mut self.lanes[self.next];
        let work = || {
            let span = self.context.span_over(&span_names::WAIT, &held);
            lane.wait()?;
            drop(span);
            self.spans.poll();
            let spans = &mut self.spans;
            let span = self.context.span_over(&span_names::LETTERBOX, &held);
            lane.letterbox(&self.kernel, &self.model, &held, pictures, spans)?;
            drop(span);
            let _span = self.context.span_over(&span_names::INFER, &held);
            lane.infer(&self.model, &held, spans)
        };
        if let Err(error) = work() {
            self.heads.failed(&held);
            return Err(error.into_stage());
        }
        self.is_holding = true;
        self.publish(held, heads, kept)?;
        self.lanes[self.next]
            .finish()
            .map_err(LaneError::into_stage)
    }

    /// Puts the copies of the heads into slots of their own behind the inference, and publishes
    /// them: consumers' streams wait for them, the CPU does not.
    fn publish(
        &mut self,
        frames: Vec<Frame>,
        heads: &mut Vec<Head>,
        kept: &mut Vec<Retained<CudaMemory>>,
    ) -> Result<(), StageError> {
        let _span = self.context.span_over(&span_names::PUBLISH, &frames);
        let lane = &self.lanes[self.next];
        let slots: Vec<_> = frames.iter().map(|_| self.slot(lane)).collect();
        let targets = slots.iter().map_while(|slot| slot.as_ref().ok());
        let targets: Vec<u32> = targets.map(WriteSlot::slot).collect();
        let copied = lane.copy_heads(&self.model, self.heads.memory(), &targets);
        if let Err(error) = copied {
            self.heads.failed(&frames);
            return Err(error.into_stage());
        }
        for (index, (frame, slot)) in frames.into_iter().zip(slots).enumerate() {
            let is_copied = index < targets.len();
            let published = slot.and_then(|slot| {
                if !is_copied {
                    return Err(Unpublished::Exhausted);
                }
                Ok(slot.publish_retained_on(lane.stream())?)
            });
            match published {
                Ok((tensor, retained)) => {
                    kept.push(retained);
                    heads.push(self.heads.row(frame, tensor));
                }
                Err(why) => self.heads.unpublished(&frame, &why),
            }
        }
        Ok(())
    }

    /// A slot for a head that `lane` writes.
    fn slot(&self, lane: &Lane) -> Result<WriteSlot<CudaMemory>, Unpublished> {
        let slot = self.heads.begin()?;
        CudaMemory::before_writing(&slot, lane.stream()).map_err(Unpublished::failed)?;
        Ok(slot)
    }
}
