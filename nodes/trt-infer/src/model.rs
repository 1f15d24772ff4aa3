//! An engine that is ready to run, and what is known of its model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use camweave_cuda::Context;
use camweave_detect::infer::{FirstRuns, ModelInfo, model_error};
use camweave_engine::{Source, engine, gpu, larger_than_profile, of_tensorrt};
use camweave_model::{Description, ModelError, ModelFile, ModelInput, ModelOutput, describe};
use camweave_stage::StageError;
use camweave_tensorrt::{ElementType, Engine, Found, ModelFacts, Shape, TensorInfo, TensorRt};
use camweave_vision::{InputLayout, Range};
use tracing::{info, warn};

use crate::error::LaneError;
use crate::first_runs::FirstRun;

/// An output of an engine.
pub struct EngineOutput {
    pub name: String,
    /// Of one frame.
    pub bytes: usize,
}

/// An engine and its model.
pub struct Model {
    pub engine: Engine,
    /// The plan's file.
    pub path: PathBuf,
    /// Where the engine comes from, in words.
    pub origin: String,
    pub input: String,
    /// All of the engine's outputs.
    pub outputs: Vec<EngineOutput>,
    /// Which of them a head is made of, one after the other.
    pub parts: Vec<usize>,
    /// Frames of one inference: any number up to this, or exactly this.
    pub max_batch: u32,
    pub is_batch_fixed: bool,
    pub info: ModelInfo,
}

impl Model {
    /// Opens a source on a device whose context is the thread's current one.
    ///
    /// # Errors
    /// The engine cannot be built or run here, or is not an image detector.
    pub fn open(
        source: Source,
        tensorrt: &TensorRt,
        context: &Context,
        max_batch: u32,
    ) -> Result<Self, StageError> {
        let gpu = gpu(context);
        match source {
            Source::Onnx { file, wishes } => {
                let Found {
                    path,
                    plan,
                    built_because,
                    ..
                } = engine(&file, &wishes, tensorrt, &gpu, |build| {
                    info!(model = %file.id, "building an engine, which takes minutes");
                    build(&|_| true)
                })?;
                let origin = match built_because {
                    None => "from the cache".to_owned(),
                    Some(why) => format!("built: {why}"),
                };
                Self::of_plan(
                    tensorrt,
                    context,
                    path,
                    &plan,
                    Known::File(&file),
                    origin,
                    max_batch,
                )
            }
            Source::Plan {
                path,
                plan,
                sidecar,
            } => {
                if let Some(sidecar) = &sidecar {
                    let fits = sidecar.check_place(tensorrt.version(), &gpu);
                    fits.map_err(|what| {
                        StageError::input(format!(
                            "plan '{}' {what}, expected one that was built here ('camweave engine build'), or its ONNX file as MODEL",
                            path.display()
                        ))
                    })?;
                }
                let facts = sidecar.map(|sidecar| sidecar.model);
                let known = facts.as_ref().map_or(Known::Nothing, Known::Facts);
                Self::of_plan(
                    tensorrt,
                    context,
                    path,
                    &plan,
                    known,
                    "a plan".to_owned(),
                    max_batch,
                )
            }
        }
    }

