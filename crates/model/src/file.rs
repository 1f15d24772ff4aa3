//! A model file: what can be known of it before an engine has it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use camweave_vision::{Element, InputLayout, MAX_DIMENSION, Range};
use prost::Message;
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::export::advice;
use crate::external::{self, hex_digest};
use crate::family::TaskKind;
use crate::graph::Signs;
use crate::metadata::Metadata;
use crate::onnx::{GraphProto, ModelProto, TensorTypeProto, ValueInfoProto, data_type};
use crate::settings::ModelSettings;
use crate::size::{MAX_INPUT_BYTES, shown};
use crate::task::Task;

/// The type of the network's input values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    Float32,
    /// 16-bit float.
    Float16,
    /// Integers of 0 to 255.
    Uint8,
}

impl ElementType {
    /// The name that people know.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Uint8 => "uint8",
        }
    }

    /// As input formats name it.
    #[must_use]
    pub fn element(self) -> Element {
        match self {
            Self::Float32 => Element::Float32,
            Self::Float16 => Element::Float16,
            Self::Uint8 => Element::Uint8,
        }
    }
}

/// The network's image input; `None` where a dimension is dynamic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInput {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub element_type: ElementType,
    /// How its values lie.
    pub layout: InputLayout,
    /// What white is, as far as the graph shows: 255 where it divides by 255 itself.
    pub range: Range,
    /// Frames of one inference.
    pub batch: Option<usize>,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    /// The name of a second input, int64 `[batch, 2]`: the width and height that boxes are scaled to
    /// (D-FINE, RT-DETRv2).
    pub target_sizes: Option<String>,
}

impl ModelInput {
    /// The shape of an input of so many frames of this width and height.
    #[must_use]
    pub fn shape(&self, batch: usize, (width, height): (usize, usize)) -> [usize; 4] {
        match self.layout {
            InputLayout::Nchw => [batch, 3, height, width],
            InputLayout::Nhwc => [batch, height, width, 3],
        }
    }
}

/// An output of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOutput {
    /// Its name.
    pub name: String,
    /// Its shape as the file declares it, `None` where a dimension is dynamic.
    pub shape: Vec<Option<usize>>,
    /// Whether its values are floats or integers of 32 or 64 bits: others say nothing of boxes.
    pub is_read: bool,
}

/// What of an ONNX file shows what an engine of it is; an engine does not carry it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileFacts {
    /// Whether its metadata says that it suppresses overlaps itself.
    pub end_to_end: Option<bool>,
    /// What the exporter says in words.
    pub description: Option<String>,
    /// What its metadata says that it gives of an object.
    pub task: Option<String>,
    /// Of a pose: how many keypoints, and values of each.
    pub keypoints: Option<[u32; 2]>,
    /// What its graph shows.
    pub signs: Signs,
    /// What white is in its input.
    pub range: Range,
}

/// An ONNX file of a detector or a classifier.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// `<file name>@<first 12 hexadecimal digits of its SHA-256>`.
    pub id: Arc<str>,
    /// The whole SHA-256, hexadecimal, of the file and of weights in files beside it.
    pub sha256: String,
    /// Bytes of the file and of its weights, each value of them counted as 32 bits.
    pub weight_bytes: u64,
    /// The network's input.
    pub input: ModelInput,
    /// The network's outputs, in the file's order.
    pub outputs: Vec<ModelOutput>,
    /// What else its graph shows.
    pub signs: Signs,
    /// What its exporter said of it.
    pub metadata: Metadata,
    /// What `MODEL.yml` beside it says.
    pub settings: ModelSettings,
    /// The only thing that is said of it, in place of `MODEL.yml`: its family.
    pub family: Option<String>,
}

/// No message of Protocol Buffers, and so no ONNX file, is larger.
const MAX_FILE_BYTES: u64 = (2 << 30) - 1;
/// The name of a model, in bytes: that of its file, cut.
const MAX_NAME_BYTES: usize = 255;
/// Inputs that an error names.
const MAX_SHOWN: usize = 4;
/// What stands in place of a file whose content `git lfs pull` fetches.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

