//! Reading what scripts have measured.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// A file of JSON; `None` where it is not there.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CliError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::file("read", path, &error)),
    };
    let parsed = serde_json::from_slice(&text);
    parsed
        .map(Some)
        .map_err(|error| CliError::new(Exit::Input, format!("'{}': {error}", path.display())))
}

/// What is in a folder, by name; nothing where there is no folder.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let refuse = |error: &std::io::Error| CliError::file("list", folder, error);
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(|error| refuse(&error))?,
    };
    let paths = found.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refuse(&error))?;
    paths.sort();
    Ok(paths)
}
