use std::fs;
use std::path::{Path, PathBuf};

use camweave_compare::optimization::{DEVICES, NAMES, Records, document, without_runs};
use camweave_stage::Exit;
use clap::Subcommand;
use serde_json::Value;

use super::files::load;
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the records of a device without their single runs
    Keep {
        /// The folder with what was measured
        from: PathBuf,
        /// The folder of the device's records
        to: PathBuf,
    },
    /// Write the document
    Write {
        /// The folder with the records of each device
        records: PathBuf,
        /// The document
        document: PathBuf,
    },
}

pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Keep { from, to } => keep(from, to)?,
        Command::Write {
            records,
            document: path,
        } => {
            let mut read_of = Vec::new();
            for (device, _) in DEVICES {
                read_of.push(read(&records.join(device))?);
            }
            let text = document(&read_of);
            let text = text.map_err(|error| CliError::new(Exit::Input, error))?;
            write(path, &text)?;
        }
    }
    Ok(Exit::Success)
}

fn keep(from: &Path, to: &Path) -> Result<(), CliError> {
    for name in NAMES.map(|name| format!("{name}.json")) {
        let path = from.join(&name);
        let mut record: Value = load(&path)?.ok_or_else(|| {
            let line = format!("the record '{}' does not exist", path.display());
            CliError::new(Exit::Input, line)
        })?;
        without_runs(&mut record);
        // With the names in order, records of two measurements are compared line by line.
        record.sort_all_objects();
        write(&to.join(name), &(pretty(&record)? + "\n"))?;
    }
    Ok(())
}

/// With one blank a level, as the records have it.
fn pretty(record: &Value) -> Result<String, CliError> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(record, &mut serializer)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|error| CliError::file("write", path, &error))
}

fn read(folder: &Path) -> Result<Records, CliError> {
    Records::read(|name| load(&folder.join(format!("{name}.json"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two lines are the same, but for the last digit of a number, which is lost in reading.
    fn is_same(a: &str, b: &str) -> bool {
        let value = |line: &str| {
            let (_, value) = line.rsplit_once(' ')?;
            value.trim_end_matches(',').parse::<f64>().ok()
        };
        let near = |(a, b): (f64, f64)| (a - b).abs() <= 1e-12 * b.abs();
        a == b || value(a).zip(value(b)).is_some_and(near)
    }

    #[test]
    fn what_is_kept_of_a_kept_record_is_the_same() {
        let records =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks/records/cpu");
        let folder = tempfile::tempdir().expect("a folder");
        keep(&records, folder.path()).expect("records");
        for name in NAMES.map(|name| format!("{name}.json")) {
            let read = |folder: &Path| fs::read_to_string(folder.join(&name)).expect("a record");
            let (kept, record) = (read(folder.path()), read(&records));
            assert_eq!(kept.lines().count(), record.lines().count(), "{name}");
            for (a, b) in kept.lines().zip(record.lines()) {
                assert!(is_same(a, b), "{name}: {a} and {b}");
            }
        }
    }
}
