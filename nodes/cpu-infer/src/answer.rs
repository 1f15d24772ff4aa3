//! What a program does that was started to open a model, and to end.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use camweave_detect::infer::{RENDERED_STREETS, model_error};
use camweave_infer::{MAX_LINE, NetworkOptions, use_program};
use camweave_model::{Task, settings_text};
use camweave_stage::{Declared, Settings, StageError};

use crate::network::{Batching, Network, TRIAL};
use crate::settings::CpuInferSettings;

/// What a program is started with that opens the model of the settings behind it (`NAME=VALUE`) and
/// ends: then the engine is chosen, and a node that starts later need not measure.
const CHOOSE: &str = "--choose-engine";

/// What a program is started with that opens the model of the settings behind it, prints what it is,
/// line by line, and ends.
const SHOW: &str = "--show-model";
/// The same, of the text for `MODEL.yml`.
const DESCRIBE: &str = "--describe-model";
/// The same, of a model of the family in the next argument, whatever its `MODEL.yml` says.
const DESCRIBE_AS: &str = "--describe-model-as";

/// To be called first by the `main` of a program that opens models. `Some`: the program was started
/// to try one, which is done.
#[must_use]
pub fn answer() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let is = |argument: &str| first.as_ref().is_some_and(|first| first == argument);
    if !is(TRIAL.argument) {
        // The file of this process, even if another has taken its place meanwhile.
        use_program(PathBuf::from("/proc/self/exe"));
    }
    let result = if is(TRIAL.argument) {
        TRIAL.answer(&arguments.collect::<Vec<_>>())
    } else if is(CHOOSE) {
        choose(arguments)
    } else if is(SHOW) {
        show(arguments)
    } else if is(DESCRIBE) {
        describe(None, arguments)
    } else if is(DESCRIBE_AS) {
        let family = arguments.next().unwrap_or_default();
        describe(Some(&family.to_string_lossy()), arguments)
    } else {
        return None;
    };
    let Err(error) = result else {
        return Some(ExitCode::SUCCESS);
    };
    let line = error.message.as_bytes();
    let _ = std::io::stdout().write_all(&line[..line.len().min(MAX_LINE)]);
    Some(error.exit.into())
}

fn choose(variables: impl Iterator<Item = OsString>) -> Result<(), StageError> {
    open(variables).map(drop)
}

fn open(variables: impl Iterator<Item = OsString>) -> Result<Network, StageError> {
    let declared = Declared::of_arguments(variables)?;
    Network::open(&CpuInferSettings::read(&declared)?.detector())
}

fn show(variables: impl Iterator<Item = OsString>) -> Result<(), StageError> {
    let network = open(variables)?;
    let (engine, reason) = network.engine_choice();
    let ((width, height), description) = (network.model().size, network.description());
    let batch = match network.batching() {
        Batching::Dynamic => "any".to_owned(),
        Batching::Fixed(batch) => batch.to_string(),
    };
    let mut lines = vec![
        format!("model: {}", network.model().id),
        format!("size: {width}x{height}, batch: {batch}"),
        format!("engine: {engine} ({reason})"),
    ];
    lines.extend(description.lines());
    let warnings = description.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning: {warning}")));
    if network.model().is_of_rendered_streets {
        lines.push(format!("warning: {RENDERED_STREETS}"));
    }
    print(&(lines.join("\n") + "\n"))
}

fn describe(
    family: Option<&str>,
    variables: impl Iterator<Item = OsString>,
) -> Result<(), StageError> {
    let declared = Declared::of_arguments(variables)?;
    let options = NetworkOptions {
        family: family.map(str::to_owned),
        ..CpuInferSettings::read(&declared)?.detector()
    };
    let network = Network::open(&options)?;
    let file = options.read(Task::Detect);
    let file = file.map_err(|error| model_error(&error))?;
    print(&settings_text(&file, network.description()))
}

fn print(text: &str) -> Result<(), StageError> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| StageError::resource(format!("cannot write: {error}")))
}
