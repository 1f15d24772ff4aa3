//! Where the checkout, the other programs and dora are.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camweave_stage::Exit;
use rustix::process::geteuid;

use crate::RunError;

/// The variable that names the dora command.
const DORA_VARIABLE: &str = "CAMWEAVE_DORA";

/// The checkout: the nearest folder above this program, or else above the current one, that is one.
/// Programs that were installed need none. Above the current folder, only the user's own counts: what
/// is in a checkout is run, and others may make folders in some that are above.
#[must_use]
pub fn checkout() -> Option<PathBuf> {
    let nearest = |path: &Path| {
        let is_checkout = |folder: &&Path| {
            ["dataflows/cpu-batched.yml", "crates/cli/Cargo.toml"]
                .iter()
                .all(|file| folder.join(file).is_file())
        };
        path.ancestors().find(is_checkout).map(Path::to_owned)
    };
    let above = |path: std::io::Result<PathBuf>| nearest(&path.ok()?);
    above(std::env::current_exe()).or_else(|| {
        let found = above(std::env::current_dir())?;
        let owner = std::fs::metadata(found.join("dataflows/cpu-batched.yml"))
            .ok()?
            .uid();
        (owner == geteuid().as_raw()).then_some(found)
    })
}

/// A program built or installed beside this one.
///
/// # Errors
/// It is not there.
pub fn sibling(name: &str) -> Result<PathBuf, RunError> {
    let program = std::env::current_exe()
        .map_err(|error| RunError::file("find", Path::new("this program"), &error))?;
    let path = program.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(RunError::new(
        Exit::Missing,
        format!(
            "'{}' not found: in a checkout, build it with 'cargo build --release --workspace'; otherwise install all programs into one folder",
            path.display()
        ),
    ))
}

/// The dora command: the one that `CAMWEAVE_DORA` names, else the one that was installed beside this
/// program, else the one on the `PATH`, else the one that `scripts/setup.sh` brings.
#[must_use]
pub fn dora() -> PathBuf {
    const NAME: &str = "dora";
    if let Some(named) = std::env::var_os(DORA_VARIABLE) {
        return PathBuf::from(named);
    }
    if let Ok(beside) = sibling(NAME) {
        return beside;
    }
    let brought = checkout().map(|folder| folder.join(".cache/python/bin").join(NAME));
    match brought.filter(|program| program.is_file()) {
        Some(brought) if on_path(NAME).is_none() => brought,
        _ => PathBuf::from(NAME),
    }
}

/// Whether dora can be started, before anything that takes time.
///
/// # Errors
/// It cannot.
pub fn check_dora() -> Result<(), RunError> {
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
pub(crate) fn no_dora(program: &Path, error: &std::io::Error) -> RunError {
    RunError::new(
        Exit::Missing,
        format!(
            "cannot start '{}': {error}; install dora with scripts/setup.sh or from PyPI (dora-rs-cli==1.1.0), or name it in {DORA_VARIABLE}",
            program.display()
        ),
    )
}

/// The program of this name, where the shell would find it.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}
