//! What kind of detector a model is.

use camweave_vision::HeadFormat;

use crate::error::ModelError;
use crate::file::{ModelFile, check_input};
use crate::size::MAX_HEAD_BYTES;

/// Width and height of the network's input in pixels: what the file fixes, else the square of
/// `side` (0: none asked for), else what the exporter says. `option` is how people set `side`.
///
/// # Errors
/// `side` contradicts the file or its stride, nothing says the size, or it is beyond the limits of
/// inputs.
pub fn input_size(file: &ModelFile, side: u32, option: &str) -> Result<(u32, u32), ModelError> {
    let path = file.path.display();
    let stride = file.metadata.stride.unwrap_or(32);
    if side > 0 && !side.is_multiple_of(stride) {
        return Err(ModelError::option(format!(
            "{option}='{side}', expected a multiple of the stride of model '{path}', {stride}"
        )));
    }
    for (name, fixed) in [("width", file.input.width), ("height", file.input.height)] {
        if let Some(fixed) = fixed.filter(|fixed| side > 0 && *fixed != side) {
            return Err(ModelError::option(format!(
                "{option}='{side}', expected 0 or {fixed}: the input of model '{path}' has a fixed {name}"
            )));
        }
    }
    let asked = (side > 0).then_some((side, side)).or(file.metadata.size);
    let width = file.input.width.or(asked.map(|size| size.0));
    let height = file.input.height.or(asked.map(|size| size.1));
    let size = width.zip(height).ok_or_else(|| {
        ModelError::option(format!(
            "{option}='0', expected the side of the input in pixels: the input of model '{path}' is dynamic, and it has no metadata 'imgsz'"
        ))
    })?;
    check_input(size, file.input.batch).map_err(|limit| match side {
        0 => ModelError::file(format!(
            "model '{path}': its metadata 'imgsz' makes its input {}x{}, expected one {limit}",
            size.0, size.1
        )),
        _ => ModelError::option(format!(
            "{option}='{side}', expected an input {limit} (model '{path}')"
        )),
    })?;
    Ok(size)
}

/// The format that an output's shape, `[batch, ...]`, shows; `names` are the file's class names.
///
/// # Errors
/// In words that complete 'model ...: '.
pub fn head_layout(
    shape: &[usize],
    batch: usize,
    names: Option<&[String]>,
) -> Result<HeadFormat, String> {
    let frame = shape.get(1..).unwrap_or_default().iter();
    let bytes = frame.fold(4_u64, |bytes, &size| bytes.saturating_mul(size as u64));
    if bytes > MAX_HEAD_BYTES {
        return Err(format!(
            "output of shape {shape:?}, expected at most {MAX_HEAD_BYTES} bytes for a frame"
        ));
    }
    let sizes: Vec<_> = shape.iter().map(|size| Some(*size)).collect();
    let count = names.map(<[String]>::len);
    let format = HeadFormat::from_shape(&sizes, count).map_err(|error| {
        match (count, HeadFormat::from_shape(&sizes, None)) {
            (Some(count), Ok(format)) if let Some(classes) = format.classes() => format!(
                "metadata 'names' has {count} classes, its output {shape:?} has {classes}, expected the same number"
            ),
            _ => error.to_string(),
        }
    })?;
    if shape.len() != 3 || shape.first() != Some(&batch) {
        return Err(format!(
            "output of shape {shape:?} for {batch} frames, expected [{batch}, 4 + classes, anchors] (YOLOv8) or [{batch}, detections, 6] (end to end)"
        ));
    }
    Ok(format)
}
