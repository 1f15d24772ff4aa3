//! What a program does that was started to open a model, and to end.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use camweave_detect::infer::model_error;
use camweave_infer::{MAX_LINE, NetworkOptions, use_program};
use camweave_model::{Task, classifier_text};
use camweave_stage::{Declared, Settings, StageError};

use crate::network::{Network, TRIAL};
use crate::settings::ClassifySettings;

/// What a program is started with that opens the model of the settings behind it (`NAME=VALUE`),
/// prints what it is, line by line, and ends.
const SHOW: &str = "--show-classifier";
/// The same, of the text for `MODEL.yml`.
const DESCRIBE: &str = "--describe-classifier";
/// The same, of a model of the family in the next argument, whatever its `MODEL.yml` says.
const DESCRIBE_AS: &str = "--describe-classifier-as";

/// To be called first by the `main` of a program that opens models. `Some`: the program was started
/// to try or to show one, which is done.
#[must_use]
pub fn answer() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let is = |argument: &str| first.as_ref().is_some_and(|first| first == argument);
    if !is(TRIAL.argument) {
        // The file of this process, even if another has taken its place meanwhile.
        use_program(PathBuf::from("/proc/self/exe"));
    }
    let text = if is(TRIAL.argument) {
        let tried = TRIAL.answer(&arguments.collect::<Vec<_>>());
        tried.map(|()| String::new())
    } else if is(SHOW) {
        shown(arguments)
    } else if is(DESCRIBE) {
        described(None, arguments)
    } else if is(DESCRIBE_AS) {
        let family = arguments.next().unwrap_or_default();
        described(Some(&family.to_string_lossy()), arguments)
    } else {
        return None;
    };
    let (text, code) = match &text {
        Ok(text) => (text.as_bytes(), ExitCode::SUCCESS),
        Err(error) => {
            let line = error.message.as_bytes();
            (&line[..line.len().min(MAX_LINE)], error.exit.into())
        }
    };
    let written = std::io::stdout().write_all(text);
    Some(match written {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    })
}

fn options(
    family: Option<&str>,
    variables: impl Iterator<Item = OsString>,
) -> Result<NetworkOptions, StageError> {
    let settings = ClassifySettings::read(&Declared::of_arguments(variables)?)?;
    Ok(NetworkOptions {
        family: family.map(str::to_owned),
        ..settings.network()
    })
}

fn shown(variables: impl Iterator<Item = OsString>) -> Result<String, StageError> {
    let network = Network::open(&options(None, variables)?)?;
    let (engine, reason) = network.engine_choice();
    let (width, height) = network.size();
    let batch = match network.fixed_batch() {
        None => "any".to_owned(),
        Some(batch) => batch.to_string(),
    };
    let mut lines = vec![
        format!("model: {}", network.id()),
        "use: looks at objects, in the nodes classify and trt-classify".to_owned(),
        format!("size: {width}x{height}, batch: {batch}"),
        format!("engine: {engine} ({reason})"),
    ];
    lines.extend(network.classifier().lines());
    let warnings = network.classifier().warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning: {warning}")));
    Ok(lines.join("\n") + "\n")
}

fn described(
    family: Option<&str>,
    variables: impl Iterator<Item = OsString>,
) -> Result<String, StageError> {
    let options = options(family, variables)?;
    let network = Network::open(&options)?;
    let file = options.read(Task::Classify);
    let file = file.map_err(|error| model_error(&error))?;
    Ok(classifier_text(&file, network.classifier()))
}