    fn of_plan(
        tensorrt: &TensorRt,
        context: &Context,
        path: PathBuf,
        plan: &[u8],
        known: Known<'_>,
        origin: String,
        max_batch: u32,
    ) -> Result<Self, StageError> {
        let name = path.display().to_string();
        let engine = Engine::load(tensorrt, &name, plan).map_err(|error| of_tensorrt(&error))?;
        let refuse = |what: String| StageError::input(format!("plan '{name}': {what}"));
        let (input, found) = ends(engine.tensors()).map_err(refuse)?;
        let (element, layout, size) = picture(input).map_err(refuse)?;
        let [min, _, max] = engine
            .profile(&input.name)
            .map_err(|error| of_tensorrt(&error))?;
        let is_batch_fixed = first(&min) == first(&max);
        let allowed = first(&max);
        if !is_batch_fixed {
            larger_than_profile(&path, max_batch, allowed)?;
        }
        let max_batch = if is_batch_fixed { allowed } else { max_batch };
        let shapes = shapes(&engine, &input.name, &max, &found)
            .map_err(|error| of_tensorrt(&error))?
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        let file = known.file(&path, plan, input, element, layout);
        let file = ModelFile {
            outputs: found
                .iter()
                .map(|output| ModelOutput {
                    name: output.name.clone(),
                    shape: Vec::new(),
                    is_read: output.element_type == ElementType::Float32,
                })
                .collect(),
            ..file.map_err(|error| model_error(&error))?
        };
        let fitting = describe(&file, size, allowed as usize, &shapes);
        for description in fitting.map_err(|error| model_error(&error))? {
            check_types(&description, &found).map_err(refuse)?;
        }
        // Any number of frames shows what the network is.
        let batch = if is_batch_fixed { allowed } else { first(&min) };
        let description = {
            let shape = input_shape(&file.input, batch, size);
            let engine = FirstRun::new(context, &engine, input, &shape, &found)
                .map_err(LaneError::into_stage)?;
            let runs = FirstRuns::new(&engine, &file, size, batch as usize);
            runs.description().map_err(|error| model_error(&error))?
        };
        // Some exporters leave all frames beyond the batch of the export empty, and no run shows it.
        let max_batch = if file.signs.suppresses && !is_batch_fixed && max_batch > 1 {
            warn!("plan '{name}' suppresses overlaps itself, so its frames run one by one");
            1
        } else {
            max_batch
        };
        let mut info = ModelInfo::of(&file, size, &description);
        // An engine of float16 has another input than its file.
        info.input.element = element.element();
        let outputs = found
            .iter()
            .zip(&shapes)
            .map(|(output, shape)| EngineOutput {
                name: output.name.clone(),
                bytes: shape.get(1..).unwrap_or_default().iter().product::<usize>()
                    * size_of::<f32>(),
            });
        Ok(Self {
            input: input.name.clone(),
            outputs: outputs.collect(),
            parts: description.outputs.clone(),
            engine,
            path,
            origin,
            max_batch,
            is_batch_fixed,
            info,
        })
    }

    /// The shape of the input for a batch.
    pub fn input_shape(&self, batch: u32) -> Shape {
        let (width, height) = self.info.size;
        let sizes = match self.info.input.layout {
            InputLayout::Nchw => [batch, 3, height, width],
            InputLayout::Nhwc => [batch, height, width, 3],
        };
        Shape::new(&sizes.map(i64::from)).unwrap_or_default()
    }

    /// Bytes of one frame's input.
    pub fn input_bytes(&self) -> usize {
        let (width, height) = self.info.size;
        3 * width as usize * height as usize * self.info.input.element.bytes()
    }

    /// Bytes of one frame's head.
    pub fn output_bytes(&self) -> usize {
        self.info.format.bytes()
    }
}

/// What is known of a plan beside it.
enum Known<'a> {
    /// The ONNX file that it was built of.
    File(&'a ModelFile),
    /// Its sidecar.
    Facts(&'a ModelFacts),
    Nothing,
}

impl Known<'_> {
    /// What its file says, or what a file would.
    fn file(
        self,
        path: &Path,
        plan: &[u8],
        input: &TensorInfo,
        element_type: camweave_model::ElementType,
        layout: InputLayout,
    ) -> Result<ModelFile, ModelError> {
        let facts = match self {
            Self::File(file) => return Ok(file.clone()),
            Self::Facts(facts) => Some(facts),
            Self::Nothing => None,
        };
        let input = ModelInput {
            name: input.name.clone(),
            element_type,
            layout,
            range: Range::One,
            batch: None,
            width: None,
            height: None,
            target_sizes: None,
        };
        let id = facts.map_or_else(|| plan_id(path, plan), |facts| Arc::from(facts.id.as_str()));
        let names = facts.and_then(|facts| facts.class_names.clone());
        let about = facts.map(|facts| facts.file.clone()).unwrap_or_default();
        ModelFile::of_plan(path, id, input, names, about)
    }
}