impl ModelFile {
    /// This file cannot be used, and why.
    #[must_use]
    pub fn refusal(&self, why: &str) -> ModelError {
        ModelError::file(format!("model '{}': {why}", self.path.display()))
    }

    /// What is known of a TensorRT plan, as if it were a file: `MODEL.yml` beside it is read, and
    /// its outputs are left out.
    ///
    /// # Errors
    /// `MODEL.yml` cannot be read.
    pub fn of_plan(
        path: &Path,
        id: Arc<str>,
        input: ModelInput,
        class_names: Option<Vec<String>>,
        facts: FileFacts,
    ) -> Result<Self, ModelError> {
        let input = ModelInput {
            range: match input.element_type {
                ElementType::Uint8 => Range::Byte,
                _ => facts.range,
            },
            ..input
        };
        Ok(Self {
            path: path.to_owned(),
            id,
            sha256: String::new(),
            weight_bytes: 0,
            input,
            outputs: Vec::new(),
            signs: facts.signs,
            metadata: Metadata {
                class_names,
                end_to_end: facts.end_to_end,
                description: facts.description,
                task: facts.task,
                keypoints: facts.keypoints,
                ..Metadata::default()
            },
            settings: ModelSettings::beside(path).map_err(ModelError::file)?,
            family: None,
        })
    }

    /// What an engine of this file is described by.
    #[must_use]
    pub fn facts(&self) -> FileFacts {
        FileFacts {
            end_to_end: self.metadata.end_to_end,
            description: self.metadata.description.clone(),
            task: self.metadata.task.clone(),
            keypoints: self.metadata.keypoints,
            signs: self.signs,
            range: self.input.range,
        }
    }

    /// Reads and checks a detector's file.
    ///
    /// # Errors
    /// The file cannot be read, is no ONNX model, or no detector of pictures.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::read_for(path, Task::Detect)
    }

    /// As [`ModelFile::read_for`], of a model of this `family`, whatever `MODEL.yml` says.
    ///
    /// # Errors
    /// As [`ModelFile::read_for`], and the task has no such family.
    pub fn read_as(path: &Path, wanted: Task, family: Option<&str>) -> Result<Self, ModelError> {
        let Some(family) = family else {
            return Self::read_for(path, wanted);
        };
        let mut file = Self::read_alone(path, wanted)?;
        if wanted == Task::Detect {
            file.settings = ModelSettings::of_family(family).map_err(|why| file.refusal(&why))?;
        }
        file.family = Some(family.to_owned());
        Ok(file)
    }

    /// Reads and checks a file. Only a detector's `MODEL.yml` is read with it.
    ///
    /// # Errors
    /// The file cannot be read, is no ONNX model, is of another task, or takes no pictures.
    pub fn read_for(path: &Path, wanted: Task) -> Result<Self, ModelError> {
        let mut file = Self::read_alone(path, wanted)?;
        if wanted == Task::Detect {
            file.settings = ModelSettings::beside(path).map_err(ModelError::file)?;
        }
        Ok(file)
    }

    /// Without what is said beside it.
    fn read_alone(path: &Path, wanted: Task) -> Result<Self, ModelError> {
        let refuse =
            |message: String| ModelError::file(format!("model '{}': {message}", path.display()));
        if let Some(advice) = advice(path) {
            return Err(refuse(advice));
        }
        let bytes = read_bounded(path).map_err(refuse)?;
        if bytes.starts_with(LFS_POINTER) {
            return Err(refuse(
                "a Git LFS pointer, expected the file itself ('git lfs pull')".to_owned(),
            ));
        }
        let sha256 = hex_digest(&bytes);
        let size = bytes.len();
        // Weights are slices of this buffer, not copies.
        let model = ModelProto::decode(Bytes::from(bytes)).ok();
        let Some(ModelProto {
            graph: Some(graph),
            metadata_props,
            functions,
            ..
        }) = model
        else {
            return Err(refuse(format!(
                "{size} bytes that are not an ONNX model, expected an ONNX file"
            )));
        };
        if !functions.is_empty() {
            return Err(refuse(format!(
                "{} local functions, expected only ONNX's operators",
                functions.len()
            )));
        }
        let weight_bytes = crate::size::check(&graph, size).map_err(refuse)?;
        let metadata = Metadata::read(&metadata_props);
        let tasks: &[&str] = match wanted {
            Task::Detect => &TaskKind::ALL.map(TaskKind::as_str),
            Task::Classify => &[wanted.as_str()],
        };
        let task = metadata.task.as_deref();
        if let Some(task) = task.filter(|task| !tasks.contains(task)) {
            let one_of = if tasks.len() > 1 { "one of " } else { "" };
            return Err(refuse(format!(
                "its task is '{}', expected {one_of}'{}'",
                shown(task),
                tasks.join("', '")
            )));
        }
        let input = input(&graph).map_err(refuse)?;
        let outputs: Vec<_> = graph.output.iter().map(output).collect();
        if outputs.is_empty() {
            return Err(refuse("no output, expected one".to_owned()));
        }
        let sha256 = external::digest(path, &graph, sha256).map_err(refuse)?;
        let id = identity(path, &sha256);
        Ok(Self {
            path: path.to_owned(),
            id,
            sha256,
            weight_bytes,
            input,
            outputs,
            signs: Signs::of(&graph),
            metadata,
            settings: ModelSettings::default(),
            family: None,
        })
    }
}

