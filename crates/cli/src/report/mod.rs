//! `camweave report`: what the scripts that measure make of their figures.

mod commits;
mod files;
mod gpu;
mod optimization;
mod watch;

use camweave_stage::Exit;
use clap::Subcommand;

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
