//! What the benchmarks of one GPU share: their options, and how they end without one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use camweave_cuda::Context;
use clap::Args;
use serde::Serialize;

use crate::json;

/// Options of each of them.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of the CUDA device
    #[arg(long, default_value_t = 0)]
    device: u32,
    /// Also write the table as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a benchmark needs is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

impl Options {
    /// Runs `benchmark` on the device, and writes what it returns where a file is wanted.
    ///
    /// # Errors
    /// Those of the device, of the benchmark and of the file, but for [`Missing`], which is printed
    /// and has an exit code.
    #[expect(clippy::print_stdout, reason = "the result is for standard output")]
    pub fn run<T: Serialize>(
        &self,
        benchmark: impl FnOnce(&Context) -> Result<T>,
    ) -> Result<ExitCode> {
        const MISSING: u8 = 4;
        match self.measure(benchmark) {
            Err(error) if error.is::<Missing>() => {
                println!("error: {error}");
                Ok(ExitCode::from(MISSING))
            }
            result => result.map(|()| ExitCode::SUCCESS),
        }
    }

    fn measure<T: Serialize>(&self, benchmark: impl FnOnce(&Context) -> Result<T>) -> Result<()> {
        if let Some(line) = camweave_cuda::missing() {
            return Err(Missing(line).into());
        }
        let result = benchmark(&Context::open(self.device)?)?;
        self.json
            .as_ref()
            .map_or(Ok(()), |file| json::write(file, &result))
    }
}
