//! NVIDIA's decoder alone: how many pictures a second for one and for many streams in one process,
//! each copied into a slot of a device pool, and how busy the engines are.
//!
//! Streams come from elementary files (H.264 or H.265, Annex B), such as
//! `ffmpeg -i FILE -c copy -bsf:v h264_mp4toannexb out.h264` makes; each is played again and again.
#![expect(clippy::print_stdout, reason = "the result is for standard output")]

mod busy;
mod play;
mod split;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use camweave_benches::gpu;
use camweave_cuda::Context;
use clap::Parser;
use serde::Serialize;

/// Decodes files as fast as the chip can; prints a table in Markdown.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Elementary streams that begin with a key frame: *.h264 or *.h265
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Numbers of streams to decode beside each other, one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 16, 32])]
    streams: Vec<usize>,
    /// Seconds of each measurement, after one to warm up
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    #[command(flatten)]
    gpu: gpu::Options,
}

/// One number of streams of one file.
#[derive(Debug, Serialize)]
struct Row {
    file: String,
    streams: usize,
    frames_per_second: f64,
    /// Milliseconds per frame, of all threads.
    cpu_ms: f64,
    /// Device memory per stream.
    memory_mib: f64,
    /// Share of the time in which the engines decoded, in percent.
    decoder_percent: Option<f64>,
    video_clock_mhz: Option<f64>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    options.gpu.run(|context| measure(&options, context))
}

fn measure(options: &Options, context: &Context) -> Result<Vec<Row>> {
    let busy = busy::Busy::open(context);
    println!("{context}\n");
    println!(
        "| file | streams | frames/s | per stream | CPU ms a frame | device MiB a stream | engines busy | video clock |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    for file in &options.files {
        let clip = split::Clip::read(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        for &streams in &options.streams {
            let seconds = Duration::from_secs(options.seconds);
            let found = play::measure(context, &clip, streams, seconds, &busy)?;
            let rate = found.frames_per_second;
            println!(
                "| {name} | {streams} | {rate:.0} | {:.0} | {:.3} | {:.0} | {} |",
                rate / streams as f64,
                found.cpu_ms,
                found.memory_mib,
                found.shares
            );
            rows.push(Row {
                file: name.to_string(),
                streams,
                frames_per_second: rate,
                cpu_ms: found.cpu_ms,
                memory_mib: found.memory_mib,
                decoder_percent: found.shares.known.as_ref().ok().map(|it| it.0),
                video_clock_mhz: found.shares.known.as_ref().ok().map(|it| it.1),
            });
        }
    }
    Ok(rows)
}
