//! `camweave bench`: frames per second, over numbers of cameras, sizes of batches or kinds of spans.

mod batch;
mod cameras;
mod fps;
mod load;
mod series;
mod tracing;

use camweave_stage::Exit;
use clap::Subcommand;

use crate::error::CliError;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One camera against several: per camera, combined, and what each camera loses
    Fps(Box<fps::Options>),
    /// One inference per frame against batches of several sizes
    Batch(Box<batch::Options>),
    /// Live cameras that send less than the graph can process, as much, and more
    Load(Box<load::Options>),
    /// How many live cameras the graph can handle
    Cameras(Box<cameras::Options>),
    /// The same graph with spans off, in reports, and in a trace
    Tracing(Box<tracing::Options>),
}

/// Measures.
///
/// # Errors
/// What makes it impossible; or a run that ended early, which is in the results all the same.
pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Fps(options) => fps::run(options),
        Command::Batch(options) => batch::run(options),
        Command::Cameras(options) => cameras::run(options),
        Command::Load(options) => load::run(options),
        Command::Tracing(options) => tracing::run(options),
    }
}
