//! `camera-sim`: simulated RTSP cameras on the command line.
//!
//! Exit codes: 0 the run ended or was ended by a signal, 1 an expected failure said in one line,
//! 2 a wrong command line, 101 a bug.

mod cli;
mod serve;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cli::Command::Serve(options) = cli::Cli::parse().command;
    match serve::serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "camera-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
