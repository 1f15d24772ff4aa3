//! `camweave model`: what a model's file is taken for, and where to get a detector.

mod asked;
mod get;

use camweave_model::{AnyFamily, settings_path};
use camweave_outdir::{FILE_MODE, replace};
use camweave_stage::Exit;
use clap::Subcommand;

use self::asked::{Options, Question, ask};
use crate::error::CliError;
use crate::say::say;

/// The parts of `camweave model`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Get a detector by name, made on this machine with its maker's own tool.
    Get(get::Options),
    /// Run a model on pictures made for it, and print what it is taken for and why.
    Show(Options),
    /// Write what a model is taken for into MODEL.yml beside it, where it can be changed.
    Init {
        /// What to describe.
        #[command(flatten)]
        options: Options,
        /// Replace a MODEL.yml that is there.
        #[arg(long)]
        force: bool,
        /// The kind of model, where the file alone does not show it.
        #[arg(long, value_name = "NAME")]
        family: Option<AnyFamily>,
    },
}

/// Runs a part of `camweave model`.
pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Get(options) => return get::run(options),
        Command::Show(options) => {
            let text = ask(options, Question::Show)?;
            say!("{}", text.trim_end());
        }
        Command::Init {
            options,
            force,
            family,
        } => {
            let path = settings_path(&options.model);
            if path.exists() && !force {
                return Err(CliError::new(
                    Exit::Configuration,
                    format!(
                        "'{}' is there already: change it, or replace it with --force",
                        path.display()
                    ),
                ));
            }
            let text = match family {
                Some(family) => ask(options, Question::DescribeAs(*family))?,
                None => ask(options, Question::Describe)?,
            };
            replace(&path, text.as_bytes(), FILE_MODE)
                .map_err(|error| CliError::file("write", &path, &error))?;
            say!("{}", path.display());
        }
    }
    Ok(Exit::Success)
}
