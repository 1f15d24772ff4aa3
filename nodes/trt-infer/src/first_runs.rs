//! An engine's first runs, on pictures made for it, before any lane has it.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use camweave_cuda::{Context, DeviceBuffer, PinnedBuffer, Stream};
use camweave_detect::infer::{TrialNetwork, TrialOutput};
use camweave_tensorrt::{ElementType, Engine, ExecutionContext, Shape, TensorInfo};
use camweave_vision::byte_of;
use half::f16;

use crate::error::LaneError;

/// Bytes of a value of a type that is not read, at most.
const LARGEST_VALUE: usize = 8;

/// An engine with memory for one batch.
pub struct FirstRun<'a> {
    /// `None` only while it is dropped.
    execution: Option<RefCell<ExecutionContext>>,
    stream: Stream,
    element: ElementType,
    input: DeviceBuffer,
    outputs: Vec<Output<'a>>,
}

/// An output of the engine.
struct Output<'a> {
    about: &'a TensorInfo,
    shape: Vec<usize>,
    buffer: DeviceBuffer,
}

impl<'a> FirstRun<'a> {
    /// Makes an execution context, and memory for a batch whose input has this shape.
    ///
    /// # Errors
    /// The device's memory is short, or the shape of an output is not known.
    pub fn new(
        context: &Context,
        engine: &Engine,
        input: &TensorInfo,
        shape: &Shape,
        outputs: &[&'a TensorInfo],
    ) -> Result<Self, LaneError> {
        let mut execution = engine.context()?;
        execution.set_input_shape(&input.name, shape)?;
        let bytes = sizes(shape).iter().product::<usize>() * bytes_of(input.element_type);
        let buffer = DeviceBuffer::new(context, bytes, "the network's input")?;
        // SAFETY: the buffer has room for the only shape that is run, CUDA aligns allocations to 256
        // bytes, and it is dropped after the context, whose work `run` waits for.
        unsafe { execution.set_address(&input.name, buffer.slice().address())? };
        let mut made = Vec::with_capacity(outputs.len());
        for &about in outputs {
            let shape = sizes(&execution.shape(&about.name)?);
            let bytes = shape.iter().product::<usize>() * bytes_of(about.element_type);
            let buffer = DeviceBuffer::new(context, bytes, "the network's output")?;
            // SAFETY: as above.
            unsafe { execution.set_address(&about.name, buffer.slice().address())? };
            made.push(Output {
                about,
                shape,
                buffer,
            });
        }
        Ok(Self {
            execution: Some(RefCell::new(execution)),
            stream: Stream::new(context)?,
            element: input.element_type,
            input: buffer,
            outputs: made,
        })
    }

    /// Runs the batch once, and reads its outputs of float32.
    fn run(&self, input: &[f32], wanted: &[usize]) -> Result<Vec<TrialOutput>, LaneError> {
        let context = self.stream.context();
        let bytes = converted(input, self.element);
        let mut pinned = PinnedBuffer::new(context, bytes.len(), "the network's input")?;
        pinned.bytes_mut()?.copy_from_slice(&bytes);
        self.stream
            .upload(&mut pinned, 0..bytes.len(), self.input.slice())?;
        context.bind()?;
        if let Some(execution) = &self.execution {
            // SAFETY: the stream lives. All work on it is waited for below, and again before the context
            // is dropped.
            unsafe { execution.borrow_mut().enqueue(self.stream.raw().cast())? };
        }
        let mut found = Vec::with_capacity(wanted.len());
        for &index in wanted {
            let output = &self.outputs[index];
            let memory = output.buffer.slice();
            let mut pinned = PinnedBuffer::new(context, memory.len(), "the network's output")?;
            self.stream.download(memory, &mut pinned, 0..memory.len())?;
            // Of other types nothing is read: who describes the engine refuses them.
            let is_read = output.about.element_type == ElementType::Float32;
            let values = pinned.bytes()?.as_chunks::<4>().0.iter();
            let values = values.filter(|_| is_read).map(|it| f32::from_ne_bytes(*it));
            found.push(TrialOutput {
                shape: output.shape.clone(),
                values: values.collect(),
            });
        }
        self.stream.synchronize()?;
        Ok(found)
    }
}

impl TrialNetwork for FirstRun<'_> {
    fn run(
        &self,
        input: &[f32],
        _shape: [usize; 4],
        outputs: &[usize],
    ) -> Result<Vec<TrialOutput>, String> {
        FirstRun::run(self, input, outputs).map_err(|error| error.into_stage().message)
    }
}

impl Drop for FirstRun<'_> {
    fn drop(&mut self) {
        let execution = self.execution.take();
        if self.stream.synchronize().is_err() {
            // Its work may still be under way: the context stays. The buffers see to that themselves.
            let _ = ManuallyDrop::new(execution);
        }
    }
}

fn sizes(shape: &Shape) -> Vec<usize> {
    let sizes = shape.sizes().iter();
    sizes
        .map(|&size| usize::try_from(size).unwrap_or(0))
        .collect()
}

fn bytes_of(element: ElementType) -> usize {
    match element {
        ElementType::Float32 => 4,
        ElementType::Float16 => 2,
        ElementType::Uint8 => 1,
        ElementType::Other(_) => LARGEST_VALUE,
    }
}

/// Values as an input of this type has them, in the host's byte order.
fn converted(values: &[f32], element: ElementType) -> Vec<u8> {
    match element {
        ElementType::Float16 => (values.iter())
            .flat_map(|&value| f16::from_f32(value).to_ne_bytes())
            .collect(),
        ElementType::Uint8 => values.iter().map(|&value| byte_of(value)).collect(),
        ElementType::Float32 | ElementType::Other(_) => values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_the_inputs_type() {
        let values = [0.0, 1.0, 254.6];
        let [zero, one, last] = values.map(f32::to_ne_bytes);
        assert_eq!(
            converted(&values, ElementType::Float32),
            [zero, one, last].concat()
        );
        assert_eq!(converted(&values, ElementType::Uint8), [0, 1, 255]);
        let halves = [0_u16, 0x3c00, 0x5bf5].map(u16::to_ne_bytes);
        assert_eq!(converted(&values, ElementType::Float16), halves.concat());
    }
}
