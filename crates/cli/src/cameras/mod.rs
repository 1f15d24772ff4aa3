//! `camweave cameras`: what a cameras.yml says, or what is wrong with it; and its changes.

mod change;
mod find;
mod ids;
mod login;
mod reach;
mod secrets;
mod test;

use std::path::{Path, PathBuf};

use camweave_cameras::Areas;
use camweave_stage::Exit;
use clap::{Args, Subcommand};

pub use find::{Chosen, Search, choose, entries, show_found};
pub use reach::checked;

use crate::error::CliError;
use crate::say::say;

/// What is to be done.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file to check and list.
    #[arg(required = true)]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a camera; a running graph connects to it within a second.
    Add(change::Add),
    /// Remove a camera.
    Remove {
        /// The cameras.yml.
        file: PathBuf,
        /// The camera.
        id: String,
    },
    /// Set or unset fields of a camera.
    Set(change::Set),
    /// Look for cameras on the local network (ONVIF), list their streams, and add them.
    Find(find::Options),
    /// Connect to a camera, and show what it sends and what is unusual about it.
    Test(test::Options),
}

/// Does what the command line asks for.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    match (&options.command, &options.file) {
        (Some(Command::Add(options)), _) => change::add(options),
        (Some(Command::Remove { file, id }), _) => change::remove(file, id),
        (Some(Command::Set(options)), _) => change::set(options),
        (Some(Command::Find(options)), _) => find::run(options),
        (Some(Command::Test(options)), _) => test::run(options),
        (None, Some(file)) => check(file),
        (None, None) => Err(CliError::new(
            Exit::Configuration,
            "no file, expected a cameras.yml".to_owned(),
        )),
    }
}

/// Prints the cameras of `file`, without credentials.
fn check(file: &Path) -> Result<Exit, CliError> {
    let cameras = camweave_cameras::load(file)
        .map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
    for camera in &cameras {
        let record = camera.record.as_ref();
        let has_login =
            camera.credentials.is_some() || record.is_some_and(|it| it.credentials.is_some());
        let login = if has_login { ", with credentials" } else { "" };
        let areas = shown(&camera.areas);
        let record = record.map_or_else(String::new, |it| format!(", recorded from {}", it.url));
        say!("{:<16} {}{record}{login}{areas}", camera.id, camera.url);
    }
    say!("{} cameras", cameras.len());
    secrets::warn(file);
    Ok(Exit::Success)
}

fn shown(areas: &Areas) -> String {
    let mut text = String::new();
    if let Some(region) = areas.region {
        text += &format!(", region {:?}", region.edges());
    }
    match areas.ignored.polygons().len() {
        0 => {}
        1 => text += ", 1 ignored area",
        count => text += &format!(", {count} ignored areas"),
    }
    text
}
