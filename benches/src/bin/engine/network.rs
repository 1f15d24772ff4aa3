//! An engine with memory of its own.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use anyhow::{Context as _, Result, bail};
use camweave_cuda::{Context, CudaError, DeviceBuffer, Event, Graph, PinnedBuffer, Stream};
use camweave_tensorrt::{ElementType, Engine, ExecutionContext, Shape, TensorInfo};

/// Runs that nothing is told of: TensorRT chooses and loads its kernels.
const WARM_UP: usize = 5;

/// A network of one input, ready to run.
pub struct Network {
    // Dropped in this order: the execution context before what it refers to.
    execution: ExecutionContext,
    _buffers: Vec<DeviceBuffer>,
    stream: Stream,
    begin: Event,
    end: Event,
    input: TensorInfo,
    batches: (i64, i64),
}

impl Network {
    /// Allocates memory for the largest batch; the input's values are random ones from 0 to 1.
    pub fn new(context: &Context, engine: &Engine) -> Result<Self> {
        let mut inputs = engine.tensors().iter().filter(|it| it.is_input);
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            bail!("expected a network of one input");
        };
        let [min, _, max] = engine.profile(&input.name)?;
        let batch = |shape: &Shape| shape.sizes().first().copied().unwrap_or(0);
        let mut execution = engine.context()?;
        execution.set_input_shape(&input.name, &max)?;
        let stream = Stream::new(context)?;
        let mut buffers = Vec::new();
        for tensor in engine.tensors() {
            let bytes = bytes(tensor.element_type, &execution.shape(&tensor.name)?)
                .with_context(|| format!("tensor '{}'", tensor.name))?;
            let buffer = DeviceBuffer::new(context, bytes, &tensor.name)?;
            if tensor.is_input {
                fill(context, &stream, &buffer, tensor.element_type, bytes)?;
            }
            // SAFETY: the buffer has room for the largest batch, CUDA aligns allocations to 256
            // bytes, and it outlives the execution context, whose work is waited for before.
            unsafe { execution.set_address(&tensor.name, buffer.slice().address())? };
            buffers.push(buffer);
        }
        Ok(Self {
            execution,
            _buffers: buffers,
            stream,
            begin: Event::timed(context)?,
            end: Event::timed(context)?,
            input: input.clone(),
            batches: (batch(&min), batch(&max)),
        })
    }

    /// Whether the plan is for batches of this size.
    pub fn takes(&self, batch: u32) -> bool {
        (self.batches.0..=self.batches.1).contains(&i64::from(batch))
    }

    /// Median milliseconds of the device for a batch: put into the stream by TensorRT, and as a
    /// CUDA graph where it can be captured.
    pub fn measure(&mut self, batch: u32, runs: u32) -> Result<(f32, Option<f32>)> {
        let mut sizes = self.input.shape.sizes().to_vec();
        if let Some(first) = sizes.first_mut() {
            *first = i64::from(batch);
        }
        let shape = Shape::new(&sizes).context("too many dimensions")?;
        self.execution.set_input_shape(&self.input.name, &shape)?;
        for _ in 0..WARM_UP {
            enqueue(&mut self.execution, &self.stream)?;
        }
        self.stream.synchronize()?;
        let execution = &mut self.execution;
        let work = |stream: &Stream| enqueue(execution, stream);
        // SAFETY: the inference uses the execution context and the buffers, which outlive the graph:
        // that is a local of this function. Their work is waited for before they go.
        let graph = unsafe { Graph::capture::<anyhow::Error>(&self.stream, work) };
        let (stream, ends) = (&self.stream, (&self.begin, &self.end));
        let plain = median(stream, ends, runs, || enqueue(&mut self.execution, stream))?;
        let Ok(mut graph) = graph else {
            return Ok((plain, None));
        };
        let captured = median(stream, ends, runs, || Ok(graph.launch(stream)?))?;
        Ok((plain, Some(captured)))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A measurement that failed may have left some work. An error here is that of a context that
        // has failed, where none goes on.
        let _ = self.stream.synchronize();
    }
}

fn enqueue(execution: &mut ExecutionContext, stream: &Stream) -> Result<()> {
    // SAFETY: the stream lives as long as the execution context and is its only one; `Network` waits
    // for all work before either is dropped.
    unsafe { execution.enqueue(stream.raw().cast()) }?;
    Ok(())
}

fn median(
    stream: &Stream,
    (begin, end): (&Event, &Event),
    runs: u32,
    mut work: impl FnMut() -> Result<()>,
) -> Result<f32> {
    let mut millis = Vec::new();
    for _ in 0..runs {
        begin.record(stream)?;
        work()?;
        end.record(stream)?;
        end.synchronize()?;
        millis.push(end.millis_since(begin)?);
    }
    millis.sort_by(f32::total_cmp);
    Ok(millis[millis.len() / 2])
}

fn bytes(element_type: ElementType, shape: &Shape) -> Result<usize> {
    let each = match element_type {
        ElementType::Float32 => 4,
        ElementType::Float16 => 2,
        ElementType::Uint8 => 1,
        // The largest that there is: only the size of an output that nobody reads.
        ElementType::Other(_) => 8,
    };
    shape
        .sizes()
        .iter()
        .try_fold(each, |bytes: usize, &size| {
            bytes.checked_mul(usize::try_from(size).ok()?)
        })
        .with_context(|| format!("shape {shape} is not known, expected a plan of one input"))
}

/// Values like those of a letterboxed picture, from 0.125 to 0.25: zeros would cost less power.
fn fill(
    context: &Context,
    stream: &Stream,
    buffer: &DeviceBuffer,
    element_type: ElementType,
    bytes: usize,
) -> Result<(), CudaError> {
    let mut pinned = PinnedBuffer::new(context, bytes, "the network's input")?;
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let values = pinned.bytes_mut()?;
    if element_type == ElementType::Float16 {
        for value in values.chunks_exact_mut(2) {
            let bits = 0x3000 | (next() & 0x3ff) as u16;
            value.copy_from_slice(&bits.to_ne_bytes());
        }
    } else {
        for value in values.chunks_exact_mut(4) {
            let number = 0.125 + (next() & 0x3ff) as f32 / 8192.0;
            value.copy_from_slice(&number.to_ne_bytes());
        }
    }
    stream.upload(&mut pinned, 0..bytes, buffer.slice())?;
    stream.synchronize()
}
