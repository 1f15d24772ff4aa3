//! The size of a network's input.

use crate::error::ModelError;
use crate::file::{ModelFile, check_input};

/// Width and height of the network's input in pixels: what the file fixes, else the square of
/// `side` (0: none asked for), else what the exporter says. `option` is how people set `side`.
///
/// # Errors
/// `side` contradicts the file or its stride, nothing says the size, or it is beyond the limits of
/// inputs.
pub fn input_size(file: &ModelFile, side: u32, option: &str) -> Result<(u32, u32), ModelError> {
    // Of a detector the coarsest of the usual grids.
    size_of_stride(file, side, option, file.metadata.stride.unwrap_or(32))
}

/// As [`input_size`], of a model that looks at one object: where its file says no stride, it has none.
///
/// # Errors
/// As [`input_size`].
pub fn crop_size(file: &ModelFile, side: u32, option: &str) -> Result<(u32, u32), ModelError> {
    size_of_stride(file, side, option, file.metadata.stride.unwrap_or(1))
}

fn size_of_stride(
    file: &ModelFile,
    side: u32,
    option: &str,
    stride: u32,
) -> Result<(u32, u32), ModelError> {
    let path = file.path.display();
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
