//! An engine that looks at crops, and the memory that it works in.
#![expect(unsafe_code, reason = "gives TensorRT addresses and a stream")]

use std::sync::Arc;

use camweave_cuda::letterbox::{self, FrameDescriptor, Kernel};
use camweave_cuda::{Context, CudaError, DeviceBuffer, PinnedBuffer, Stream};
use camweave_detect::infer::model_error;
use camweave_engine::{engine, gpu, of_cuda, of_tensorrt};
use camweave_model::{Classifier, ModelFile, scenes};
use camweave_stage::StageError;
use camweave_tensorrt::{
    ElementType, Engine, ExecutionContext, Found, Shape, TensorInfo, TensorRt,
};
use camweave_vision::{Element, InputFormat, InputLayout, byte_of};
use half::f16;
use tracing::{debug, info, warn};

use crate::settings::{Source, TrtClassifySettings};

/// An engine that looks at crops, ready to run; one batch at a time.
pub(crate) struct Network {
    // Dropped in this order, after the stream's work is through.
    execution: ExecutionContext,
    kernel: Kernel,
    input: DeviceBuffer,
    /// All of the engine's outputs.
    outputs: Vec<DeviceBuffer>,
    /// Which of them is read.
    output: usize,
    /// The output on its way to the host.
    pinned: PinnedBuffer,
    stream: Stream,
    input_name: String,
    pub classifier: Classifier,
    pub id: Arc<str>,
    pub size: (u32, u32),
    /// Crops of one inference: any number up to this, or exactly this.
    pub max_batch: usize,
    pub is_batch_fixed: bool,
    /// Where the engine comes from, in words.
    pub origin: String,
}

/// One inference of the trial.
const ONE: usize = 1;

