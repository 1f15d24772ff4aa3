//! The pipeline against the bare engine: how much of what the cores can infer arrives as detections.
#![expect(clippy::print_stdout, reason = "prints its results")]

mod bare;
mod compare;
mod graph;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// The pipeline's throughput against the bare engine's, on the same cores.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The engine alone, on frames of the clips that were letterboxed before: prints a line of JSON
    Bare(Workload),
    /// Both in turn, A B B A: prints a table
    Compare(compare::Options),
}

/// What is inferred, and how.
#[derive(Debug, Clone, Args)]
pub struct Workload {
    /// The detector's ONNX file
    #[arg(long)]
    model: PathBuf,
    /// auto, openvino, onnxruntime or rten
    #[arg(long, default_value = "rten")]
    engine: String,
    /// Threads of one inference, 0 for all cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Frames of one inference
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Seconds before the measurement
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// Seconds of the measurement
    #[arg(long, default_value_t = 15.0)]
    seconds: f64,
    /// The clips; each is a camera
    #[arg(required = true)]
    clips: Vec<PathBuf>,
}

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Bare(workload) => {
            println!("{}", serde_json::to_string(&bare::measure(&workload)?)?);
            Ok(())
        }
        Command::Compare(options) => compare::run(&options),
    }
}
