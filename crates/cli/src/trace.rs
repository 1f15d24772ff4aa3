//! `camweave trace`: the spans of all processes of a run as one file for Perfetto.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use camweave_outdir::Folder;
use camweave_stage::Exit;
use camweave_trace::{Merged, TraceError, gather, merge};

use crate::error::CliError;
use crate::say::{note, say};

/// The trace's name in the folder of the spans.
const DEFAULT_NAME: &str = "trace.perfetto-trace";

/// What `camweave trace` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder with the span files (*.spans), or the run's folder that contains `trace`.
    pub folder: PathBuf,
    /// The trace [default: trace.perfetto-trace in the folder].
    #[arg(short, long)]
    pub output: Option<PathBuf>,
}

/// A trace that was written.
#[derive(Debug)]
pub struct Written {
    /// What went into it.
    pub merged: Merged,
    /// A line for each file of which something was left out.
    pub complaints: Vec<String>,
}

fn refused(error: &TraceError) -> CliError {
    let exit = match error {
        TraceError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => Exit::Resource,
        _ => Exit::Input,
    };
    CliError::new(exit, error.to_string())
}

/// Writes the trace of the spans in `folder` to `output`.
///
/// # Errors
/// There are no spans, they are of two boots, or the trace cannot be written.
pub fn write(folder: &Path, output: &Path) -> Result<Written, CliError> {
    let gathered = gather(folder).map_err(|error| refused(&error))?;
    let merged = merge(&gathered.files, output).map_err(|error| refused(&error))?;
    let mut complaints = gathered.complaints;
    if merged.cut > 0 {
        complaints.push(format!(
            "{} spans did not nest in the enclosing span and were clipped to it",
            merged.cut
        ));
    }
    Ok(Written { merged, complaints })
}

/// Runs `camweave trace`.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let output = match &options.output {
        Some(output) => output.clone(),
        // A name that nobody has asked for is only camweave's if camweave has given it.
        None => Folder::open(&options.folder)?.claim(DEFAULT_NAME)?,
    };
    let Written { merged, complaints } = write(&options.folder, &output)?;
    for line in complaints {
        note!("warning: {line}");
    }
    say!(
        "'{}': {} processes, {} spans about {} frames, {} frames dropped, {:.1} s; open it in https://ui.perfetto.dev",
        output.display(),
        merged.processes,
        merged.spans,
        merged.frames,
        merged.dropped,
        merged.seconds
    );
    Ok(Exit::Success)
}
