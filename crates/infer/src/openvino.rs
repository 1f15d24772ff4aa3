//! OpenVINO: a library that is loaded at run time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use camweave_model::{ElementType, ModelFile, ModelInput};
use camweave_stage::StageError;
use half::f16;
use half::slice::HalfFloatSliceExt;
use openvino::{
    CompiledModel, Core, DeviceType, InferRequest, InferenceError, Model, PartialShape,
    RwPropertyKey, Shape, Tensor,
};

use crate::api::{
    Engine, EngineError, OutputView, ReadOutputs, Threads, no_output, one_line, target_sizes,
};
use crate::bytes::{add_halves, write_bytes};
use crate::kind::EngineKind;
use crate::library;

/// A process has one OpenVINO; it stays until the process ends.
static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Loads the first candidate that is an OpenVINO of a version that fits; gives its path.
///
/// # Errors
/// A line that names the candidates and why each failed.
pub fn load(candidates: &[PathBuf]) -> Result<PathBuf, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*loaded {
        return Ok(loaded.clone());
    }
    let ((), path) = library::first("OpenVINO", candidates, open_library)?;
    Ok(loaded.insert(path).clone())
}

fn open_library(path: &Path) -> Result<(), String> {
    // A library that is another one has none of the functions, and the binding panics.
    let loaded = std::panic::catch_unwind(|| openvino_sys::library::load_from(path));
    let loaded = loaded.unwrap_or_else(|_| Err("it is no OpenVINO of 2025.1 or later".to_owned()));
    loaded.map_err(|error| one_line(&error))
}

/// A model in OpenVINO, compiled twice: for one frame on all threads, and for as many frames side by
/// side as there are threads, each on one. Frames of one inference are run one by one.
pub struct OpenVino {
    threads: usize,
    all: Mutex<Request>,
    lanes: Lanes,
}

/// The network for frames side by side. Compiling takes half a second, in which the other one
/// serves already.
struct Lanes {
    made: OnceLock<Result<Vec<Mutex<Request>>, String>>,
    making: Mutex<Option<JoinHandle<Made>>>,
}

type Made = Result<Vec<Request>, String>;

/// One inference at a time.
struct Request {
    request: InferRequest,
    input: Tensor,
    element_type: ElementType,
    /// Outputs of several inferences, and those that are no float32.
    outputs: Vec<Output>,
}

/// An output of as many inferences as a run has.
#[derive(Default)]
struct Output {
    /// Of one inference.
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl OpenVino {
    /// `(width, height)`: of the network's input.
    pub fn open(
        file: &ModelFile,
        threads: usize,
        (width, height): (u32, u32),
    ) -> Result<Self, StageError> {
        let refuse = |message: String| {
            StageError::input(format!(
                "model '{}': OpenVINO cannot run it: {}",
                file.path.display(),
                one_line(&message)
            ))
        };
        let said = |error: InferenceError| refuse(text(&error));
        let path = file
            .path
            .to_str()
            .ok_or_else(|| refuse("its path is not UTF-8".to_owned()))?;
        let mut core = Core::new().map_err(|error| refuse(error.to_string()))?;
        let mut model = core.read_model_from_file(path, "").map_err(said)?;
        let batch = file.input.batch.unwrap_or(1);
        let shape = file.input.shape(batch, (width as usize, height as usize));
        let known = PartialShape::new_static(4, &shape.map(|it| it as i64)).map_err(said)?;
        // What is known beforehand is computed once.
        match &file.input.target_sizes {
            None => model.reshape_single_input(&known),
            Some(name) => {
                let sizes = PartialShape::new_static(2, &[batch as i64, 2]).map_err(said)?;
                model.reshape(&[(&file.input.name, &known), (name, &sizes)])
            }
        }
        .map_err(said)?;
        let input = file.input.clone();
        let all = requests(&mut core, &model, (threads, 1), shape, &input);
        let all = all.map_err(said)?.pop();
        let all = all.ok_or_else(|| refuse("no request".to_owned()))?;
        let making = (threads > 1).then(|| {
            std::thread::Builder::new()
                .name("openvino".to_owned())
                .spawn(move || {
                    requests(&mut core, &model, (threads, threads), shape, &input)
                        .map_err(|error| text(&error))
                })
        });
        let making = making.transpose().map_err(|error| {
            StageError::resource(format!("cannot start a thread for OpenVINO: {error}"))
        })?;
        Ok(Self {
            threads,
            all: Mutex::new(all),
            lanes: Lanes {
                made: OnceLock::new(),
                making: Mutex::new(making),
            },
        })
    }
}

/// Compiles the network for so many frames side by side on all threads.
fn requests(
    core: &mut Core,
    model: &Model,
    (threads, streams): (usize, usize),
    shape: [usize; 4],
    input: &ModelInput,
) -> Result<Vec<Request>, InferenceError> {
    let (threads, streams_text) = (threads.to_string(), streams.to_string());
    let settings = [
        (RwPropertyKey::InferenceNumThreads, threads.as_str()),
        (RwPropertyKey::NumStreams, streams_text.as_str()),
        // The cores are the decoders' as well.
        (RwPropertyKey::HintEnableCpuPinning, "NO"),
        // Where the processor can, it would compute in 16 bits.
        (RwPropertyKey::HintInferencePrecision, "f32"),
    ];
    core.set_properties(&DeviceType::CPU, settings)?;
    // Its requests keep what they need of it.
    let mut network = core.compile_model(model, DeviceType::CPU)?;
    let requests = (0..streams).map(|_| Request::new(&mut network, shape, input));
    requests.collect()
}

impl Lanes {
    /// Whether nothing has to be waited for any more.
    fn are_made(&self) -> bool {
        let is_finished = || {
            let making = self.making.try_lock().ok();
            making.is_some_and(|making| making.as_ref().is_none_or(JoinHandle::is_finished))
        };
        self.made.get().is_some() || is_finished()
    }

