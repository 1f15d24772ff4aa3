//! Where the graphs, the other programs and dora are.

use std::path::{Path, PathBuf};

use camweave_stage::Exit;

use crate::error::CliError;

/// The variable that names the dora command.
const DORA_VARIABLE: &str = "CAMWEAVE_DORA";

/// The workspace: the nearest folder above the current one, or above this program, that has the graphs.
pub fn workspace() -> Result<PathBuf, CliError> {
    let current = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    [current.as_deref(), program.as_deref()]
        .into_iter()
        .flatten()
        .flat_map(Path::ancestors)
        .find(|folder| folder.join("dataflows/cpu-batched.yml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| {
            CliError::new(
                Exit::Missing,
                "the folder 'dataflows' was looked for above the current folder and above this program, and not found; run camweave inside its checkout",
            )
        })
}

/// A program built beside this one.
pub fn sibling(name: &str) -> Result<PathBuf, CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::file("find", Path::new("this program"), &error))?;
    let path = program.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(CliError::new(
        Exit::Missing,
        format!(
            "'{}' is not there: build it with 'cargo build --release --workspace'",
            path.display()
        ),
    ))
}

/// The dora command.
pub fn dora() -> PathBuf {
    std::env::var_os(DORA_VARIABLE).map_or_else(|| PathBuf::from("dora"), PathBuf::from)
}