/// Whether all outputs that a description reads are of float32; else which is not.
fn check_types(description: &Description, found: &[&TensorInfo]) -> Result<(), String> {
    let mut read = description.outputs.iter().map(|&index| found[index]);
    match read.find(|output| output.element_type != ElementType::Float32) {
        None => Ok(()),
        Some(output) => Err(format!(
            "output '{}' is {}, expected float32 ('camweave engine build' makes it so)",
            output.name, output.element_type
        )),
    }
}

/// The shape of an input for a batch of this width and height.
fn input_shape(input: &ModelInput, batch: u32, (width, height): (u32, u32)) -> Shape {
    let sizes = input.shape(batch as usize, (width as usize, height as usize));
    Shape::new(&sizes.map(|size| size as i64)).unwrap_or_default()
}

fn first(shape: &Shape) -> u32 {
    let batch = shape.sizes().first().copied().unwrap_or(0);
    u32::try_from(batch).unwrap_or(0)
}

/// The engine's only input and its outputs.
fn ends(tensors: &[TensorInfo]) -> Result<(&TensorInfo, Vec<&TensorInfo>), String> {
    let inputs: Vec<_> = tensors.iter().filter(|tensor| tensor.is_input).collect();
    let outputs: Vec<_> = tensors.iter().filter(|tensor| !tensor.is_input).collect();
    match (inputs.as_slice(), outputs.as_slice()) {
        ([input], [_, ..]) => Ok((input, outputs)),
        _ => Err(format!(
            "{} inputs and {} outputs, expected one input and at least one output",
            inputs.len(),
            outputs.len()
        )),
    }
}

/// Type, layout and size, in pixels, of an image input.
fn picture(
    input: &TensorInfo,
) -> Result<(camweave_model::ElementType, InputLayout, (u32, u32)), String> {
    let refuse = || {
        format!(
            "input '{}' is {} {}, expected float16, float32 or uint8 [batch, 3, height, width] or [batch, height, width, 3]",
            input.name, input.element_type, input.shape
        )
    };
    let element = match input.element_type {
        ElementType::Float16 => camweave_model::ElementType::Float16,
        ElementType::Float32 => camweave_model::ElementType::Float32,
        ElementType::Uint8 => camweave_model::ElementType::Uint8,
        ElementType::Other(_) => return Err(refuse()),
    };
    let (layout, height, width) = match *input.shape.sizes() {
        [_, 3, height, width] => (InputLayout::Nchw, height, width),
        [_, height, width, 3] => (InputLayout::Nhwc, height, width),
        _ => return Err(refuse()),
    };
    let side = |side: i64| u32::try_from(side).ok().filter(|side| *side > 0);
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok((element, layout, (width, height))),
        _ => Err(refuse()),
    }
}

/// The outputs' shapes at the largest batch; in words, where one is not known.
fn shapes(
    engine: &Engine,
    input: &str,
    largest: &Shape,
    outputs: &[&TensorInfo],
) -> Result<Vec<Result<Vec<usize>, String>>, camweave_tensorrt::Error> {
    let mut context = engine.context()?;
    context.set_input_shape(input, largest)?;
    let known = outputs.iter().map(|output| {
        let shape = context.shape(&output.name)?;
        let sizes = shape.sizes().iter().map(|size| usize::try_from(*size).ok());
        let sizes: Option<Vec<usize>> = sizes.collect();
        Ok(sizes.ok_or_else(|| {
            format!(
                "output '{}' of shape {shape}, expected known sizes",
                output.name
            )
        }))
    });
    known.collect()
}

fn plan_id(path: &Path, plan: &[u8]) -> Arc<str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut digest = camweave_tensorrt::hex_digest(plan);
    digest.truncate(12);
    Arc::from(format!("{name}@{digest}"))
}
