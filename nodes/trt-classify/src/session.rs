//! An execution context, the memory that it works in, and the stream of its work.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use std::mem::ManuallyDrop;

use camweave_cuda::{Context, CudaError, DeviceBuffer, DeviceSlice, PinnedBuffer, Stream};
use camweave_engine::{of_cuda, of_tensorrt};
use camweave_stage::StageError;
use camweave_tensorrt::{ElementType, Engine, ExecutionContext, Shape};
use camweave_vision::{Element, InputLayout, byte_of};
use half::f16;
use tracing::debug;

/// Bytes of a value of an output at most: those that are not read may be of any type.
const LARGEST_VALUE: usize = 8;

/// What of an engine is run.
pub(crate) struct SessionSpec<'a> {
    pub input: &'a str,
    /// The output that is read.
    pub output: &'a str,
    pub layout: InputLayout,
    pub element: Element,
    /// Width and height of the input, in pixels.
    pub size: (u32, u32),
    /// Batches that are run: the smallest and the largest.
    pub batches: [usize; 2],
}

/// An engine that is run, one batch at a time.
pub(crate) struct Session {
    execution: ManuallyDrop<ExecutionContext>,
    input: DeviceBuffer,
    /// All of the engine's outputs; the context has their addresses.
    outputs: Vec<DeviceBuffer>,
    /// Which of them is read.
    output: usize,
    /// The output on its way to the host.
    pinned: PinnedBuffer,
    stream: Stream,
    input_name: String,
    output_name: String,
    layout: InputLayout,
    element: Element,
    size: (u32, u32),
}

impl Session {
    /// Makes an execution context, and memory for the largest batch.
    ///
    /// # Errors
    /// The device's memory is short, or there is no such output of float32.
    pub fn new(
        device: &Context,
        engine: &Engine,
        spec: &SessionSpec<'_>,
    ) -> Result<Self, StageError> {
        let cuda = |error: CudaError| of_cuda(&error);
        let mut execution = engine.context().map_err(|error| of_tensorrt(&error))?;
        let outputs = || engine.tensors().iter().filter(|it| !it.is_input);
        // Of each output, for any of the batches.
        let mut largest = vec![1; outputs().count()];
        for batch in spec.batches {
            execution
                .set_input_shape(spec.input, &shape(spec.layout, batch, spec.size))
                .map_err(|error| of_tensorrt(&error))?;
            for (largest, tensor) in largest.iter_mut().zip(outputs()) {
                let values: usize = sizes(&execution, &tensor.name)?.iter().product();
                *largest = values.max(*largest);
            }
        }
        let output = outputs().position(|it| it.name == spec.output);
        let Some(output) = output else {
            return Err(StageError::input(format!(
                "the engine has no output '{}', as its ONNX file has",
                spec.output
            )));
        };
        if let Some(tensor) = outputs().nth(output)
            && tensor.element_type != ElementType::Float32
        {
            return Err(StageError::input(format!(
                "output '{}' of the engine is {}, expected float32",
                tensor.name, tensor.element_type
            )));
        }
        let crop = crop_bytes(spec.size, spec.element);
        let input = DeviceBuffer::new(device, spec.batches[1] * crop, "the network's input");
        let input = input.map_err(cuda)?;
        let buffers = largest.iter().map(|values| {
            DeviceBuffer::new(device, values * LARGEST_VALUE, "the network's output")
        });
        let buffers: Vec<_> = buffers.collect::<Result<_, _>>().map_err(cuda)?;
        let pinned = largest[output] * size_of::<f32>();
        let pinned = PinnedBuffer::new(device, pinned, "the network's output").map_err(cuda)?;
        let stream = Stream::new(device).map_err(cuda)?;
        let names = outputs().map(|it| it.name.as_str());
        let all = std::iter::once((spec.input, &input)).chain(names.zip(&buffers));
        for (tensor, memory) in all {
            // SAFETY: the buffers have room for the largest batch, CUDA aligns allocations to 256
            // bytes, and the session keeps them until its stream's work is through.
            unsafe { execution.set_address(tensor, memory.slice().address()) }
                .map_err(|error| of_tensorrt(&error))?;
        }
        Ok(Self {
            execution: ManuallyDrop::new(execution),
            input,
            outputs: buffers,
            output,
            pinned,
            stream,
            input_name: spec.input.to_owned(),
            output_name: spec.output.to_owned(),
            layout: spec.layout,
            element: spec.element,
            size: spec.size,
        })
    }