/// The bytes of a file. What is no file, such as a device or a pipe, may have no end.
fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let expected = |error: std::io::Error| format!("{error}, expected the path of an ONNX file");
    let found = std::fs::metadata(path).map_err(expected)?;
    if found.is_dir() {
        return Err("is a directory, expected the path of an ONNX file".to_owned());
    }
    if !found.is_file() {
        return Err("no regular file, expected the path of an ONNX file".to_owned());
    }
    if found.len() > MAX_FILE_BYTES {
        let bytes = found.len();
        return Err(format!(
            "{bytes} bytes, expected at most {MAX_FILE_BYTES}, as of any ONNX file"
        ));
    }
    std::fs::read(path).map_err(expected)
}

fn identity(path: &Path, sha256: &str) -> Arc<str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // It goes into messages and logs.
    let name: String = (name
        .chars()
        .map(|it| if it.is_control() { '_' } else { it }))
    .scan(0, |bytes, it| {
        *bytes += it.len_utf8();
        (*bytes <= MAX_NAME_BYTES).then_some(it)
    })
    .collect();
    Arc::from(format!("{name}@{}", &sha256[..12]))
}

/// The network's inputs, checked: one of images, and none or one of sizes.
fn input(graph: &GraphProto) -> Result<ModelInput, String> {
    const EXPECTED: &str = "expected one input of float32, float16 or uint8 [batch, 3, height, width] or [batch, height, width, 3]";
    // Files of IR version 3 list weights among the inputs.
    let weights: HashSet<&str> = (graph.initializer.iter())
        .map(|it| it.name.as_str())
        .collect();
    let inputs: Vec<_> = (graph.input.iter())
        .filter(|value| !weights.contains(value.name.as_str()))
        .collect();
    let (sizes, images): (Vec<_>, Vec<_>) =
        (inputs.iter().copied()).partition(|value| is_sizes(value));
    let ([value], [] | [_]) = (images.as_slice(), sizes.as_slice()) else {
        let shown = inputs
            .iter()
            .take(MAX_SHOWN)
            .map(|value| shown(&value.name));
        return Err(format!(
            "{} inputs ({}{}), {EXPECTED}",
            inputs.len(),
            shown.collect::<Vec<_>>().join(", "),
            if inputs.len() > MAX_SHOWN {
                ", ..."
            } else {
                ""
            }
        ));
    };
    let tensor = tensor(value);
    let tensor =
        tensor.ok_or_else(|| format!("input '{}' is no tensor, {EXPECTED}", value.name))?;
    let element_type = match tensor.elem_type {
        data_type::FLOAT => Some(ElementType::Float32),
        data_type::FLOAT16 => Some(ElementType::Float16),
        data_type::UINT8 => Some(ElementType::Uint8),
        _ => None,
    };
    let refuse = || format!("input '{}' is {}, {EXPECTED}", value.name, describe(tensor));
    let element_type = element_type.ok_or_else(refuse)?;
    let (batch, height, width, layout) = match *dimensions(tensor).as_slice() {
        [batch, Some(3), height, width] => (batch, height, width, InputLayout::Nchw),
        [batch, height, width, Some(3)] => (batch, height, width, InputLayout::Nhwc),
        [batch, None, height, width] => (batch, height, width, InputLayout::Nchw),
        _ => return Err(refuse()),
    };
    // What does not fit is above the limit below.
    let side = |side: Option<usize>| side.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
    let (width, height) = (side(width), side(height));
    let size = (width.unwrap_or(1), height.unwrap_or(1));
    check_input(size, batch).map_err(|limit| format!("{}, {limit}", refuse()))?;
    let is_byte = element_type == ElementType::Uint8 || Signs::divides(graph, &value.name);
    Ok(ModelInput {
        name: value.name.clone(),
        element_type,
        layout,
        range: if is_byte { Range::Byte } else { Range::One },
        batch,
        width,
        height,
        target_sizes: sizes.first().map(|value| value.name.clone()),
    })
}

