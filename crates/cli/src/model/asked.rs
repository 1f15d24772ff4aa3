//! The program that runs models is asked about one.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use camweave_runner::places::sibling;
use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;

/// What to describe.
#[derive(Debug, Args)]
pub struct Options {
    /// A detector's ONNX file.
    pub model: PathBuf,
    /// What runs it: auto, openvino, onnxruntime or rten.
    #[arg(long, default_value = "auto")]
    pub engine: String,
    /// Side of the square input in pixels, for a model with a dynamic one; 0: from the file.
    #[arg(long, default_value_t = 0)]
    pub size: u32,
}

/// What the program that runs models says of one.
pub(super) fn ask(options: &Options, question: &str) -> Result<String, CliError> {
    let program = sibling("cpu-infer")?;
    let cannot = |error| CliError::file("run", &program, &error);
    let output = Process::new(&program)
        .arg(question)
        .arg(variable("MODEL", &options.model))
        .arg(format!("ENGINE={}", options.engine))
        .arg(format!("SIZE={}", options.size))
        .stdin(Stdio::null())
        .output()
        .map_err(cannot)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let exits = [
        Exit::Configuration,
        Exit::Input,
        Exit::Missing,
        Exit::Resource,
    ];
    let code = output.status.code();
    let exit = exits.into_iter().find(|exit| code == Some(*exit as i32));
    Err(CliError::new(exit.unwrap_or(Exit::Internal), text))
}

fn variable(name: &str, path: &Path) -> std::ffi::OsString {
    let mut variable = std::ffi::OsString::from(format!("{name}="));
    variable.push(path);
    variable
}
