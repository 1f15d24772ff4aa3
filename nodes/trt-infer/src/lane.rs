//! One place of the ring: a stream and its memory, and the execution context that it uses.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_cuda::letterbox::{self, FrameDescriptor, Kernel};
use camweave_cuda::{
    Context, CudaError, CudaMemory, DeviceBuffer, DeviceSpans, Event, Graph, Rows, Stream,
};
use camweave_message::Frame;
use camweave_pool::ReadSlot;
use camweave_stage::frame_key;
use camweave_stage::telemetry::span_names;
use camweave_tensorrt::ExecutionContext;
use tracing::{debug, warn};

use crate::error::LaneError;
use crate::frames::{HeldPicture, Pixels};
use crate::model::Model;
use crate::staging::{Staging, Transfer};

/// An execution context, whose memory serves one inference at a time. Lanes that share one are
/// inferred one after the other, while frames and heads of the others are on their way.
pub struct Execution(Mutex<Turn>);

struct Turn {
    context: ExecutionContext,
    /// What the context is set to: batch size, and the addresses of input and outputs.
    set: (u32, Vec<u64>),
    /// Behind the inference that was put into a stream last.
    inferred: Event,
}

impl Execution {
    /// A new context of the engine.
    pub fn new(context: &Context, model: &Model) -> Result<Arc<Self>, LaneError> {
        let turn = Turn {
            context: model.engine.context()?,
            set: (0, Vec::new()),
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
    /// In the engine's order.
    outputs: Vec<DeviceBuffer>,
    staging: Staging,
    /// Frames of the device that the letterbox kernel may still read.
    held: Vec<ReadSlot<CudaMemory>>,
    /// Behind the letterbox kernel.
    pictures_read: Event,
    /// Behind everything.
    done: Event,
    stream: Stream,
}

/// Where a frame of a batch is on the device.
enum Source {
    /// Which of the frames that the lane holds.
    Held(usize),
    /// Which bytes of the transfer.
    Staged(Range<usize>),
}

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
        let outputs = model
            .outputs
            .iter()
            .map(|output| DeviceBuffer::new(context, most * output.bytes, "the network's output"));
        let outputs = outputs.collect::<Result<_, _>>()?;
        let mut lane = Self {
            graphs: Vec::new(),
            execution: Arc::clone(execution),
            input,
            outputs,
            staging: Staging::default(),
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
        let work = |stream: &Stream| enqueue(execution, stream);
        // SAFETY: the inference uses the execution context, and the lane's input and outputs. The lane
        // has all of them for as long as it lives, and its graphs go before them, once its stream has
        // been waited for. Nobody else has the stream now.
        let graph = unsafe { Graph::capture::<LaneError>(&self.stream, work) };
        match graph {
            Ok(graph) => Ok(Some(graph)),
            Err(error) => {
                // Some engines cannot be captured; they run all the same.
                if batch == model.max_batch {
                    let error = error.into_stage();
                    warn!("batches run without a CUDA graph, with more launches: {error}");
                }
                Ok(None)
            }
        }
    }

    /// Sets the execution context to a batch of this lane.
    fn set(&self, turn: &mut Turn, model: &Model, batch: u32) -> Result<(), LaneError> {
        let buffers = std::iter::once(&self.input).chain(&self.outputs);
        let addresses: Vec<u64> = buffers.map(|it| it.slice().address()).collect();
        if turn.set.1 != addresses {
            let outputs = model.outputs.iter().map(|output| &output.name);
            let tensors = std::iter::once(&model.input).chain(outputs);
            for (tensor, &address) in tensors.zip(&addresses) {
                // SAFETY: the buffer has room for the largest batch, CUDA aligns allocations to
                // 256 bytes, and the lane keeps both until its stream's work is through. Another lane
                // of the context comes here before it uses it.
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

    /// Releases frames that have been read; whether there are others.
    pub fn release(&mut self) -> Result<bool, LaneError> {
        if !self.held.is_empty() && self.pictures_read.is_done()? {
            self.held.clear();
        }
        Ok(!self.held.is_empty())
    }

    /// Puts the frames of `rows` into the network's input. The lane must have been waited for.
    pub fn letterbox(
        &mut self,
        kernel: &Kernel,
        model: &Model,
        rows: &[Frame],
        pictures: Vec<HeldPicture>,
        spans: &mut DeviceSpans,
    ) -> Result<(), LaneError> {
        let context = self.stream.context();
        let staged = self.staging.put(context, &pictures)?;
        let mut sources = Vec::with_capacity(pictures.len());
        for (picture, staged) in pictures.into_iter().zip(staged) {
            let source = match picture.pixels {
                Pixels::Host(_) => Source::Staged(staged.unwrap_or_default()),
                Pixels::Device(slot) => {
                    slot.wait_on(&self.stream).map_err(LaneError::Pool)?;
                    self.held.push(slot);
                    Source::Held(self.held.len() - 1)
                }
            };
            sources.push((picture.layout, picture.letterbox, source));
        }
        // What the stream waits for, such as a decoder, is not in the span.
        let span = spans.begin(&self.stream);
        let mut copies = None;
        if let Some(Transfer { pinned, device }) = self.staging.transfer()? {
            self.stream.upload(pinned, 0..device.len(), device)?;
            copies = Some(device);
        }
        let frames = sources.iter().map(|(layout, letterbox, source)| {
            let memory = match (source, copies) {
                (Source::Held(index), _) => self.held[*index].address(),
                (Source::Staged(place), Some(copies)) => copies.part(place.start, place.len())?,
                // Every frame of the host that has any byte is staged.
                (Source::Staged(place), None) => {
                    return Err(CudaError::Argument {
                        what: "a picture",
                        found: format!("{} bytes of the host", place.len()),
                        expected: "a copy on the device".to_owned(),
                    });
                }
            };
            FrameDescriptor::new(layout, memory, letterbox)
        });
        let frames: Vec<_> = frames.collect::<Result<_, CudaError>>()?;
        let input = self.input.slice();
        letterbox::launch(
            kernel,
            &self.stream,
            &frames,
            input
                .part(0, frames.len() * model.input_bytes())
                .map_err(CudaError::from)?,
            model.info.size,
        )?;
        let keys = rows.iter().map(|row| frame_key(&row.id));
        spans.end(&self.stream, span, &span_names::LETTERBOX, keys);
        self.pictures_read.record(&self.stream)?;
        Ok(())
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
    /// `slots`, which are in this order, output after output. Neighbours go at once: a copy of few megabytes takes longer
    /// to begin than to do.
    pub fn copy_heads(
        &self,
        model: &Model,
        pool: &CudaMemory,
        slots: &[u32],
    ) -> Result<(), LaneError> {
        let mut first = 0;
        for run in slots.chunk_by(|slot, next| slot.checked_add(1) == Some(*next)) {
            let to = pool.rows(run[0], run.len()).map_err(CudaError::from)?;
            let mut start = 0;
            for &part in &model.parts {
                let bytes = model.outputs[part].bytes;
                let values = self.outputs[part].slice();
                let from = Rows {
                    memory: values
                        .part(first * bytes, run.len() * bytes)
                        .map_err(CudaError::from)?,
                    pitch: bytes,
                };
                let to = Rows {
                    memory: (to.memory)
                        .part(start, to.memory.len() - start)
                        .map_err(CudaError::from)?,
                    pitch: to.pitch,
                };
                self.stream.copy_rows(from, to, bytes, run.len())?;
                start += bytes;
            }
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
    // SAFETY: the stream is the lane's only one, and lives. It waits for the context's work on
    // other lanes' streams (`inferred`; at the start each lane waits for its own), and the lane waits
    // for it before it drops the context.
    unsafe { execution.enqueue(stream.raw().cast()) }?;
    Ok(())
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Err(error) = self.stream.synchronize() {
            debug!("a lane's last work failed: {error}");
            // It may still be under way: what it uses stays. The buffers see to that themselves.
            let _ = ManuallyDrop::new(Arc::clone(&self.execution));
        }
    }
}
