//! `camweave model`: what a detector's file is taken for, and where to get one.

mod asked;
mod described_as;
mod get;

use camweave_model::{Family, settings_path};
use camweave_outdir::{FILE_MODE, replace};
use camweave_stage::Exit;
use clap::Subcommand;

use self::asked::{Options, ask};
use self::described_as::described_as;
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
        /// The kind of detector, where the file alone leaves several.
        #[arg(long, value_name = "NAME", value_parser = family)]
        family: Option<Family>,
    },
}

/// Runs a part of `camweave model`.
pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Get(options) => return get::run(options),
        Command::Show(options) => {
            let text = ask(options, "--show-model")?;
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
                Some(family) => described_as(options, *family)?,
                None => ask(options, "--describe-model")?,
            };
            replace(&path, text.as_bytes(), FILE_MODE)
                .map_err(|error| CliError::file("write", &path, &error))?;
            say!("{}", path.display());
        }
    }
    Ok(Exit::Success)
}

/// A kind of detector by the word for it.
fn family(word: &str) -> Result<Family, String> {
    serde_json::from_value(word.into()).map_err(|_| {
        let words = Family::ALL.map(Family::as_str);
        format!("expected one of {}", words.join(", "))
    })
}
