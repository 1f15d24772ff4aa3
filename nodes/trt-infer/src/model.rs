//! An engine that is ready to run, and what is known of its model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use camweave_cuda::{Context, Precision};
use camweave_detect::infer::{ModelInfo, class_names};
use camweave_engine::{Source, engine, gpu, larger_than_profile, of_tensorrt};
use camweave_model::head_layout;
use camweave_stage::StageError;
use camweave_tensorrt::{ElementType, Engine, Found, ModelFacts, Shape, TensorInfo, TensorRt};
use camweave_vision::{Element, HeadFormat, InputFormat};
use tracing::info;

/// An engine and its model.
pub struct Model {
    pub engine: Engine,
    /// The plan's file.
    pub path: PathBuf,
    /// Where the engine comes from, in words.
    pub origin: String,
    pub input: String,
    pub output: String,
    /// The type of the input's values; the output's are float32.
    pub precision: Precision,
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
                    sidecar,
                    built_because,
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
                    path,
                    &plan,
                    Some(&sidecar.model),
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
                Self::of_plan(
                    tensorrt,
                    path,
                    &plan,
                    facts.as_ref(),
                    "a plan".to_owned(),
                    max_batch,
                )
            }
        }
    }

    fn of_plan(
        tensorrt: &TensorRt,
        path: PathBuf,
        plan: &[u8],
        facts: Option<&ModelFacts>,
        origin: String,
        max_batch: u32,
    ) -> Result<Self, StageError> {
        let name = path.display().to_string();
        let engine = Engine::load(tensorrt, &name, plan).map_err(|error| of_tensorrt(&error))?;
        let refuse = |what: String| StageError::input(format!("plan '{name}': {what}"));
        let (input, output) = ends(engine.tensors()).map_err(refuse)?;
        let (precision, size) = picture(input).map_err(refuse)?;
        let [min, _, max] = engine
            .profile(&input.name)
            .map_err(|error| of_tensorrt(&error))?;
        let is_batch_fixed = first(&min) == first(&max);
        let allowed = first(&max);
        if !is_batch_fixed {
            larger_than_profile(&path, max_batch, allowed)?;
        }
        let max_batch = if is_batch_fixed { allowed } else { max_batch };
        let names = facts.and_then(|facts| facts.class_names.clone());
        let shape = output_shape(&engine, &input.name, &max, &output.name)
            .map_err(|error| of_tensorrt(&error))?;
        let format = head_format(&shape, allowed, names.as_deref()).map_err(refuse)?;
        let id = facts.map_or_else(
            || plan_id(&path, plan),
            |facts| Arc::from(facts.id.as_str()),
        );
        let (input, output) = (input.name.clone(), output.name.clone());
        let nameless = format!("plan '{name}' has no sidecar with class names");
        let info = ModelInfo {
            id,
            class_names: class_names(names, format, &nameless),
            format,
            size,
            input: InputFormat {
                element: match precision {
                    Precision::F16 => Element::Float16,
                    Precision::F32 => Element::Float32,
                },
                ..InputFormat::default()
            },
        };
        Ok(Self {
            engine,
            path,
            origin,
            input,
            output,
            precision,
            max_batch,
            is_batch_fixed,
            info,
        })
    }

    /// The shape of the input for a batch.
    pub fn input_shape(&self, batch: u32) -> Shape {
        let (width, height) = self.info.size;
        let sizes = [batch, 3, height, width].map(i64::from);
        Shape::new(&sizes).unwrap_or_default()
    }

    /// Bytes of one frame's input.
    pub fn input_bytes(&self) -> usize {
        let (width, height) = self.info.size;
        3 * width as usize * height as usize * self.precision.bytes()
    }

    /// Bytes of one frame's output.
    pub fn output_bytes(&self) -> usize {
        self.info.format.bytes()
    }
}

fn first(shape: &Shape) -> u32 {
    let batch = shape.sizes().first().copied().unwrap_or(0);
    u32::try_from(batch).unwrap_or(0)
}

/// The engine's only input and its first output.
fn ends(tensors: &[TensorInfo]) -> Result<(&TensorInfo, &TensorInfo), String> {
    let inputs: Vec<_> = tensors.iter().filter(|tensor| tensor.is_input).collect();
    let outputs: Vec<_> = tensors.iter().filter(|tensor| !tensor.is_input).collect();
    let ([input], [output]) = (inputs.as_slice(), outputs.as_slice()) else {
        return Err(format!(
            "{} inputs and {} outputs, expected one of each",
            inputs.len(),
            outputs.len()
        ));
    };
    if output.element_type != ElementType::Float32 {
        return Err(format!(
            "output '{}' is {}, expected float32 ('camweave engine build' makes it so)",
            output.name, output.element_type
        ));
    }
    Ok((input, output))
}

/// Type and size, in pixels, of an image input.
fn picture(input: &TensorInfo) -> Result<(Precision, (u32, u32)), String> {
    let refuse = || {
        format!(
            "input '{}' is {} {}, expected float16 or float32 [batch, 3, height, width]",
            input.name, input.element_type, input.shape
        )
    };
    let precision = match input.element_type {
        ElementType::Float16 => Precision::F16,
        ElementType::Float32 => Precision::F32,
        ElementType::Other(_) => return Err(refuse()),
    };
    let &[_, 3, height, width] = input.shape.sizes() else {
        return Err(refuse());
    };
    let side = |side: i64| u32::try_from(side).ok().filter(|side| *side > 0);
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok((precision, (width, height))),
        _ => Err(refuse()),
    }
}

/// The output's shape at the largest batch.
fn output_shape(
    engine: &Engine,
    input: &str,
    largest: &Shape,
    output: &str,
) -> Result<Shape, camweave_tensorrt::Error> {
    let mut context = engine.context()?;
    context.set_input_shape(input, largest)?;
    context.shape(output)
}

/// What the output's shape shows.
fn head_format(shape: &Shape, batch: u32, names: Option<&[String]>) -> Result<HeadFormat, String> {
    let sizes = shape.sizes().iter().map(|size| usize::try_from(*size).ok());
    let sizes: Option<Vec<usize>> = sizes.collect();
    let sizes = sizes.ok_or_else(|| format!("output of shape {shape}, expected known sizes"))?;
    head_layout(&sizes, batch as usize, names)
}

fn plan_id(path: &Path, plan: &[u8]) -> Arc<str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut digest = camweave_tensorrt::hex_digest(plan);
    digest.truncate(12);
    Arc::from(format!("{name}@{digest}"))
}
