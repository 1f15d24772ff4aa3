//! `camweave doctor`: what this machine has of what camweave can use.

mod cpu;
mod gpu;
mod library;
mod machine;
mod report;
mod show;

pub use gpu::mps_runs;

use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;
use crate::say::say;
use report::{Need, Report, State};

/// The options.
#[derive(Debug, Clone, Copy, Args)]
pub struct Options {
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// Looks at the machine and prints what there is.
///
/// # Errors
/// None: what is missing is a result. The exit code is 0 where the CPU graphs can run, else 4.
pub fn run(options: Options) -> Result<Exit, CliError> {
    let mut rows = gpu::rows();
    rows.extend(cpu::rows());
    rows.extend(machine::rows());
    let report = Report::new(rows);
    if options.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        say!("{json}");
    } else {
        crate::say::text(format_args!("{}", show::table(&report)))?;
    }
    Ok(if report.cpu {
        Exit::Success
    } else {
        Exit::Missing
    })
}

/// What the GPU graphs lack on this machine, in one line; `None` if nothing.
pub fn missing_for_gpu() -> Option<String> {
    let rows = gpu::rows();
    let lacking = rows
        .iter()
        .filter(|row| row.need == Need::Gpu && row.state != State::Ok)
        .map(|row| format!("{}: {}", row.name, row.found));
    let lines: Vec<String> = lacking.collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}
