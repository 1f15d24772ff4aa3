//! `camweave report`: what the scripts that measure make of their figures.

mod commits;
mod gpu;
mod optimization;
mod watch;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use clap::Subcommand;
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// What is reported.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// docs/OPTIMIZATION_SUMMARY.md, of the records of scripts/optimization-summary.sh
    #[command(subcommand)]
    OptimizationSummary(optimization::Command),
    /// What scripts/gpu-check.sh makes of the figures of its benchmarks
    #[command(subcommand)]
    Gpu(gpu::Command),
    /// Which benchmarks got slower from one commit to another, of the runs of scripts/bench-commits.sh
    Commits(commits::Options),
    /// The full names of the benchmarks in a list of divan's, which is read from standard input
    BenchmarkNames,
}

/// Reports.
///
/// # Errors
/// What makes it impossible.
pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::OptimizationSummary(command) => optimization::run(command),
        Command::Gpu(command) => gpu::run(command),
        Command::Commits(options) => commits::run(options),
        Command::BenchmarkNames => commits::names(),
    }
}

/// A file of JSON; `None` where it is not there.
fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CliError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::file("read", path, &error)),
    };
    let parsed = serde_json::from_slice(&text);
    parsed
        .map(Some)
        .map_err(|error| CliError::new(Exit::Input, format!("'{}': {error}", path.display())))
}

/// What is in a folder, by name; nothing where there is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let refuse = |error: &std::io::Error| CliError::file("list", folder, error);
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(|error| refuse(&error))?,
    };
    let paths = found.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refuse(&error))?;
    paths.sort();
    Ok(paths)
}
