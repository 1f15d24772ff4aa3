//! Results for programs, beside the tables for people.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Writes `value` as JSON; the folder is made.
///
/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, value: &impl Serialize) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("create {folder:?}"))?;
    }
    let text = serde_json::to_string_pretty(value)?;
    std::fs::write(file, text + "\n").with_context(|| format!("write {file:?}"))
}
