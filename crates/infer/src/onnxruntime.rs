//! ONNX Runtime: a library that is loaded at run time.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use camweave_model::{ElementType, ModelFile, ModelInput};
use camweave_stage::StageError;
use half::f16;
use half::slice::HalfFloatSliceExt;
use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorRef};

use crate::api::{
    Engine, EngineError, OutputView, ReadOutputs, Threads, no_output, one_line, target_sizes,
};
use crate::bytes::{add_halves, bytes_of};
use crate::kind::EngineKind;
use crate::library;

/// ONNX Runtime has one environment per process; it stays until the process ends.
static LOADED: Mutex<Option<(Environment, PathBuf)>> = Mutex::new(None);

/// Loads the first candidate that is an ONNX Runtime of a version that fits.
///
/// # Errors
/// A line that names the candidates and why the first one that exists failed.
pub fn load(candidates: &[PathBuf]) -> Result<(Environment, PathBuf), String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*loaded {
        return Ok(loaded.clone());
    }
    let found = library::first("ONNX Runtime", candidates, environment)?;
    Ok(loaded.insert(found).clone())
}

fn environment(path: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|error| reason(&error))?;
    let environment = builder
        .with_name("camweave")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| one_line(&error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

/// Why a library does not serve, without its path.
fn reason(error: &LoadDynamicError) -> String {
    match error {
        // The loader's own words.
        LoadDynamicError::Dlopen { error, .. } => {
            let source = error.source();
            one_line(&source.map_or_else(|| error.to_string(), ToString::to_string))
        }
        error => one_line(&error.to_string()),
    }
}

fn log(level: LogLevel, _category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::warn!(location, "ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::debug!(location, "ONNX Runtime: {message}"),
        _ => tracing::trace!(location, "ONNX Runtime: {message}"),
    }
}

/// A model in ONNX Runtime, which shares a run among threads of its own: one run at a time.
pub struct OnnxRuntime(Mutex<Running>);

struct Running {
    session: Session,
    input: ModelInput,
    /// The input of a float16 model.
    half_input: Vec<f16>,
}

impl OnnxRuntime {
    pub fn open(
        environment: &Environment,
        file: &ModelFile,
        threads: usize,
    ) -> Result<Self, StageError> {
        let refuse = |message: String| {
            StageError::input(format!(
                "model '{}': ONNX Runtime cannot run it: {}",
                file.path.display(),
                one_line(&message)
            ))
        };
        let session = Session::builder(environment)
            .map_err(|error| refuse(error.to_string()))?
            .with_log_level(LogLevel::Warning)
            .map_err(|error| refuse(error.to_string()))?
            .with_intra_threads(threads)
            .map_err(|error| refuse(error.to_string()))?
            // Spinning threads take the cores that decoders need.
            .with_intra_op_spinning(false)
            .map_err(|error| refuse(error.to_string()))?
            .commit_from_file(&file.path)
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self(Mutex::new(Running {
            session,
            input: file.input.clone(),
            half_input: Vec::new(),
        })))
    }
}

impl Engine for OnnxRuntime {
    fn kind(&self) -> EngineKind {
        EngineKind::OnnxRuntime
    }

    fn lanes(&self) -> usize {
        1
    }

    fn in_lane(&self, _: usize, work: &mut (dyn FnMut() + Send)) {
        work();
    }

    fn run(
        &self,
        _: Threads,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), EngineError> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.run(input, shape, outputs, read)
    }
}

impl Running {
    fn run(
        &mut self,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), EngineError> {
        let fail = |message: String| EngineError {
            engine: EngineKind::OnnxRuntime,
            shape,
            message: one_line(&message),
        };
        let ort = |error: ort::Error| fail(error.to_string());
        let bytes;
        let tensor: SessionInputValue<'_> = match self.input.element_type {
            ElementType::Float32 => TensorRef::from_array_view((shape, input))
                .map_err(ort)?
                .into(),
            ElementType::Float16 => {
                self.half_input.resize(input.len(), f16::ZERO);
                self.half_input.convert_from_f32_slice(input);
                let values = self.half_input.as_slice();
                TensorRef::from_array_view((shape, values))
                    .map_err(ort)?
                    .into()
            }
            ElementType::Uint8 => {
                bytes = bytes_of(input);
                let values = bytes.as_slice();
                TensorRef::from_array_view((shape, values))
                    .map_err(ort)?
                    .into()
            }
        };
        let mut inputs = vec![(self.input.name.clone(), tensor)];
        if let Some(name) = &self.input.target_sizes {
            let sizes = target_sizes(shape, self.input.layout);
            let flat: Vec<i64> = sizes.iter().flatten().map(|&it| it as i64).collect();
            let sizes = Tensor::from_array(([sizes.len(), 2], flat)).map_err(ort)?;
            inputs.push((name.clone(), sizes.into()));
        }
        let found = self.session.run(inputs).map_err(ort)?;
        let mut shapes = Vec::with_capacity(outputs.len());
        // Values that are no float32, one output after the other.
        let mut converted = Vec::new();
        for &index in outputs {
            if index >= found.len() {
                return Err(fail(no_output(index)));
            }
            let (shape, values) = floats(&found[index], &mut converted).map_err(ort)?;
            shapes.push((shape, values));
        }
        let mut start = 0;
        let views = shapes.iter().map(|(shape, values)| OutputView {
            shape,
            values: match values {
                Ok(values) => values,
                Err(count) => {
                    start += count;
                    &converted[start - count..start]
                }
            },
        });
        read(&views.collect::<Vec<_>>());
        Ok(())
    }
}

/// Values as they are, or how many of them have been converted.
type Floats<'a> = Result<&'a [f32], usize>;

/// An output: its shape and its values, which are added to `converted` where they are no float32.
fn floats<'a>(
    output: &'a DynValue,
    converted: &mut Vec<f32>,
) -> Result<(Vec<usize>, Floats<'a>), ort::Error> {
    let sizes = |shape: &ort::value::Shape| -> Vec<usize> {
        let sizes = shape.iter().map(|size| usize::try_from(*size).unwrap_or(0));
        sizes.collect()
    };
    if let Ok((shape, values)) = output.try_extract_tensor::<f32>() {
        return Ok((sizes(shape), Ok(values)));
    }
    if let Ok((shape, values)) = output.try_extract_tensor::<i64>() {
        converted.extend(values.iter().map(|&it| it as f32));
        return Ok((sizes(shape), Err(values.len())));
    }
    if let Ok((shape, values)) = output.try_extract_tensor::<i32>() {
        converted.extend(values.iter().map(|&it| it as f32));
        return Ok((sizes(shape), Err(values.len())));
    }
    let (shape, values) = output.try_extract_tensor::<f16>()?;
    add_halves(values, converted);
    Ok((sizes(shape), Err(values.len())))
}