impl Network {
    /// Finds or builds the engine on a device, which is the thread's current one, and runs it on
    /// pictures made for it to see what comes out.
    pub fn open(
        settings: &TrtClassifySettings,
        source: Source,
        tensorrt: &TensorRt,
        device: &Context,
    ) -> Result<Self, StageError> {
        let Source { file, size, draft } = source;
        let wishes = settings.wishes(size);
        let found = engine(&file, &wishes, tensorrt, &gpu(device), |build| {
            info!(model = %file.id, "building an engine, which takes a minute");
            build(&|_| true)
        })?;
        let Found {
            path,
            plan,
            built_because,
            ..
        } = found;
        let name = path.display().to_string();
        let engine = Engine::load(tensorrt, &name, &plan).map_err(|error| of_tensorrt(&error))?;
        let refuse = |what: String| StageError::input(format!("plan '{name}': {what}"));
        let find = |wanted: &str, is_input: bool| {
            let mut all = engine.tensors().iter();
            let found = all.find(|it| it.name == wanted && it.is_input == is_input);
            found.ok_or_else(|| refuse(format!("no tensor '{wanted}', as its ONNX file has")))
        };
        let input = find(&file.input.name, true)?;
        let element = element(input).map_err(refuse)?;
        let [min, _, max] = engine
            .profile(&input.name)
            .map_err(|error| of_tensorrt(&error))?;
        let first = |shape: &Shape| shape.sizes().first().copied().unwrap_or_default();
        let is_batch_fixed = first(&min) == first(&max);
        let max_batch = usize::try_from(first(&max)).unwrap_or(0);
        if max_batch == 0 || (!is_batch_fixed && max_batch < settings.asking.max_batch) {
            return Err(refuse(format!(
                "its profile is of {max} at most, expected a batch of MAX_BATCH ({})",
                settings.asking.max_batch
            )));
        }
        let format = InputFormat {
            element,
            ..draft.input
        };
        let mut execution = engine.context().map_err(|error| of_tensorrt(&error))?;
        let failed = |error: &CudaError| of_cuda(error);
        let stream = Stream::new(device).map_err(|error| failed(&error))?;
        let bytes = max_batch * 3 * size.0 as usize * size.1 as usize * element.bytes();
        let buffer = |bytes, what| DeviceBuffer::new(device, bytes, what);
        let input_memory = buffer(bytes, "the network's input").map_err(|error| failed(&error))?;
        execution
            .set_input_shape(&input.name, &max)
            .map_err(|error| of_tensorrt(&error))?;
        let mut outputs = Vec::new();
        let mut read = None;
        for tensor in engine.tensors().iter().filter(|it| !it.is_input) {
            let shape = execution
                .shape(&tensor.name)
                .map_err(|error| of_tensorrt(&error))?;
            let sizes = shape
                .sizes()
                .iter()
                .map(|it| usize::try_from(*it).unwrap_or(0));
            let sizes: Vec<usize> = sizes.collect();
            // No value has more bytes.
            let bytes = sizes.iter().product::<usize>().max(1) * 8;
            if tensor.name == file.outputs[draft.output].name {
                if tensor.element_type != ElementType::Float32 {
                    return Err(refuse(format!(
                        "output '{}' is {}, expected float32",
                        tensor.name, tensor.element_type
                    )));
                }
                read = Some((outputs.len(), sizes));
            }
            let memory = buffer(bytes, "the network's output").map_err(|error| failed(&error))?;
            outputs.push(memory);
        }
        let (output, sizes) =
            read.ok_or_else(|| refuse("the output of its ONNX file is missing".to_owned()))?;
        let names = engine.tensors().iter().filter(|it| !it.is_input);
        let names = names.map(|it| it.name.as_str());
        let all = std::iter::once((input.name.as_str(), &input_memory)).chain(names.zip(&outputs));
        for (tensor, memory) in all {
            // SAFETY: the buffers have room for the largest batch, CUDA aligns allocations to 256
            // bytes, and the network keeps them until its stream's work is through.
            unsafe { execution.set_address(tensor, memory.slice().address()) }
                .map_err(|error| of_tensorrt(&error))?;
        }
        let frame = sizes.iter().skip(1).product::<usize>();
        let pinned = PinnedBuffer::new(device, max_batch * frame * 4, "the network's output");
        let origin = match built_because {
            None => "from the cache".to_owned(),
            Some(why) => format!("built: {why}"),
        };
        let mut trial = Trial {
            execution: &mut execution,
            input: &input_memory,
            output: &outputs[output],
            stream: &stream,
            pinned: pinned.map_err(|error| failed(&error))?,
            input_name: &input.name,
            file: &file,
            size,
            format,
            batch: if is_batch_fixed { max_batch } else { ONE },
            values: frame,
        };
        let pictures = trial.run(device)?;
        let pinned = trial.pinned;
        let classifier = draft.decide(&file, sizes.get(1..).unwrap_or_default(), &pictures);
        let classifier = classifier.map_err(|error| model_error(&error))?;
        let path = file.path.display();
        for warning in &classifier.warnings {
            warn!("model '{path}': {warning}");
        }
        info!("model '{path}': {}", classifier.reasons.join("; "));
        let kernel = Kernel::load(device, &format).map_err(|error| failed(&error))?;
        Ok(Self {
            input_name: input.name.clone(),
            execution,
            kernel,
            input: input_memory,
            outputs,
            output,
            pinned,
            stream,
            classifier,
            id: Arc::clone(&file.id),
            size,
            max_batch,
            is_batch_fixed,
            origin,
        })
    }

