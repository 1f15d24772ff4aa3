//! What decides how a model is described.

use crate::file::ModelFile;
use crate::places::Places;
use crate::settings::{ModelSettings, settings_path};

/// A line that says what to write, and where.
pub(crate) fn write(file: &ModelFile, line: &str) -> String {
    let path = settings_path(&file.path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("write '{line}' into {name}")
}

/// What decides.
pub(crate) struct Facts<'a> {
    pub file: &'a ModelFile,
    pub settings: &'a ModelSettings,
    /// Of one frame, without the batch and without sides of 1.
    pub shapes: Vec<Vec<usize>>,
    /// As they are.
    pub found: &'a [Vec<usize>],
    pub names: Option<Vec<String>>,
    pub size: (u32, u32),
    pub places: Places,
}
