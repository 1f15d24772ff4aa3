use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use camweave_message::{Detections, Never};
use camweave_outdir::{FILE_MODE, Folder, RunFolder, WriterLock, replace_in_room, tidy_runs};
use camweave_stage::{Context, DropReason, Output, STOPPED, Stage, StageError};
use camweave_telemetry::{StageReport, clock, is_alive, read_reports_of, span_names};
use tracing::{info, warn};

use crate::account::{Moment, Way};
use crate::detections::{DetectionsFile, SUMMARY};
use crate::drops::{DROPS, NOT_WRITTEN};
use crate::pace::Pace;
use crate::settings::{SinkSettings, Switch};
use crate::snapshot::Snapshots;
use crate::trouble::Troubles;
use crate::{Collector, DetectionLine, Room, Summary, render};

/// How long after the end the sink waits for the last reports of the other stages; dora kills a
/// node 10 s after a stop.
const REPORTS_AT_MOST: Duration = Duration::from_secs(5);
/// How often it looks for them.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a folder that is in use is waited for: a process that was just killed releases it
/// within milliseconds, unless the machine is busy.
const FREE_WITHIN: Duration = Duration::from_secs(3);
/// Where dora keeps the logs of each run, as seen from the graph's folder.
const RUNS: &str = "out";
/// So many runs keep their logs and counters.
const RUNS_KEPT: usize = 20;
/// Turns `PASSES` on in any graph, without a change to it.
const PASSES_VARIABLE: &str = "CAMWEAVE_PASSES";

/// The sink as a stage.
pub struct Sink {
    context: Context,
    folder: Folder,
    detections: DetectionsFile,
    snapshots: Option<Snapshots>,
    collector: Collector,
    table: Pace,
    passes: bool,
    written: Instant,
    troubles: Troubles,
    _lock: WriterLock,
    _run: Option<RunFolder>,
}

impl Sink {
    fn summary(&self, moment: Moment) -> Summary {
        // First what has come out: what is read later has come in, too.
        let own = self.context.counters.report();
        let reports = self.reports(&own.run);
        self.collector.summary(&reports, &own, moment)
    }

    fn reports(&self, run: &str) -> Vec<StageReport> {
        read_reports_of(&self.context.stats_dir, run).unwrap_or_else(|error| {
            warn!("the stages' reports cannot be read: {error}");
            Vec::new()
        })
    }