    /// What the work is put into.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Looks at some crops, at most a batch: each one's values, in their order. Waits for them.
    ///
    /// # Errors
    /// The device's: it does not recover.
    pub fn run(
        &mut self,
        crops: &[FrameDescriptor<'_>],
        mut read: impl FnMut(&Classifier, &[f32]),
    ) -> Result<(), StageError> {
        let cuda = |error: CudaError| of_cuda(&error);
        let bytes = self.input.slice().len() / self.max_batch;
        let part = self.input.slice().part(0, crops.len() * bytes);
        let part = part.map_err(|error| cuda(error.into()))?;
        letterbox::launch(&self.kernel, &self.stream, crops, part, self.size).map_err(cuda)?;
        let batch = if self.is_batch_fixed {
            self.max_batch
        } else {
            crops.len()
        };
        let shape = shape(self.classifier.input.layout, batch, self.size);
        self.execution
            .set_input_shape(&self.input_name, &shape)
            .map_err(|error| of_tensorrt(&error))?;
        enqueue(&mut self.execution, &self.stream)?;
        let values = self.classifier.values();
        let wanted = crops.len() * values * size_of::<f32>();
        let output = self.outputs[self.output].slice().part(0, wanted);
        let output = output.map_err(|error| cuda(error.into()))?;
        self.stream
            .download(output, &mut self.pinned, 0..wanted)
            .map_err(cuda)?;
        let found = self.pinned.bytes().map_err(cuda)?;
        for values in found[..wanted].chunks_exact(values * size_of::<f32>()) {
            read(&self.classifier, &floats(values));
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Err(error) = self.stream.synchronize() {
            debug!("the last work failed: {error}");
        }
    }
}

/// Puts an inference into the stream.
fn enqueue(execution: &mut ExecutionContext, stream: &Stream) -> Result<(), StageError> {
    stream.context().bind().map_err(|error| of_cuda(&error))?;
    // SAFETY: the stream is the network's only one, and lives; the network waits for it before it
    // drops the execution context.
    unsafe { execution.enqueue(stream.raw().cast()) }.map_err(|error| of_tensorrt(&error))
}

/// The first runs, on pictures made for it.
struct Trial<'a> {
    execution: &'a mut ExecutionContext,
    input: &'a DeviceBuffer,
    output: &'a DeviceBuffer,
    stream: &'a Stream,
    pinned: PinnedBuffer,
    input_name: &'a str,
    file: &'a ModelFile,
    size: (u32, u32),
    format: InputFormat,
    batch: usize,
    /// Of one picture.
    values: usize,
}

impl Trial<'_> {
    /// The values of a street and of noise.
    fn run(&mut self, device: &Context) -> Result<Vec<Vec<f32>>, StageError> {
        let cuda = |error: CudaError| of_cuda(&error);
        let shape = shape(self.file.input.layout, self.batch, self.size);
        let mut found = Vec::new();
        for picture in scenes(self.size, &self.format) {
            let bytes = bytes_of(&picture, self.format.element).repeat(self.batch);
            let mut upload = PinnedBuffer::new(device, bytes.len(), "a picture made for a trial")
                .map_err(cuda)?;
            upload.bytes_mut().map_err(cuda)?.copy_from_slice(&bytes);
            let to = self.input.slice().part(0, bytes.len());
            let to = to.map_err(|error| cuda(error.into()))?;
            self.stream
                .upload(&mut upload, 0..bytes.len(), to)
                .map_err(cuda)?;
            self.execution
                .set_input_shape(self.input_name, &shape)
                .map_err(|error| of_tensorrt(&error))?;
            enqueue(self.execution, self.stream)?;
            let wanted = self.values * size_of::<f32>();
            let from = self.output.slice().part(0, wanted);
            let from = from.map_err(|error| cuda(error.into()))?;
            self.stream
                .download(from, &mut self.pinned, 0..wanted)
                .map_err(cuda)?;
            found.push(floats(&self.pinned.bytes().map_err(cuda)?[..wanted]));
        }
        Ok(found)
    }
}

fn shape(layout: InputLayout, batch: usize, (width, height): (u32, u32)) -> Shape {
    let (batch, width, height) = (batch as i64, i64::from(width), i64::from(height));
    let sizes = match layout {
        InputLayout::Nchw => [batch, 3, height, width],
        InputLayout::Nhwc => [batch, height, width, 3],
    };
    Shape::new(&sizes).unwrap_or_default()
}

/// The type of the input's values.
fn element(input: &TensorInfo) -> Result<Element, String> {
    match input.element_type {
        ElementType::Float32 => Ok(Element::Float32),
        ElementType::Float16 => Ok(Element::Float16),
        ElementType::Uint8 => Ok(Element::Uint8),
        ElementType::Other(_) => Err(format!(
            "input '{}' is {}, expected float16, float32 or uint8",
            input.name, input.element_type
        )),
    }
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

fn floats(bytes: &[u8]) -> Vec<f32> {
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
}
