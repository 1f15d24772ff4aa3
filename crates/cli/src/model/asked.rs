//! The programs that run models are asked about one.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use camweave_model::{AnyFamily, Task, usage};
use camweave_runner::places::sibling;
use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;

/// What to describe.
#[derive(Debug, Args)]
pub struct Options {
    /// The ONNX file of a detector, or of a model that looks at detected objects.
    pub model: PathBuf,
    /// What runs it: auto, openvino, onnxruntime or rten.
    #[arg(long, default_value = "auto")]
    pub engine: String,
    /// Side of the square input in pixels, for a model with a dynamic one; 0: from the file.
    #[arg(long, default_value_t = 0)]
    pub size: u32,
}

/// What is asked about a model.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// What it is, and from what that is known.
    Show,
    /// The text for its `MODEL.yml`.
    Describe,
    /// The same, if it is of this family, whatever its `MODEL.yml` says.
    DescribeAs(AnyFamily),
}

/// What the program that runs models of its kind says of one.
pub(super) fn ask(options: &Options, question: Question) -> Result<String, CliError> {
    let task = match question {
        Question::Show | Question::Describe => usage(&options.model),
        Question::DescribeAs(family) => family.task(),
    };
    let (program, kind, size) = match task {
        Task::Detect => ("cpu-infer", "model", "SIZE"),
        Task::Classify => ("classify", "classifier", "CLASSIFIER_SIZE"),
    };
    let question = match question {
        Question::Show => vec![format!("--show-{kind}")],
        Question::Describe => vec![format!("--describe-{kind}")],
        Question::DescribeAs(family) => {
            vec![format!("--describe-{kind}-as"), family.to_string()]
        }
    };
    let program = sibling(program)?;
    let cannot = |error| CliError::file("run", &program, &error);
    let output = Process::new(&program)
        .args(question)
        .arg(variable("MODEL", &options.model))
        .arg(format!("ENGINE={}", options.engine))
        .arg(format!("{size}={}", options.size))
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