    /// Waits until they are made.
    fn get(&self) -> Result<&[Mutex<Request>], String> {
        let made = self.made.get_or_init(|| {
            let making = self
                .making
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let joined = making.map(JoinHandle::join);
            let Some(Ok(made)) = joined else {
                return Err("its thread has ended by itself".to_owned());
            };
            Ok(made?.into_iter().map(Mutex::new).collect())
        });
        made.as_deref().map_err(Clone::clone)
    }
}

impl Drop for Lanes {
    /// No thread is left in a library that may go.
    fn drop(&mut self) {
        let making = self
            .making
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(making) = making {
            // One that has panicked has said so.
            let _ = making.join();
        }
    }
}

impl Engine for OpenVino {
    fn kind(&self) -> EngineKind {
        EngineKind::OpenVino
    }

    fn lanes(&self) -> usize {
        self.threads
    }

    fn in_lane(&self, _: usize, work: &mut (dyn FnMut() + Send)) {
        work();
    }

    fn wait_until_ready(&self) {
        if self.threads > 1 {
            // What is wrong is said by the first run.
            let _ = self.lanes.get();
        }
    }

    fn run(
        &self,
        threads: Threads,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), EngineError> {
        let fail = |message: String| EngineError {
            engine: EngineKind::OpenVino,
            shape,
            message: one_line(&message),
        };
        let request = match threads {
            Threads::Lane(lane) if self.threads > 1 && self.lanes.are_made() => {
                &self.lanes.get().map_err(fail)?[lane]
            }
            // Until then, one after the other on all threads.
            _ => &self.all,
        };
        let mut request = request.lock().unwrap_or_else(PoisonError::into_inner);
        request.run(input, outputs, read).map_err(fail)
    }
}

impl Request {
    fn new(
        network: &mut CompiledModel,
        shape: [usize; 4],
        input: &ModelInput,
    ) -> Result<Self, InferenceError> {
        let mut request = network.create_infer_request()?;
        let element_type = input.element_type;
        let kind = match element_type {
            ElementType::Float32 => openvino::ElementType::F32,
            ElementType::Float16 => openvino::ElementType::F16,
            ElementType::Uint8 => openvino::ElementType::U8,
        };
        let tensor = Tensor::new(kind, &Shape::new(&shape.map(|it| it as i64))?)?;
        match &input.target_sizes {
            None => request.set_input_tensor(&tensor)?,
            Some(name) => {
                let sizes = target_sizes(shape, input.layout);
                let of_sizes = Shape::new(&[sizes.len() as i64, 2])?;
                let mut of_sizes = Tensor::new(openvino::ElementType::I64, &of_sizes)?;
                let places = of_sizes.get_data_mut::<i64>()?.iter_mut();
                for (place, size) in places.zip(sizes.iter().flatten()) {
                    *place = *size as i64;
                }
                request.set_tensor(&input.name, &tensor)?;
                request.set_tensor(name, &of_sizes)?;
            }
        }
        Ok(Self {
            request,
            input: tensor,
            element_type,
            outputs: Vec::new(),
        })
    }

