//! What a comparison leaves on disk.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use camweave_compare::{Comparison, report};
use camweave_outdir::Folder;
use camweave_stage::Exit;
use procfs::{CpuInfo, Current as _, LoadAverage, Meminfo};

use super::Options;
use crate::error::{self, CliError};
use crate::run::{Footage, Pace};
use crate::say::note;

/// What all runs have in common, for the reports.
pub fn settings(options: &Options, footage: &Footage) -> BTreeMap<String, String> {
    let mut settings = machine();
    let words: Vec<String> = std::env::args().skip(1).collect();
    settings.insert(
        "command".to_owned(),
        format!("camweave {}", words.join(" ")),
    );
    settings.insert("cameras".to_owned(), shown(footage));
    let warm_up = options.warm_up;
    settings.insert(
        "each run".to_owned(),
        format!("{} s after {warm_up} s of warm-up", options.seconds),
    );
    settings.insert("runs of each graph".to_owned(), options.repeat.to_string());
    if let Some(millis) = options.slices {
        settings.insert(
            "slices".to_owned(),
            format!(
                "at once, in turns of {millis} ms; {} s are each graph's own",
                options.seconds
            ),
        );
    }
    settings
}

fn shown(footage: &Footage) -> String {
    if let Some(own) = &footage.own {
        return format!("{} of '{}', live", own.ids.len(), own.file.display());
    }
    let what = if footage.files.is_empty() {
        format!("scenes of seed {} at {}", footage.seed, footage.size)
    } else {
        format!("{} files", footage.files.len())
    };
    match footage.pace {
        Pace::Live => format!(
            "{}, live over RTSP at {} frames/s each, {what}",
            footage.cameras, footage.fps
        ),
        Pace::Fast => format!(
            "{}, as fast as the graph returns frames (so the latency is that of a full queue), {what}",
            footage.cameras
        ),
    }
}

/// The machine: its processor, cores, memory, system, and how busy it was; with a GPU, its name
/// and whether MPS runs.
pub fn machine() -> BTreeMap<String, String> {
    const GIB: f64 = 1_073_741_824.0;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = CpuInfo::current().ok();
    let cpu = cpu.as_ref().and_then(|it| it.model_name(0));
    let cpu = cpu.unwrap_or("unknown");
    let memory = Meminfo::current().map_or(0.0, |it| it.mem_total as f64 / GIB);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel
        .split(['-', '\n'])
        .next()
        .unwrap_or_default()
        .to_owned();
    let load = LoadAverage::current().map_or_else(
        |_| "unknown".to_owned(),
        |it| format!("{:.2} {:.2} {:.2}", it.one, it.five, it.fifteen),
    );
    let mut found: BTreeMap<String, String> = [
        ("CPU", format!("{cpu}, {cores} cores")),
        ("memory", format!("{memory:.0} GiB")),
        ("kernel", format!("Linux {kernel}")),
        ("load average at the start", load),
        ("camweave", env!("CARGO_PKG_VERSION").to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(card) = crate::run::card() {
        found.insert("GPU".to_owned(), card);
        let mps = if crate::doctor::mps_runs() {
            "on"
        } else {
            "off"
        };
        found.insert("MPS".to_owned(), mps.to_owned());
    }
    found
}

/// Writes `summary.json`, `report.md` and `report.html`.
///
/// # Errors
/// The folder cannot be written, or the disk is full.
pub fn write(comparison: &Comparison, out: &Folder) -> Result<(), CliError> {
    let json = serde_json::to_string_pretty(comparison)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    for (name, text) in [
        ("summary.json", json),
        ("report.md", report::markdown(comparison)),
        ("report.html", report::html(comparison)),
    ] {
        error::write(out, name, text.as_bytes())?;
    }
    Ok(())
}

/// Merges the spans of the first run of each graph, by `camweave trace`. A trace that cannot be
/// written costs the trace, and not the comparison.
pub fn traces(out: &Folder, graphs: usize) -> Result<(), CliError> {
    for graph in 0..graphs {
        let letter = camweave_compare::comparison::letter(graph);
        let target = out.claim(&format!("{letter}.perfetto-trace"))?;
        let merged = std::env::current_exe().and_then(|program| {
            Command::new(program)
                .arg("trace")
                .arg(out.path().join(format!("{letter}-1/trace")))
                .arg("-o")
                .arg(&target)
                .stdout(Stdio::null())
                .status()
        });
        match merged {
            Ok(status) if status.success() => note!("trace: {}", target.display()),
            Ok(status) => note!("no trace of {letter} ({status}); the reason is above"),
            Err(error) => note!("no trace of {letter}: {error}"),
        }
    }
    Ok(())
}
