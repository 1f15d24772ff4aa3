//! `camweave rules`: what a rules.yml says, or what is wrong with it.

use std::path::PathBuf;

use camweave_rules::Rule;
use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;
use crate::say::{note, say};

/// What is to be done.
#[derive(Debug, Args)]
pub struct Options {
    /// The file to check and list.
    file: PathBuf,
    /// Check as well that the cameras that it names are in this cameras.yml.
    #[arg(long, value_name = "CAMERAS.YML")]
    cameras: Option<PathBuf>,
}

/// Prints the rules of a file.
///
/// # Errors
/// The file cannot be used, or names a camera that there is not.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let refused = |error: String| CliError::new(Exit::Configuration, error);
    let rules = camweave_rules::load(&options.file).map_err(|it| refused(it.to_string()))?;
    for rule in &rules.0 {
        say!("{}", line(rule));
    }
    let Some(path) = &options.cameras else {
        return Ok(Exit::Success);
    };
    let cameras = camweave_cameras::load(path).map_err(|it| refused(it.to_string()))?;
    let mut exit = Exit::Success;
    for rule in &rules.0 {
        let is_known = |id: &&String| cameras.iter().any(|camera| camera.id == **id);
        for id in rule.cameras.iter().filter(|id| !is_known(id)) {
            note!(
                "rule '{}' is for camera '{id}', which is not in '{}'",
                rule.name,
                path.display()
            );
            exit = Exit::Configuration;
        }
    }
    Ok(exit)
}

fn line(rule: &Rule) -> String {
    let kind = rule.kind_name();
    let list = |names: &[String], all: &str| match names {
        [] => all.to_owned(),
        names => names.join(", "),
    };
    let cameras = list(&rule.cameras, "all cameras");
    let objects = list(&rule.objects, "all objects");
    format!("{:<16} {kind:<10} {cameras}: {objects}", rule.name)
}
