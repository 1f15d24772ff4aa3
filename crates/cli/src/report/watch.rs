//! Memory of a long run, from outside: what is measured is whether it is ever late.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camweave_compare::targets::Sample;
use camweave_outdir::{FILE_MODE, replace};
use camweave_runner::{parent, private_mib, wait_until};
use camweave_stage::Exit;
use camweave_telemetry::{clock, read_reports};

use crate::error::CliError;

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So long the driver may take for its answer.
const DRIVER_AT_MOST: Duration = Duration::from_secs(10);

pub fn run(stats: &Path, file: &Path) -> Result<(), CliError> {
    let mut samples = Vec::new();
    loop {
        samples.extend(look(stats));
        let text = serde_json::to_vec(&samples)
            .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        replace(file, &text, FILE_MODE).map_err(|error| CliError::file("write", file, &error))?;
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The memory of the processes of a run now; `None` where none of them runs.
fn look(stats: &Path) -> Option<Sample> {
    let mut processes_mib: BTreeMap<String, f64> = BTreeMap::new();
    for (process, name) in processes(stats) {
        if let Some(mib) = private_mib(process) {
            *processes_mib.entry(name).or_default() += mib;
        }
    }
    (!processes_mib.is_empty()).then(|| Sample {
        unix_seconds: clock::unix_nanos() as f64 / 1e9,
        host_mib: Some(processes_mib.values().sum()),
        processes_mib,
        device_mib: device_mib(),
    })
}

/// The nodes' processes, and dora, which has started them.
fn processes(stats: &Path) -> BTreeMap<u32, String> {
    let mut nodes: BTreeMap<u32, String> = BTreeMap::new();
    for report in read_reports(stats).unwrap_or_default() {
        let name = nodes
            .entry(report.process_id)
            .or_insert_with(|| report.stage.clone());
        // The stages of a fused node begin with its own name.
        if report.stage.len() < name.len() {
            *name = report.stage;
        }
    }
    let parents: Vec<u32> = nodes.keys().filter_map(|it| parent(*it)).collect();
    for parent in parents.into_iter().filter(|parent| *parent > 1) {
        nodes.entry(parent).or_insert_with(|| "dora".to_owned());
    }
    nodes
}

fn device_mib() -> Option<f64> {
    let mut child = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.used"])
        .args(["--format=csv,noheader,nounits", "--id=0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Its line is shorter than a pipe, so it ends without a reader; a driver that hangs never does.
    if wait_until(&mut child, Instant::now() + DRIVER_AT_MOST).is_none() {
        drop(child.kill());
    }
    let output = child.wait_with_output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use camweave_telemetry::{StageReport, StatsFile};

    use super::*;

    #[test]
    fn a_fused_node_has_its_own_name_and_its_parent_is_dora() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(look(folder.path()), None);
        for stage in ["detect.infer", "detect"] {
            let report = StageReport {
                stage: stage.to_owned(),
                process_id: std::process::id(),
                ..StageReport::default()
            };
            let file = StatsFile::open(folder.path(), stage).expect("a folder");
            file.write(&report).expect("writable");
        }
        let sample = look(folder.path()).expect("this process runs");
        let names: Vec<&str> = sample.processes_mib.keys().map(String::as_str).collect();
        assert_eq!(names, ["detect", "dora"]);
        assert!(sample.host_mib > Some(1.0), "{sample:?}");
    }
}
