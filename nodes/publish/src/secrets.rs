//! Secrets: from files and the environment, never from the graph, which dora shows to whoever asks.

use std::path::{Path, PathBuf};

use camweave_redact::Secret;
use camweave_stage::StageError;

/// A secret's file is longer than no password: so much is read of it at most.
const FILE_BYTES: u64 = 64 << 10;

pub(crate) fn is_set(file: &Option<PathBuf>, variable: &Option<String>) -> bool {
    file.is_some() || variable.is_some()
}

/// The secret that the settings `<name>_FILE` or `<name>_VARIABLE` name.
///
/// # Errors
/// The file cannot be read, the variable is not set, or there is nothing in it.
pub(crate) fn read(
    name: &str,
    file: Option<&Path>,
    variable: Option<&str>,
) -> Result<Option<Secret>, StageError> {
    if let Some(file) = file {
        return read_file(&format!("{name}_FILE"), file).map(Some);
    }
    let Some(variable) = variable else {
        return Ok(None);
    };
    let wrong = |what: &str| {
        StageError::configuration(format!(
            "env {name}_VARIABLE='{}': {what}",
            camweave_redact::printable(variable)
        ))
    };
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(Some(Secret::from(value))),
        Ok(_) => Err(wrong("that variable is empty")),
        Err(std::env::VarError::NotPresent) => Err(wrong(
            "there is no such variable in the environment of dora",
        )),
        Err(std::env::VarError::NotUnicode(_)) => Err(wrong("that variable is not UTF-8")),
    }
}

/// The secret in a file, without the line feed at its end.
///
/// # Errors
/// The file cannot be read, or there is nothing in it.
pub(crate) fn read_file(name: &str, file: &Path) -> Result<Secret, StageError> {
    let wrong = |what: String| {
        StageError::configuration(format!("env {name}='{}': {what}", file.display()))
    };
    let bytes = camweave_outdir::read_bounded(file, FILE_BYTES);
    let text = String::from_utf8(bytes.map_err(|error| wrong(error.to_string()))?);
    let Ok(text) = text.map(Secret::from) else {
        return Err(wrong("it is not UTF-8".to_owned()));
    };
    let line = text.expose().trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(Secret::from(line.to_owned()))
}