    /// Waits until all stages before this one have counted to the end, or are dead.
    fn wait_for_reports(&self) {
        let own = self.context.counters.report();
        let began = Instant::now();
        while began.elapsed() < REPORTS_AT_MOST {
            let reports = self.reports(&own.run);
            let way = Way::to(&own, &reports);
            let mut upstream = way.upstream().iter();
            if upstream.all(|it| it.closed || !is_alive(it.process_id)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn write_summary(&mut self, moment: Moment) {
        let summary = self.summary(moment);
        let written = self.replace_summary(&summary);
        let written = written.map_err(|error| (1, error.to_string()));
        self.troubles
            .note(&self.context.counters, "summary", "", &written);
    }

    fn replace_summary(&self, summary: &Summary) -> std::io::Result<()> {
        let path = self.folder.claim(SUMMARY)?;
        let json = serde_json::to_vec_pretty(summary).map_err(std::io::Error::other)?;
        replace_in_room(&path, &json, FILE_MODE)
    }

    fn show(&self, moment: Moment) {
        // A closed pipe has no reader.
        drop(writeln!(
            std::io::stdout(),
            "{}",
            render(&self.summary(moment), Room::wide(160))
        ));
    }
}

/// Marks the folder that dora has made for this run's logs, and removes what earlier runs left of
/// logs and counters: of all but the newest, and of those older than `age`.
fn tidy_run_folders(context: &Context, age: Option<Duration>) -> Option<RunFolder> {
    let run = context.counters.report().run;
    let out = Path::new(RUNS);
    if run.is_empty() || !out.join(&run).is_dir() {
        return None;
    }
    let held = RunFolder::hold(out, &run)
        .inspect_err(|error| warn!("the folder of the run's logs: {error}"))
        .ok();
    match tidy_runs(out, RUNS_KEPT, age, SystemTime::now()) {
        Ok(runs) => {
            let (removed, refused): (Vec<_>, Vec<_>) =
                runs.into_iter().partition(|(_, result)| result.is_ok());
            if !removed.is_empty() {
                info!(runs = removed.len(), "removed logs of earlier runs");
            }
            for (path, error) in refused {
                if let Err(error) = error {
                    warn!(
                        "logs of the run in '{}' are not removed: {error}",
                        path.display()
                    );
                }
            }
        }
        Err(error) => warn!("logs of earlier runs are not removed: {error}"),
    }
    held
}

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

impl Stage for Sink {
    const KIND: &'static str = "sink";
    const ABOUT: &'static str =
        "Writes detections.jsonl, annotated snapshots and summary.json, and shows a live table.";
    type Settings = SinkSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Detections;
    type Out = Never;

    fn open(settings: SinkSettings, context: &Context) -> Result<Self, StageError> {
        let table = Pace::of(settings.table_every()?, Instant::now());
        let passes = settings.passes == Switch::On || everywhere()?;
        let (limits, retention) = (settings.segment_limits(), settings.retention());
        let age = retention.age;
        let out = settings.out.display();
        let refuse = |error: camweave_outdir::Error| {
            let line = format!("env OUT='{out}': {error}");
            // A full disk and another writer may be gone at the next start.
            match error {
                camweave_outdir::Error::Busy { .. } => StageError::resource(line),
                error if error.is_full() => StageError::resource(line),
                _ => StageError::configuration(line),
            }
        };
        let folder = Folder::open(&settings.out).map_err(refuse)?;
        let holder = format!("node {}", context.stage);
        let lock = folder
            .lock("results", &holder, FREE_WITHIN)
            .map_err(refuse)?;
        // A restarted sink goes on where the killed one stopped.
        let again = context.counters.report().starts > 1;
        let detections = DetectionsFile::open(&folder, limits, retention, again).map_err(refuse)?;
        let mut sink = Self {
            context: context.clone(),
            detections,
            snapshots: settings
                .snapshot_every()
                .map(|every| Snapshots::new(&folder, every, &context.attachments, settings.device)),
            folder,
            collector: Collector::default(),
            passes,
            table,
            written: Instant::now(),
            troubles: Troubles::default(),
            _lock: lock,
            _run: tidy_run_folders(context, age),
        };
        // Room for it is kept from now on, before anything else can fill the disk.
        sink.write_summary(Moment::Running);
        Ok(sink)
    }

    fn rows(&mut self, rows: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = clock::unix_nanos();
        let (mut block, mut ends) = (Vec::new(), Vec::with_capacity(rows.len()));
        for row in &rows {
            self.collector.add(row, now);
            let span = self.context.span(&span_names::WRITE, &row.id);
            let mut line = DetectionLine::new(row, now);
            if self.passes {
                line = line.with_passes(row, clock::monotonic_nanos());
            }
            serde_json::to_writer(&mut block, &line)
                .map_err(|error| StageError::internal(error.to_string()))?;
            block.push(b'\n');
            ends.push(block.len());
            drop(span);
        }
        // What has been counted is in the file, whatever happens to this process.
        let written = self.detections.append(&block);
        let whole = written
            .as_ref()
            .map_or_else(|failed| failed.written, |()| block.len());
        for (row, end) in rows.iter().zip(ends) {
            if end <= whole {
                self.context.counters.sent(&row.id.camera, 0);
            } else {
                self.context
                    .counters
                    .dropped(&row.id.camera, NOT_WRITTEN, 1);
            }
        }
        let lost = block[whole..].iter().filter(|byte| **byte == b'\n').count() as u64;
        let written = written.map_err(|failed| (lost, failed.source.to_string()));
        self.troubles
            .note(&self.context.counters, "detections", "", &written);
        if let Some(snapshots) = &mut self.snapshots {
            for row in &rows {
                let result = match snapshots.offer(&self.context, row) {
                    Ok(false) => continue,
                    Ok(true) => Ok(()),
                    Err(line) => Err((1, line)),
                };
                let camera = &row.id.camera;
                self.troubles
                    .note(&self.context.counters, "snapshots", camera, &result);
            }
        }
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        if self.table.is_due(Instant::now()) {
            self.show(Moment::Running);
        }
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.sweep();
        }
        self.detections.tick();
        if self.written.elapsed() >= Duration::from_secs(1) {
            self.written = Instant::now();
            self.write_summary(Moment::Running);
        }
        Ok(())
    }

    fn close(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        // What waits here and cannot be taken any more.
        self.context.counters.settle(STOPPED);
        let moment = if self.context.ends_alone() {
            Moment::Running
        } else {
            self.wait_for_reports();
            Moment::Ended
        };
        self.write_summary(moment);
        self.troubles.close();
        if self.table.is_on() || std::io::stdout().is_terminal() {
            self.show(moment);
        }
        Ok(())
    }
}
