//! One place of the ring: a stream and its memory, and the execution context that it uses.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_cuda::letterbox::{self, FrameDescriptor, Kernels};
use camweave_cuda::{
    Context, CudaError, CudaMemory, DeviceBuffer, DeviceSlice, DeviceSpans, Event, Graph,
    PinnedBuffer, Rows, Stream,
};
use camweave_message::Frame;
use camweave_pool::{AcquireError, ReadSlot};
use camweave_stage::telemetry::span_names;
use camweave_stage::{StageError, frame_key};
use camweave_tensorrt::{Error, ExecutionContext};
use tracing::{debug, warn};

use crate::error::{of_cuda, of_tensorrt};
use crate::frames::{HeldPicture, Pixels};
use crate::model::Model;

/// What a batch failed with.
#[derive(Debug)]
pub enum LaneError {
    Cuda(CudaError),
    TensorRt(Error),
    Pool(AcquireError),
}

impl From<CudaError> for LaneError {
    fn from(error: CudaError) -> Self {
        Self::Cuda(error)
    }
}

impl From<Error> for LaneError {
    fn from(error: Error) -> Self {
        Self::TensorRt(error)
    }
}

impl LaneError {
    pub fn into_stage(self) -> StageError {
        match self {
            Self::Cuda(error) => of_cuda(&error),
            Self::TensorRt(error) => of_tensorrt(&error),
            Self::Pool(error) => StageError::resource(error.to_string()),
        }
    }
}

/// An execution context, whose memory serves one inference at a time. Lanes that share one are
/// inferred one after the other, while frames and heads of the others are on their way.
pub struct Execution(Mutex<Turn>);

struct Turn {
    context: ExecutionContext,
    /// What the context is set to: batch size, and the addresses of input and output.
    set: (u32, [u64; 2]),
    /// Behind the inference that was put into a stream last.
    inferred: Event,
}

