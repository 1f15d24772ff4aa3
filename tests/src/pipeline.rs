//! A graph under `dora run`, as a user runs it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_runner::{Dataflow, Launch};
use camweave_stage::{Described, Description};
use camweave_telemetry::StageReport;
use rustix::process::Signal;

use crate::results::{Line, Results, RunFolder, Summary};
use crate::{PATIENCE, kill, processes_with, workspace};

/// A graph that is about to run.
#[derive(Debug)]
pub struct Builder {
    graph: PathBuf,
    env: Vec<(String, OsString)>,
    settings: Vec<(String, String)>,
    out: Option<PathBuf>,
}

/// A running graph; dropping it ends all of its processes.
#[derive(Debug)]
pub struct Pipeline {
    dora: Dataflow,
    folder: Arc<RunFolder>,
    out: PathBuf,
}

impl Builder {
    /// Sets the `cameras.yml`.
    #[must_use]
    pub fn cameras(self, yml: impl AsRef<Path>) -> Self {
        self.env("CAMERAS", yml.as_ref())
    }

    /// Sets a variable of dora's environment, which the graph may use as `${NAME}`.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Declares a setting for all nodes that know it.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the results into this folder, which may have some.
    #[must_use]
    pub fn out(mut self, folder: impl AsRef<Path>) -> Self {
        self.out = Some(folder.as_ref().to_owned());
        self
    }

    /// Starts `dora run`.
    ///
    /// # Panics
    /// If dora cannot be started.
    #[must_use]
    pub fn start(self) -> Pipeline {
        let folder = Arc::new(RunFolder::new());
        let out = self.out.unwrap_or_else(|| folder.path().join("out"));
        let mut env = vec![("OUT".to_owned(), out.clone().into_os_string())];
        env.extend(self.env);
        let dora = Dataflow::start(&Launch {
            graph: self.graph,
            log: folder.path().join("dora.log"),
            stats: folder.path().join("stats"),
            env,
            declare: self.settings,
            wrapper: Vec::new(),
        });
        let dora = dora.unwrap_or_else(|error| panic!("{error}"));
        Pipeline { dora, folder, out }
    }
}

impl Pipeline {
    /// The graph of this name in `dataflows/`, or at an absolute path.
    #[must_use]
    pub fn of(graph: impl AsRef<Path>) -> Builder {
        // The graphs name the binaries by a link to the release build.
        let _ = crate::binary("sink");
        Builder {
            graph: workspace().join("dataflows").join(graph),
            env: Vec::new(),
            settings: Vec::new(),
            out: None,
        }
    }