    /// Runs as many inferences as `input` has frames for; an only output of one is read where it
    /// lies.
    fn run(
        &mut self,
        input: &[f32],
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), String> {
        let each = self.input.get_size().map_err(|error| text(&error))?;
        let count = input.len() / each.max(1);
        if count == 0 || !input.len().is_multiple_of(each) {
            return Err(format!(
                "{} values, expected a multiple of {each}",
                input.len()
            ));
        }
        self.outputs.resize_with(outputs.len(), Output::default);
        self.outputs.iter_mut().for_each(|it| it.values.clear());
        for values in input.chunks_exact(each) {
            self.infer(values).map_err(|error| text(&error))?;
            for (place, &index) in outputs.iter().enumerate() {
                let output = self.request.get_output_tensor_by_index(index);
                let output =
                    output.map_err(|error| format!("{}: {}", no_output(index), text(&error)))?;
                let shape = shape_of(&output).map_err(|error| text(&error))?;
                let kind = output.get_element_type().map_err(|error| text(&error))?;
                if kind == openvino::ElementType::F32 && count == 1 && outputs.len() == 1 {
                    let values = output.get_data::<f32>().map_err(|error| text(&error))?;
                    read(&[OutputView {
                        shape: &shape,
                        values,
                    }]);
                    return Ok(());
                }
                let kept = &mut self.outputs[place];
                kept.shape = shape;
                add(&output, kind, &mut kept.values)?;
            }
        }
        let shapes = self.outputs.iter().map(|output| {
            let mut shape = output.shape.clone();
            if let Some(batch) = shape.first_mut() {
                *batch *= count;
            }
            shape
        });
        let shapes: Vec<_> = shapes.collect();
        let views = shapes.iter().zip(&self.outputs);
        let views = views.map(|(shape, output)| OutputView {
            shape,
            values: &output.values,
        });
        read(&views.collect::<Vec<_>>());
        Ok(())
    }

    fn infer(&mut self, values: &[f32]) -> Result<(), InferenceError> {
        match self.element_type {
            ElementType::Float32 => {
                self.input.get_data_mut::<f32>()?.copy_from_slice(values);
            }
            ElementType::Float16 => {
                self.input
                    .get_data_mut::<f16>()?
                    .convert_from_f32_slice(values);
            }
            ElementType::Uint8 => write_bytes(values, self.input.get_data_mut::<u8>()?),
        }
        self.request.infer()
    }
}

fn shape_of(output: &Tensor) -> Result<Vec<usize>, InferenceError> {
    let shape = output.get_shape()?;
    let sizes = shape.get_dimensions().iter();
    Ok(sizes
        .map(|size| usize::try_from(*size).unwrap_or(0))
        .collect())
}

/// Adds an output's values to `out` as float32.
fn add(output: &Tensor, kind: openvino::ElementType, out: &mut Vec<f32>) -> Result<(), String> {
    match kind {
        openvino::ElementType::F32 => {
            out.extend_from_slice(output.get_data::<f32>().map_err(|error| text(&error))?);
        }
        openvino::ElementType::F16 => {
            let values = output.get_data::<f16>().map_err(|error| text(&error))?;
            add_halves(values, out);
        }
        openvino::ElementType::I64 => {
            let values = output.get_data::<i64>().map_err(|error| text(&error))?;
            out.extend(values.iter().map(|&it| it as f32));
        }
        openvino::ElementType::I32 => {
            let values = output.get_data::<i32>().map_err(|error| text(&error))?;
            out.extend(values.iter().map(|&it| it as f32));
        }
        other => {
            return Err(format!(
                "an output of {other:?}, expected float32, float16 or integers"
            ));
        }
    }
    Ok(())
}

/// OpenVINO's own words.
fn text(error: &InferenceError) -> String {
    match &error.message {
        Some(message) => format!("{}: {message}", error.kind),
        None => error.kind.to_string(),
    }
}