fn tensor(value: &ValueInfoProto) -> Option<&TensorTypeProto> {
    value.r#type.as_ref()?.tensor_type.as_ref()
}

/// Whether an input is of the sizes that boxes are scaled to.
fn is_sizes(value: &ValueInfoProto) -> bool {
    tensor(value).is_some_and(|tensor| {
        tensor.elem_type == data_type::INT64
            && matches!(*dimensions(tensor).as_slice(), [_, Some(2) | None])
    })
}

fn output(value: &ValueInfoProto) -> ModelOutput {
    ModelOutput {
        name: value.name.clone(),
        shape: tensor(value).map(dimensions).unwrap_or_default(),
        // One whose type is not declared is tried.
        is_read: tensor(value).is_none_or(|tensor| {
            matches!(
                tensor.elem_type,
                0 | data_type::FLOAT | data_type::FLOAT16 | data_type::INT64 | data_type::INT32
            )
        }),
    }
}

/// Checks the width and height of an input, whoever said them, for a batch (`None`: of any number).
///
/// # Errors
/// The limit, in words that complete 'expected ..., '.
pub(crate) fn check_input((width, height): (u32, u32), batch: Option<usize>) -> Result<(), String> {
    if width > MAX_DIMENSION || height > MAX_DIMENSION {
        return Err(format!("with sides of at most {MAX_DIMENSION}"));
    }
    let values = 3 * u64::from(width) * u64::from(height);
    // Float16 is kept as 32 bits before it is written.
    let bytes = (values * 4).saturating_mul(batch.unwrap_or(1) as u64);
    if bytes > MAX_INPUT_BYTES {
        return Err(format!(
            "of at most {MAX_INPUT_BYTES} bytes for the {} frames of an inference",
            batch.unwrap_or(1)
        ));
    }
    Ok(())
}

/// The dimensions, `None` where dynamic. A negative or zero size is how some exporters say dynamic.
fn dimensions(tensor: &TensorTypeProto) -> Vec<Option<usize>> {
    let shape = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let size = |value: i64| usize::try_from(value).ok().filter(|size| *size > 0);
    shape.map(|dim| dim.dim_value.and_then(size)).collect()
}

fn describe(tensor: &TensorTypeProto) -> String {
    let sizes = dimensions(tensor);
    let sizes = sizes
        .iter()
        .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()));
    format!(
        "{} [{}]",
        data_type::name(tensor.elem_type),
        sizes.collect::<Vec<_>>().join(", ")
    )
}