    /// The folder with `out/`, `stats/` and `dora.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process of `dora run`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.dora.process_id()
    }

    /// Waits until dora ends; its exit code, or none if a signal ended it, and its log. For runs
    /// that have no results.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn wait_for_exit(mut self) -> (Option<i32>, String) {
        (self.exit_code(), self.log())
    }

    /// What dora has written so far, with the nodes' lines.
    #[must_use]
    pub fn log(&self) -> String {
        self.dora.log()
    }

    /// The stages' reports as they are now; empty where there are none yet.
    #[must_use]
    pub fn reports(&self) -> Vec<StageReport> {
        self.dora.reports()
    }

    /// The report of one node, once there is one.
    #[must_use]
    pub fn report(&self, stage: &str) -> Option<StageReport> {
        self.reports()
            .into_iter()
            .find(|report| report.stage == stage)
    }

    /// The process of one node, once it has reported.
    #[must_use]
    pub fn process(&self, stage: &str) -> Option<u32> {
        self.report(stage).map(|report| report.process_id)
    }

    /// Frames of one camera that have reached the sink.
    #[must_use]
    pub fn detected(&self, camera: &str) -> u64 {
        self.report("sink")
            .and_then(|report| report.cameras.get(camera).map(|counters| counters.received))
            .unwrap_or(0)
    }

    /// Frames of all cameras that have reached the sink.
    #[must_use]
    pub fn detected_in_all(&self) -> u64 {
        let counted = |report: StageReport| report.cameras.values().map(|it| it.received).sum();
        self.report("sink").map_or(0, counted)
    }

    /// The whole lines that `detections.jsonl` has by now (the sink writes it once a second).
    ///
    /// # Panics
    /// If a line is not as documented.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let path = self.out.join("detections.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        let end = text.rfind('\n').map_or(0, |position| position + 1);
        text[..end]
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
            })
            .collect()
    }

    /// `summary.json`, once the sink has written it.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let text = fs::read(self.out.join("summary.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("summary.json: {error}")))
    }

    /// Waits until `reached`.
    ///
    /// # Panics
    /// If it is not within [`PATIENCE`], or dora ends before; with the end of dora's log.
    pub fn wait_until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !reached(self) {
            let ended = self.dora.ended();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "waited {:.0?} in vain: {what}; dora {ended:?}; its log ends with\n{}",
                began.elapsed(),
                self.dora.log_end()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until no frame has reached the sink for two seconds.
    pub fn wait_until_quiet(&mut self) {
        let mut last = (self.detected_in_all(), Instant::now());
        self.wait_until("the last frame", |run| {
            let count = run.detected_in_all();
            if count != last.0 {
                last = (count, Instant::now());
            }
            last.1.elapsed() > Duration::from_secs(2)
        });
    }

    /// Waits until dora ends by itself, and collects the results.
    ///
    /// # Panics
    /// If it does not end, or there are no results.
    #[must_use]
    pub fn wait_until_ended(mut self) -> Results {
        let exit_code = self.exit_code();
        self.collect(exit_code)
    }

    fn exit_code(&mut self) -> Option<i32> {
        let status = self.dora.wait(PATIENCE);
        status.unwrap_or_else(|error| panic!("{error}")).code()
    }

    /// Stops the graph as Ctrl-C does, and collects the results.
    ///
    /// # Panics
    /// If the graph does not stop, or there are no results.
    #[must_use]
    pub fn stop(mut self) -> Results {
        self.dora.interrupt();
        self.wait_until_ended()
    }

    fn collect(&self, exit_code: Option<i32>) -> Results {
        let summary = self.summary();
        Results {
            exit_code,
            folder: Arc::clone(&self.folder),
            lines: self.lines(),
            summary: summary
                .unwrap_or_else(|| panic!("there is no summary.json; {}", self.dora.log_end())),
            reports: declared(self.reports()),
            log: self.log(),
        }
    }

    /// Sends a signal to one node, once it has reported.
    ///
    /// # Panics
    /// If it has not.
    pub fn signal(&self, stage: &str, signal: Signal) {
        let process = self.process(stage);
        kill(process.expect("the node has reported"), signal);
    }

    /// Sends a signal to dora and all nodes at once, and collects the results, as [`Self::stop`].
    ///
    /// # Panics
    /// If the graph does not stop, or there are no results.
    #[must_use]
    pub fn stop_all_processes(self, signal: Signal) -> Results {
        for process in self.processes() {
            kill(process, signal);
        }
        self.wait_until_ended()
    }

    /// Processes of this run that are alive.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        processes_with(&self.folder().display().to_string())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // After a clean stop there is nobody left.
        for process in self.processes() {
            kill(process, Signal::KILL);
        }
    }
}

/// Asserts that each reason for which a stage has dropped frames, and each of its facts, is one that its
/// program describes.
fn declared(reports: Vec<StageReport>) -> Vec<StageReport> {
    let mut known: BTreeMap<String, Description> = BTreeMap::new();
    for report in &reports {
        // An example's stands elsewhere.
        let program = workspace().join("dataflows/bin").join(&report.kind);
        if !program.is_file() {
            continue;
        }
        let known = known
            .entry(report.kind.clone())
            .or_insert_with(|| described(&program));
        for reason in report.cameras.values().flat_map(|it| it.dropped.keys()) {
            assert!(
                report.kind == "fused" || known.drop_reasons.iter().any(|it| it.name == *reason),
                "'{}' drops frames as '{reason}', which '{} --describe' does not have: {known:?}",
                report.stage,
                report.kind
            );
        }
        for fact in report.facts.keys() {
            let is_it = |it: &Described| match it.name.split_once("<camera>") {
                Some((before, after)) => fact.starts_with(before) && fact.ends_with(after),
                None => it.name == *fact,
            };
            assert!(
                known.attributes.iter().any(is_it),
                "'{}' has the fact '{fact}', which '{} --describe' does not have: {known:?}",
                report.stage,
                report.kind
            );
        }
    }
    reports
}

/// What a program describes.
fn described(program: &Path) -> Description {
    let output = Command::new(program).arg("--describe").output();
    let output = output.expect("a program that answers");
    serde_json::from_slice(&output.stdout).expect("a description")
}
