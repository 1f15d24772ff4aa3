//! TensorRT alone: how long a plan's batches take with nothing before or behind them, as a CUDA
//! graph and without. What pipelines are measured against.
#![expect(clippy::print_stdout, reason = "the result is for standard output")]

mod network;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use camweave_benches::gpu::{self, Missing};
use camweave_cuda::Context;
use camweave_tensorrt::{Engine, TensorRt};
use clap::Parser;
use serde::Serialize;

use network::Network;

/// Runs a TensorRT plan over sizes of batches; prints a table in Markdown.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// The plan, of this TensorRT and GPU
    plan: PathBuf,
    /// Batch sizes; those beyond the plan's profile are left out
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16, 32])]
    batches: Vec<u32>,
    /// Runs of each, of which the median is told
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    #[command(flatten)]
    gpu: gpu::Options,
}

/// Of one size of batch.
#[derive(Debug, Serialize)]
struct Row {
    batch: u32,
    /// Median of the device's time, in milliseconds.
    enqueue_ms: f32,
    /// The same as a CUDA graph; none where the engine cannot be captured.
    graph_ms: Option<f32>,
    /// By the quicker of both.
    frames_per_second: f32,
}

/// All of it.
#[derive(Debug, Serialize)]
struct Report {
    device: String,
    tensorrt: String,
    plan: PathBuf,
    rows: Vec<Row>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    options.gpu.run(|context| measure(&options, context))
}

fn measure(options: &Options, context: &Context) -> Result<Report> {
    context.bind()?;
    let tensorrt = TensorRt::load().map_err(|error| Missing(error.to_string()))?;
    let plan = std::fs::read(&options.plan).with_context(|| format!("read {:?}", options.plan))?;
    let engine = Engine::load(&tensorrt, &options.plan.display().to_string(), &plan)?;
    let mut network = Network::new(context, &engine)?;
    println!(
        "{context}, TensorRT {}; the device's time, median of {} runs\n",
        tensorrt.version(),
        options.runs
    );
    println!("| batch | enqueue ms | CUDA graph ms | frames/s |");
    println!("|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    for &batch in &options.batches {
        if !network.takes(batch) {
            continue;
        }
        let (enqueue_ms, graph_ms) = network.measure(batch, options.runs)?;
        let best = graph_ms.map_or(enqueue_ms, |graph| graph.min(enqueue_ms));
        let frames_per_second = batch as f32 * 1000.0 / best;
        let graph = graph_ms.map_or("none".to_owned(), |ms| format!("{ms:.3}"));
        println!("| {batch} | {enqueue_ms:.3} | {graph} | {frames_per_second:.0} |");
        rows.push(Row {
            batch,
            enqueue_ms,
            graph_ms,
            frames_per_second,
        });
    }
    ensure!(
        !rows.is_empty(),
        "the plan takes none of these batches: {:?}",
        options.batches
    );
    Ok(Report {
        device: context.to_string(),
        tensorrt: tensorrt.version().to_string(),
        plan: options.plan.clone(),
        rows,
    })
}