    /// What the work is put into.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The input of the first crops of a batch.
    pub fn input(&self, crops: usize) -> Result<DeviceSlice<'_>, StageError> {
        let bytes = crops * crop_bytes(self.size, self.element);
        let part = self.input.slice().part(0, bytes);
        part.map_err(|error| of_cuda(&error.into()))
    }

    /// Puts an inference of what is in the input into the stream.
    pub fn enqueue(&mut self, batch: usize) -> Result<(), StageError> {
        let shape = shape(self.layout, batch, self.size);
        self.execution
            .set_input_shape(&self.input_name, &shape)
            .map_err(|error| of_tensorrt(&error))?;
        let context = self.stream.context();
        context.bind().map_err(|error| of_cuda(&error))?;
        // SAFETY: the stream is the session's only one, and lives; the session waits for it before it
        // drops the execution context.
        unsafe { self.execution.enqueue(self.stream.raw().cast()) }
            .map_err(|error| of_tensorrt(&error))
    }

    /// Waits for the last inference: the first bytes of its output.
    pub fn output(&mut self, bytes: usize) -> Result<&[u8], StageError> {
        let cuda = |error: CudaError| of_cuda(&error);
        let output = self.outputs[self.output].slice().part(0, bytes);
        let output = output.map_err(|error| cuda(error.into()))?;
        self.stream
            .download(output, &mut self.pinned, 0..bytes)
            .map_err(cuda)?;
        Ok(&self.pinned.bytes().map_err(cuda)?[..bytes])
    }

    /// Runs a batch whose input is given: the output's shape and values.
    pub fn try_on(
        &mut self,
        batch: usize,
        input: &[f32],
    ) -> Result<(Vec<usize>, Vec<f32>), StageError> {
        let cuda = |error: CudaError| of_cuda(&error);
        let bytes = bytes_of(input, self.element);
        let context = self.stream.context();
        let upload = PinnedBuffer::new(context, bytes.len(), "a picture made for a trial");
        let mut upload = upload.map_err(cuda)?;
        upload.bytes_mut().map_err(cuda)?.copy_from_slice(&bytes);
        self.stream
            .upload(&mut upload, 0..bytes.len(), self.input(batch)?)
            .map_err(cuda)?;
        self.enqueue(batch)?;
        let shape = sizes(&self.execution, &self.output_name)?;
        let values = floats(self.output(shape.iter().product::<usize>() * size_of::<f32>())?);
        Ok((shape, values))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        match self.stream.synchronize() {
            // SAFETY: dropped once, and not used after this; its work is through.
            Ok(()) => unsafe { ManuallyDrop::drop(&mut self.execution) },
            // Its work may still be under way: the context stays. The buffers see to that themselves.
            Err(error) => debug!("the last work failed: {error}"),
        }
    }
}

/// Bytes of one crop in the input.
fn crop_bytes((width, height): (u32, u32), element: Element) -> usize {
    3 * width as usize * height as usize * element.bytes()
}

/// The shape of a tensor, with the input that has been set.
fn sizes(execution: &ExecutionContext, tensor: &str) -> Result<Vec<usize>, StageError> {
    let shape = execution
        .shape(tensor)
        .map_err(|error| of_tensorrt(&error))?;
    let sizes = shape.sizes().iter();
    Ok(sizes.map(|it| usize::try_from(*it).unwrap_or(0)).collect())
}

fn shape(layout: InputLayout, batch: usize, (width, height): (u32, u32)) -> Shape {
    let (batch, width, height) = (batch as i64, i64::from(width), i64::from(height));
    let sizes = match layout {
        InputLayout::Nchw => [batch, 3, height, width],
        InputLayout::Nhwc => [batch, height, width, 3],
    };
    Shape::new(&sizes).unwrap_or_default()
}

/// The values of an input as the device has them.
fn bytes_of(values: &[f32], element: Element) -> Vec<u8> {
    match element {
        Element::Float32 => values.iter().flat_map(|it| it.to_ne_bytes()).collect(),
        Element::Float16 => {
            let halves = values.iter().map(|it| f16::from_f32(*it));
            halves.flat_map(f16::to_ne_bytes).collect()
        }
        Element::Uint8 => values.iter().map(|it| byte_of(*it)).collect(),
    }
}

/// The values of an output.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|it| f32::from_ne_bytes(*it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_has_the_bytes_of_its_type() {
        let values = [0.0, 1.5, 300.0];
        assert_eq!(floats(&bytes_of(&values, Element::Float32)), values);
        assert_eq!(bytes_of(&values, Element::Uint8), [0, 2, 255]);
        let halves = bytes_of(&values, Element::Float16);
        assert_eq!(halves[2..4], f16::from_f32(1.5).to_ne_bytes());
        assert_eq!(halves.len(), 6);
    }

    #[test]
    fn a_batch_has_the_shape_and_the_bytes_of_its_layout() {
        let size = (96, 32);
        let sizes = |layout| shape(layout, 5, size).sizes().to_vec();
        assert_eq!(sizes(InputLayout::Nchw), [5, 3, 32, 96]);
        assert_eq!(sizes(InputLayout::Nhwc), [5, 32, 96, 3]);
        assert_eq!(crop_bytes(size, Element::Float32), 3 * 32 * 96 * 4);
        assert_eq!(crop_bytes(size, Element::Float16), 3 * 32 * 96 * 2);
        assert_eq!(crop_bytes(size, Element::Uint8), 3 * 32 * 96);
    }
}
