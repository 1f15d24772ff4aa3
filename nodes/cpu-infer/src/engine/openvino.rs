//! OpenVINO: a library that is loaded at run time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use camweave_model::{ElementType, ModelFile};
use camweave_stage::StageError;
use half::f16;
use half::slice::HalfFloatSliceExt;
use openvino::{
    CompiledModel, Core, DeviceType, InferRequest, InferenceError, Model, PartialShape,
    RwPropertyKey, Shape, Tensor,
};

use super::api::{Engine, EngineError, ReadOutput, Threads, one_line};
use super::kind::EngineKind;
use super::library;

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
    /// Outputs of several inferences, and those of a float16 model.
    outputs: Vec<f32>,
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
        let sizes = [batch, 3, height as usize, width as usize].map(|it| it as i64);
        let shape = PartialShape::new_static(4, &sizes).map_err(said)?;
        // What is known beforehand is computed once.
        model.reshape_single_input(&shape).map_err(said)?;
        let element_type = file.input.element_type;
        let all = requests(&mut core, &model, (threads, 1), &sizes, element_type);
        let all = all.map_err(said)?.pop();
        let all = all.ok_or_else(|| refuse("no request".to_owned()))?;
        let making = (threads > 1).then(|| {
            std::thread::Builder::new()
                .name("openvino".to_owned())
                .spawn(move || {
                    requests(&mut core, &model, (threads, threads), &sizes, element_type)
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
    sizes: &[i64],
    element_type: ElementType,
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
    let requests = (0..streams).map(|_| Request::new(&mut network, sizes, element_type));
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
        read: ReadOutput<'_>,
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
        request.run(input, read).map_err(fail)
    }
}

impl Request {
    fn new(
        network: &mut CompiledModel,
        sizes: &[i64],
        element_type: ElementType,
    ) -> Result<Self, InferenceError> {
        let mut request = network.create_infer_request()?;
        let kind = match element_type {
            ElementType::Float32 => openvino::ElementType::F32,
            ElementType::Float16 => openvino::ElementType::F16,
        };
        let input = Tensor::new(kind, &Shape::new(sizes)?)?;
        request.set_input_tensor(&input)?;
        Ok(Self {
            request,
            input,
            element_type,
            outputs: Vec::new(),
        })
    }

    /// Runs as many inferences as `input` has frames for; one is read where it lies.
    fn run(&mut self, input: &[f32], read: ReadOutput<'_>) -> Result<(), String> {
        let each = self.input.get_size().map_err(|error| text(&error))?;
        let count = input.len() / each.max(1);
        if count == 0 || !input.len().is_multiple_of(each) {
            return Err(format!(
                "{} values, expected a multiple of {each}",
                input.len()
            ));
        }
        self.outputs.clear();
        let mut shape: Vec<usize> = Vec::new();
        for values in input.chunks_exact(each) {
            let output = self.infer(values).map_err(|error| text(&error))?;
            let sizes = output.get_shape().map_err(|error| text(&error))?;
            let sizes = sizes.get_dimensions().iter();
            shape = sizes
                .map(|size| usize::try_from(*size).unwrap_or(0))
                .collect();
            let kind = output.get_element_type().map_err(|error| text(&error))?;
            match kind {
                openvino::ElementType::F32 => {
                    let values = output.get_data::<f32>().map_err(|error| text(&error))?;
                    if count == 1 {
                        read(&shape, values);
                        return Ok(());
                    }
                    self.outputs.extend_from_slice(values);
                }
                openvino::ElementType::F16 => {
                    let values = output.get_data::<f16>().map_err(|error| text(&error))?;
                    let start = self.outputs.len();
                    self.outputs.resize(start + values.len(), 0.0);
                    values.convert_to_f32_slice(&mut self.outputs[start..]);
                }
                other => {
                    return Err(format!(
                        "an output of {other:?}, expected float32 or float16"
                    ));
                }
            }
        }
        if let Some(batch) = shape.first_mut() {
            *batch *= count;
        }
        read(&shape, &self.outputs);
        Ok(())
    }

    fn infer(&mut self, values: &[f32]) -> Result<Tensor, InferenceError> {
        match self.element_type {
            ElementType::Float32 => {
                self.input.get_data_mut::<f32>()?.copy_from_slice(values);
            }
            ElementType::Float16 => {
                self.input
                    .get_data_mut::<f16>()?
                    .convert_from_f32_slice(values);
            }
        }
        self.request.infer()?;
        self.request.get_output_tensor_by_index(0)
    }
}

/// OpenVINO's own words.
fn text(error: &InferenceError) -> String {
    match &error.message {
        Some(message) => format!("{}: {message}", error.kind),
        None => error.kind.to_string(),
    }
}
