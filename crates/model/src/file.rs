//! A model file: what can be known of it before an engine has it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use camweave_vision::MAX_DIMENSION;
use data_encoding::HEXLOWER;
use prost::Message;
use prost::bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::ModelError;
use crate::metadata::Metadata;
use crate::onnx::{GraphProto, ModelProto, TensorTypeProto, data_type};
use crate::size::{MAX_INPUT_BYTES, shown};

/// The type of the network's input values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    Float32,
    /// 16-bit float.
    Float16,
}

impl ElementType {
    /// The name that people know.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
        }
    }
}

/// The network's input, `[batch, 3, height, width]`; `None` where a dimension is dynamic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInput {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub element_type: ElementType,
    /// Frames of one inference.
    pub batch: Option<usize>,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
}

/// An ONNX file of a detector.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// `<file name>@<first 12 hexadecimal digits of its SHA-256>`.
    pub id: Arc<str>,
    /// The whole SHA-256, hexadecimal.
    pub sha256: String,
    /// Bytes of the file and of its weights, each value of them counted as 32 bits.
    pub weight_bytes: u64,
    /// The network's input.
    pub input: ModelInput,
    /// The name of the network's first output.
    pub output: String,
    /// What its exporter said of it.
    pub metadata: Metadata,
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
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, is no ONNX model, or no detector of pictures.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let refuse =
            |message: String| ModelError::file(format!("model '{}': {message}", path.display()));
        let bytes = read_bounded(path).map_err(refuse)?;
        if bytes.starts_with(LFS_POINTER) {
            return Err(refuse(
                "a Git LFS pointer, expected the file itself ('git lfs pull')".to_owned(),
            ));
        }
        let sha256 = hex_digest(&bytes);
        let id = identity(path, &sha256);
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
        if let Some(task) = metadata.task.as_deref().filter(|task| *task != "detect") {
            return Err(refuse(format!("its task is '{task}', expected 'detect'")));
        }
        let input = input(&graph).map_err(refuse)?;
        let output = graph.output.first().map(|output| output.name.clone());
        let output = output.ok_or_else(|| refuse("no output, expected one".to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            id,
            sha256,
            weight_bytes,
            input,
            output,
            metadata,
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

fn hex_digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
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

/// The network's only input, checked.
fn input(graph: &GraphProto) -> Result<ModelInput, String> {
    const EXPECTED: &str = "expected one input of float32 or float16 [batch, 3, height, width]";
    // Files of IR version 3 list weights among the inputs.
    let weights: HashSet<&str> = (graph.initializer.iter())
        .map(|it| it.name.as_str())
        .collect();
    let inputs: Vec<_> = (graph.input.iter())
        .filter(|value| !weights.contains(value.name.as_str()))
        .collect();
    let [value] = inputs.as_slice() else {
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
    let tensor = value.r#type.as_ref().and_then(|it| it.tensor_type.as_ref());
    let tensor =
        tensor.ok_or_else(|| format!("input '{}' is no tensor, {EXPECTED}", value.name))?;
    let element_type = match tensor.elem_type {
        data_type::FLOAT => Some(ElementType::Float32),
        data_type::FLOAT16 => Some(ElementType::Float16),
        _ => None,
    };
    let refuse = || format!("input '{}' is {}, {EXPECTED}", value.name, describe(tensor));
    let element_type = element_type.ok_or_else(refuse)?;
    match *dimensions(tensor).as_slice() {
        [batch, None | Some(3), height, width] => {
            // What does not fit is above the limit below.
            let side = |side: Option<usize>| side.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
            let (width, height) = (side(width), side(height));
            let size = (width.unwrap_or(1), height.unwrap_or(1));
            check_input(size, batch).map_err(|limit| format!("{}, {limit}", refuse()))?;
            Ok(ModelInput {
                name: value.name.clone(),
                element_type,
                batch,
                width,
                height,
            })
        }
        _ => Err(refuse()),
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
