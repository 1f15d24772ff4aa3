//! Where the graphs, the other programs and dora are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// The dora command: the one that `CAMWEAVE_DORA` names, else the one on the `PATH`, else the one that
/// `scripts/setup.sh` brings.
pub fn dora() -> PathBuf {
    const NAME: &str = "dora";
    if let Some(named) = std::env::var_os(DORA_VARIABLE) {
        return PathBuf::from(named);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).any(|folder| folder.join(NAME).is_file());
    let brought = workspace().map(|folder| folder.join(".cache/python/bin").join(NAME));
    match brought {
        Ok(brought) if !on_path && brought.is_file() => brought,
        _ => PathBuf::from(NAME),
    }
}

/// Whether dora can be started, before anything that takes time.
///
/// # Errors
/// It cannot.
pub fn check_dora() -> Result<(), CliError> {
    let program = dora();
    let started = Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    started.map(drop).map_err(|error| no_dora(&program, &error))
}

/// The error of a dora, or of its wrapper, that cannot be started.
pub fn no_dora(program: &Path, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Missing,
        format!(
            "cannot start '{}': {error}; install dora with scripts/setup.sh, or name it in {DORA_VARIABLE}",
            program.display()
        ),
    )
}
