use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_message::{Detections, Never};
use camweave_stage::{Context, Env, Key, Output, Stage, StageError};
use camweave_telemetry::{clock, read_reports, span_names};
use tracing::{error, warn};

use crate::snapshot::Snapshots;
use crate::{Collector, DetectionLine, Summary, render};

/// How long after the end the sink waits for the last reports of the other stages.
const REPORTS_SETTLE: Duration = Duration::from_millis(300);
/// Turns `PASSES` on in any graph, without a change to it.
const PASSES_VARIABLE: &str = "CAMWEAVE_PASSES";

/// The sink as a stage.
pub struct SinkStage {
    context: Context,
    folder: PathBuf,
    lines: BufWriter<File>,
    snapshots: Option<Snapshots>,
    collector: Collector,
    table: Option<Duration>,
    passes: bool,
    shown: Instant,
    written: Instant,
    failing: bool,
}

impl SinkStage {
    fn summary(&self) -> Summary {
        let reports = read_reports(&self.context.stats_dir).unwrap_or_else(|error| {
            warn!("the stages' reports cannot be read: {error}");
            Vec::new()
        });
        self.collector
            .summary(&reports, &self.context.counters.report())
    }

    /// A result that cannot be written must not stop those that can.
    fn note(&mut self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {}
            Err(message) => {
                self.context.counters.stage_error("write");
                if !std::mem::replace(&mut self.failing, true) {
                    error!("{what} cannot be written: {message}; the run goes on");
                }
            }
        }
    }

    fn write_summary(&mut self) {
        let summary = self.summary();
        let path = self.folder.join("summary.json");
        let result =
            replace(&path, &summary).map_err(|error| format!("'{}': {error}", path.display()));
        self.note("the summary", result);
    }

    #[expect(clippy::print_stdout, reason = "the live table is this stage's output")]
    fn show(&self) {
        println!("{}", render(&self.summary(), 160));
    }
}

const WORDS: [(&str, bool); 2] = [("off", false), ("on", true)];

/// What the environment says of passes for any graph.
fn everywhere() -> Result<bool, StageError> {
    let text = std::env::var(PASSES_VARIABLE).unwrap_or_default();
    match text.as_str() {
        "" | "off" => Ok(false),
        "on" => Ok(true),
        other => Err(StageError::configuration(format!(
            "{PASSES_VARIABLE}='{other}', expected one of off, on"
        ))),
    }
}

/// Opens the lines anew, or to go on behind the last whole line of a sink that was killed.
fn open_lines(path: &Path, again: bool) -> std::io::Result<File> {
    if again {
        let text = fs::read(path).unwrap_or_default();
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let file = File::options().create(true).append(true).open(path)?;
        file.set_len(whole as u64)?;
        return Ok(file);
    }
    File::create(path)
}

fn replace(path: &Path, summary: &Summary) -> std::io::Result<()> {
    let temporary = path.with_extension("json.new");
    fs::write(
        &temporary,
        serde_json::to_vec_pretty(summary).map_err(std::io::Error::other)?,
    )?;
    fs::rename(temporary, path)
}

impl Stage for SinkStage {
    const KIND: &'static str = "sink";
    const ABOUT: &'static str =
        "Writes detections.jsonl, annotated snapshots and summary.json, and shows a live table.";
    const KEYS: &'static [Key] = &[
        Key {
            name: "OUT",
            default: Some("out/latest"),
            help: "the folder for the results; it is created",
        },
        Key {
            name: "SNAPSHOT_EVERY_MS",
            default: Some("1000"),
            help: "an annotated picture of each camera this often, 0 for none",
        },
        Key {
            name: "TABLE_EVERY_MS",
            default: Some("2000"),
            help: "the table on standard output this often, 0 for none",
        },
        Key {
            name: "DEVICE",
            default: Some("0"),
            help: "number of the CUDA device whose memory pictures may be in; opened when the first one is",
        },
        Key {
            name: "PASSES",
            default: Some("off"),
            help: "'on': each line says when the frame entered and left each stage; so does CAMWEAVE_PASSES=on",
        },
    ];
    type In = Detections;
    type Out = Never;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let folder = PathBuf::from(env.required("OUT")?);
        let refuse = |error: std::io::Error| {
            StageError::configuration(format!(
                "env OUT='{}': {error}, expected a folder that can be written",
                folder.display()
            ))
        };
        fs::create_dir_all(&folder).map_err(refuse)?;
        let every = |name| {
            env.number(name, 0..=3_600_000_u64)
                .map(Duration::from_millis)
        };
        let (snapshot, table) = (every("SNAPSHOT_EVERY_MS")?, every("TABLE_EVERY_MS")?);
        let device = env.number("DEVICE", 0..=255)?;
        let passes = env.choice("PASSES", &WORDS)? || everywhere()?;
        // A restarted sink goes on where the killed one stopped.
        let again = context.counters.report().starts > 1;
        let lines = open_lines(&folder.join("detections.jsonl"), again).map_err(refuse)?;
        Ok(Self {
            context: context.clone(),
            lines: BufWriter::new(lines),
            snapshots: (!snapshot.is_zero()).then(|| Snapshots::new(&folder, snapshot, device)),
            folder,
            collector: Collector::default(),
            passes,
            table: (!table.is_zero()).then_some(table),
            shown: Instant::now(),
            written: Instant::now(),
            failing: false,
        })
    }

    fn rows(&mut self, rows: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = clock::unix_nanos();
        for row in &rows {
            self.collector.add(row, now);
            self.context.counters.sent(&row.id.camera, 0);
            let span = self.context.span(&span_names::WRITE, &row.id);
            let mut line = DetectionLine::new(row, now);
            if self.passes {
                line = line.with_passes(row, clock::monotonic_nanos());
            }
            let line = serde_json::to_string(&line)
                .map_err(|error| StageError::internal(error.to_string()))?;
            let written = writeln!(self.lines, "{line}").map_err(|error| error.to_string());
            drop(span);
            self.note("detections.jsonl", written);
            if let Some(mut snapshots) = self.snapshots.take() {
                let result = snapshots.offer(&self.context, row);
                self.snapshots = Some(snapshots);
                self.note("a snapshot", result);
            }
        }
        // What has been counted is on disk, whatever happens to this process.
        let flushed = self.lines.flush().map_err(|error| error.to_string());
        self.note("detections.jsonl", flushed);
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        if self
            .table
            .is_some_and(|every| self.shown.elapsed() >= every)
        {
            self.shown = Instant::now();
            self.show();
        }
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.sweep();
        }
        if self.written.elapsed() >= Duration::from_secs(1) {
            self.written = Instant::now();
            self.write_summary();
        }
        Ok(())
    }

    fn close(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        let flushed = self.lines.flush().map_err(|error| error.to_string());
        self.note("detections.jsonl", flushed);
        std::thread::sleep(REPORTS_SETTLE);
        self.write_summary();
        if self.table.is_some() || std::io::stdout().is_terminal() {
            self.show();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_sink_goes_on_behind_the_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("detections.jsonl");
        fs::write(&path, "{\"a\":1}\n{\"b\":2}\n{\"c\"").expect("writable");
        let mut file = open_lines(&path, true).expect("writable");
        file.write_all(b"{\"d\":4}\n").expect("writable");
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n{\"d\":4}\n");
        drop(open_lines(&path, false).expect("writable"));
        assert_eq!(fs::read_to_string(&path).expect("readable"), "");
    }
}