impl Execution {
    /// A new context of the engine.
    pub fn new(context: &Context, model: &Model) -> Result<Arc<Self>, LaneError> {
        let turn = Turn {
            context: model.engine.context()?,
            set: (0, [0; 2]),
            inferred: Event::new(context)?,
        };
        Ok(Arc::new(Self(Mutex::new(turn))))
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One batch at a time. Its work is put into its stream, and nothing waits for it but the next
/// batch of this lane.
pub struct Lane {
    // Dropped in this order, after the stream's work is through.
    /// By batch size, from 1 on; `None` where it runs without one.
    graphs: Vec<Option<Graph>>,
    execution: Arc<Execution>,
    input: DeviceBuffer,
    output: DeviceBuffer,
    staging: Option<Staging>,
    /// Pictures of the device that the letterbox kernel may still read.
    held: Vec<ReadSlot<CudaMemory>>,
    /// Behind the letterbox kernel.
    pictures_read: Event,
    /// Behind everything.
    done: Event,
    stream: Stream,
}

/// Pictures of the host on their way to the device.
struct Staging {
    pinned: PinnedBuffer,
    device: DeviceBuffer,
}

/// Where each picture begins, a multiple of this many bytes.
const PICTURE_ALIGNMENT: usize = 256;

impl Lane {
    /// Makes a lane, and runs every batch size once: what is missing shows here, and later nothing
    /// is allocated.
    pub fn new(
        context: &Context,
        model: &Model,
        execution: &Arc<Execution>,
    ) -> Result<Self, LaneError> {
        let most = model.max_batch as usize;
        let input = DeviceBuffer::new(context, most * model.input_bytes(), "the network's input")?;
        let output =
            DeviceBuffer::new(context, most * model.output_bytes(), "the network's output")?;
        let mut lane = Self {
            graphs: Vec::new(),
            execution: Arc::clone(execution),
            input,
            output,
            staging: None,
            held: Vec::new(),
            pictures_read: Event::new(context)?,
            done: Event::new(context)?,
            stream: Stream::new(context)?,
        };
        lane.stream.fill(lane.input.slice(), 0)?;
        for batch in 1..=model.max_batch {
            let runs = !model.is_batch_fixed || batch == model.max_batch;
            let graph = if runs {
                lane.capture(model, batch)?
            } else {
                None
            };
            lane.graphs.push(graph);
        }
        lane.stream.synchronize()?;
        Ok(lane)
    }

    /// Runs a batch once, which TensorRT needs before it can be captured, and captures it.
    fn capture(&mut self, model: &Model, batch: u32) -> Result<Option<Graph>, LaneError> {
        let mut turn = self.execution.turn();
        self.set(&mut turn, model, batch)?;
        enqueue(&mut turn.context, &self.stream)?;
        self.stream.synchronize()?;
        let execution = &mut turn.context;
        let graph = Graph::capture(&self.stream, |stream| -> Result<(), LaneError> {
            enqueue(execution, stream)
        });
        match graph {
            Ok(graph) => Ok(Some(graph)),
            Err(error) => {
                // Some engines cannot be captured; they run all the same.
                if batch == model.max_batch {
                    let error = error.into_stage();
                    warn!("batches run without a CUDA graph, which costs launches: {error}");
                }
                Ok(None)
            }
        }
    }

    /// Sets the execution context to a batch of this lane.
    fn set(&self, turn: &mut Turn, model: &Model, batch: u32) -> Result<(), LaneError> {
        let addresses = [&self.input, &self.output].map(|it| it.slice().address());
        if turn.set.1 != addresses {
            for (tensor, address) in [&model.input, &model.output].into_iter().zip(addresses) {
                // SAFETY: the buffer has room for the largest batch, CUDA aligns allocations to
                // 256 bytes, and the lane keeps both until its stream's work is through.
                unsafe { turn.context.set_address(tensor, address)? };
            }
        }
        if turn.set.0 != batch {
            let shape = model.input_shape(batch);
            turn.context.set_input_shape(&model.input, &shape)?;
        }
        turn.set = (batch, addresses);
        Ok(())
    }

    /// How many batch sizes run as a graph.
    pub fn graphs(&self) -> usize {
        self.graphs.iter().flatten().count()
    }

    /// Waits until the lane's last batch is through.
    pub fn wait(&mut self) -> Result<(), LaneError> {
        self.done.synchronize()?;
        self.held.clear();
        Ok(())
    }

    /// Lets go of pictures that have been read; whether there are others.
    pub fn release(&mut self) -> Result<bool, LaneError> {
        if !self.held.is_empty() && self.pictures_read.is_done()? {
            self.held.clear();
        }
        Ok(!self.held.is_empty())
    }

    /// Puts the pictures of `rows` into the network's input. The lane must have been waited for.
    pub fn letterbox(
        &mut self,
        kernels: &Kernels,
        model: &Model,
        rows: &[Frame],
        pictures: Vec<HeldPicture>,
        spans: &mut DeviceSpans,
    ) -> Result<(), LaneError> {
        let (bytes, staged) = self.stage(&pictures)?;
        let mut frames = Vec::with_capacity(pictures.len());
        for (picture, staged) in pictures.into_iter().zip(staged) {
            let memory = match (&picture.pixels, staged) {
                (Pixels::Host(_), Some(copy)) => copy,
                (Pixels::Device(slot), _) => {
                    slot.wait_on(&self.stream).map_err(LaneError::Pool)?;
                    slot.address()
                }
                (Pixels::Host(slot), None) => {
                    // `stage` copies every picture of the host that has any byte.
                    let found = format!("{} bytes of the host", slot.len());
                    return Err(LaneError::Cuda(CudaError::Argument {
                        what: "a picture",
                        found,
                        expected: "a copy on the device".to_owned(),
                    }));
                }
            };
            frames.push(FrameDescriptor::new(
                &picture.layout,
                memory,
                &picture.letterbox,
            )?);
            if let Pixels::Device(slot) = picture.pixels {
                self.held.push(slot);
            }
        }
        // What the stream waits for, such as a decoder, is not in the span.
        let span = spans.begin(&self.stream);
        if let Some(staging) = self.staging.as_ref().filter(|_| bytes > 0) {
            let device = staging.device.slice().part(0, bytes);
            let device = device.map_err(CudaError::from)?;
            self.stream.upload(&staging.pinned, 0..bytes, device)?;
        }
        let input = self.input.slice();
        letterbox::launch(
            kernels,
            &self.stream,
            &frames,
            input
                .part(0, frames.len() * model.input_bytes())
                .map_err(CudaError::from)?,
            model.size,
            model.precision,
        )?;
        let keys = rows.iter().map(|row| frame_key(&row.id));
        spans.end(&self.stream, span, &span_names::LETTERBOX, keys);
        self.pictures_read.record(&self.stream)?;
        Ok(())
    }

    /// Puts the pictures of the host together for one transfer to the device: its bytes, and where
    /// each picture will be.
    fn stage(
        &mut self,
        pictures: &[HeldPicture],
    ) -> Result<(usize, Vec<Option<DeviceSlice>>), LaneError> {
        let mut bytes = 0;
        let mut places = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let Pixels::Host(slot) = &picture.pixels else {
                places.push(None);
                continue;
            };
            // The layout has been checked against the slot.
            let needed = picture.layout.required_bytes().unwrap_or(0).min(slot.len());
            places.push(Some((bytes, needed, slot)));
            bytes = (bytes + needed).next_multiple_of(PICTURE_ALIGNMENT);
        }
        if bytes == 0 {
            return Ok((0, places.iter().map(|_| None).collect()));
        }
        let staging = grown(&mut self.staging, self.stream.context(), bytes)?;
        let pinned = staging.pinned.bytes_mut()?;
        for (start, length, slot) in places.iter().flatten() {
            pinned[*start..start + length].copy_from_slice(&slot[..*length]);
        }
        let device = staging
            .device
            .slice()
            .part(0, bytes)
            .map_err(CudaError::from)?;
        let part = |(start, length, _)| device.part(start, length).map_err(CudaError::from);
        let parts = places.into_iter().map(|place| place.map(part).transpose());
        Ok((bytes, parts.collect::<Result<_, _>>()?))
    }

    /// Puts the inference of `rows` into the stream.
    pub fn infer(
        &mut self,
        model: &Model,
        rows: &[Frame],
        spans: &mut DeviceSpans,
    ) -> Result<(), LaneError> {
        let execution = Arc::clone(&self.execution);
        let mut turn = execution.turn();
        // The context's memory is that of the inference before, of whichever lane. The wait for it
        // is not in the span.
        self.stream.wait(&turn.inferred)?;
        let span = spans.begin(&self.stream);
        self.run(&mut turn, model, rows.len())?;
        let keys = rows.iter().map(|row| frame_key(&row.id));
        spans.end(&self.stream, span, &span_names::INFER, keys);
        Ok(())
    }

    fn run(&mut self, turn: &mut Turn, model: &Model, frames: usize) -> Result<(), LaneError> {
        let batch = match u32::try_from(frames) {
            Ok(frames) if !model.is_batch_fixed => frames,
            _ => model.max_batch,
        };
        let index = (batch as usize).saturating_sub(1);
        if let Some(Some(graph)) = self.graphs.get_mut(index) {
            graph.launch(&self.stream)?;
        } else {
            self.set(turn, model, batch)?;
            enqueue(&mut turn.context, &self.stream)?;
        }
        turn.inferred.record(&self.stream)?;
        Ok(())
    }

    /// Puts the copies of the heads of the batch's first frames into the stream, one into each of
    /// `slots`, which are in this order. Neighbours go at once: a copy of few megabytes takes longer
    /// to begin than to do.
    pub fn copy_heads(
        &self,
        model: &Model,
        pool: &CudaMemory,
        slots: &[u32],
    ) -> Result<(), LaneError> {
        let bytes = model.output_bytes();
        let mut first = 0;
        for run in slots.chunk_by(|slot, next| slot.checked_add(1) == Some(*next)) {
            let heads = self.output.slice().part(first * bytes, run.len() * bytes);
            let from = Rows {
                memory: heads.map_err(CudaError::from)?,
                pitch: bytes,
            };
            let to = pool.rows(run[0], run.len()).map_err(CudaError::from)?;
            self.stream.copy_rows(from, to, bytes, run.len())?;
            first += run.len();
        }
        Ok(())
    }

    /// Whose turns it takes.
    pub fn execution(&self) -> Arc<Execution> {
        Arc::clone(&self.execution)
    }

    /// What the batch's work is put into.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The batch is complete: the next one waits for it.
    pub fn finish(&mut self) -> Result<(), LaneError> {
        self.done.record(&self.stream)?;
        Ok(())
    }
}

/// One inference.
fn enqueue(execution: &mut ExecutionContext, stream: &Stream) -> Result<(), LaneError> {
    stream.context().bind()?;
    // SAFETY: the stream is the lane's only one, and lives; the lane waits for its work before it
    // drops the execution context.
    unsafe { execution.enqueue(stream.raw().cast()) }?;
    Ok(())
}

/// Room for `bytes` bytes; grows by doubling, so that it soon does not grow any more.
fn grown<'a>(
    staging: &'a mut Option<Staging>,
    context: &Context,
    bytes: usize,
) -> Result<&'a mut Staging, CudaError> {
    if staging.as_ref().is_none_or(|it| it.pinned.len() < bytes) {
        let bytes = bytes.next_power_of_two();
        debug!(bytes, "room for pictures of the host");
        let what = "pictures of the host on their way to the device";
        // The old one goes first.
        *staging = None;
        *staging = Some(Staging {
            pinned: PinnedBuffer::new(context, bytes, what)?,
            device: DeviceBuffer::new(context, bytes, what)?,
        });
    }
    Ok(staging.as_mut().expect("made above where there was none"))
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Err(error) = self.stream.synchronize() {
            debug!("a lane's last work failed: {error}");
        }
    }
}
