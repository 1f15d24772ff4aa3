//! One run of one graph, measured behind its warm-up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_compare::agreement::Clocks;
use camweave_compare::lines::{self, Line};
use camweave_compare::run::{Node, Run};
use camweave_outdir::{Aside, Folder, WriterLock};
use camweave_runner::{Dataflow, Launch, Simulator, Snapshot, claim_log, memory_mib};
use camweave_stage::SIMULATED_VARIABLE;
use camweave_telemetry::SpanMode;

use super::gpu::GpuWatch;
use super::{Feeder, feed, simulated, spans_between};
use crate::error::{self, CliError};
use crate::graph::{Graph, Settings};

/// How often the run is looked at until it is measured.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often while it is: to read all reports takes some 3 ms of CPU time from what is measured.
const MEASURED_LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often memory is looked at, at most.
const MEMORY_EVERY: Duration = Duration::from_secs(1);
/// The kernel holds a process's address space while it adds up its pages, and whoever maps memory
/// in it waits: of a hundred cameras' process for many milliseconds. So that is done for at most
/// one part in so many of the time.
const MEMORY_PART: u32 = 500;
/// All cameras must have delivered by then.
const FIRST_FRAMES_WITHIN: Duration = Duration::from_secs(60);

/// What is measured, and how.
pub struct Plan<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// What it sees.
    pub feeder: &'a Feeder,
    /// Seconds before the measurement, from the first frame of the last camera on.
    pub warm_up: f64,
    /// Seconds of the measurement.
    pub seconds: f64,
    /// Another model than the graph's.
    pub model: Option<PathBuf>,
    /// Values for stages of one kind: kind, name, value.
    pub stages: Vec<(String, String, String)>,
    /// What is done with spans.
    pub spans: SpanMode,
    /// What `dora run` is started by, such as a profiler.
    pub wrapper: Vec<OsString>,
    /// The folder of the results.
    pub out: &'a Folder,
    /// The name of the folder in it where all of the run goes; what an earlier run has left there
    /// is removed.
    pub name: String,
}

/// A run, with what its sink wrote.
pub struct Measured {
    /// The run.
    pub run: Run,
    /// With those of the warm-up.
    pub findings: Findings,
}

/// What a graph found, and when its cameras showed it: enough to compare detections.
pub struct Findings {
    /// All frames that reached the sink.
    pub lines: Vec<Line>,
    /// The clocks of simulated cameras.
    pub clocks: Clocks,
}

impl Plan<'_> {
    /// Where all of the run goes.
    pub fn folder(&self) -> PathBuf {
        self.out.path().join(&self.name)
    }

    /// Where the stages write their counters.
    pub fn stats(&self) -> PathBuf {
        self.folder().join("stats")
    }

    /// Where the stages write their spans.
    pub fn traces(&self) -> PathBuf {
        self.folder().join("trace")
    }

    fn launch(&self, folder: &Folder) -> Result<Launch, CliError> {
        let env = [
            ("CAMWEAVE_SPANS", OsString::from(self.spans.as_str())),
            ("CAMWEAVE_PASSES", OsString::from("on")),
            (SIMULATED_VARIABLE, simulated(self.feeder.is_simulated())),
            ("CAMWEAVE_TRACE_DIR", self.traces().into_os_string()),
        ];
        Ok(Launch {
            graph: folder.path().join("graph.yml"),
            log: claim_log(folder)?,
            stats: self.stats(),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            declare: Vec::new(),
            wrapper: self.wrapper.clone(),
        })
    }
}

/// Runs the graph. `look` sees the state at the start of the measurement and now, ten times a
/// second while it is measured.
///
/// A graph that ends early, a node that ends, and an interruption make a run that is partial.
///
/// # Errors
/// What makes a run impossible: no dora, no cameras, a folder that cannot be written.
pub fn measure(
    plan: &Plan<'_>,
    interrupted: &AtomicBool,
    look: &mut dyn FnMut(&Snapshot, &Snapshot),
) -> Result<Measured, CliError> {
    let mut started = Started::new(plan, plan.seconds, interrupted)?;
    let traces = (plan.spans == SpanMode::Trace).then(|| plan.traces());
    let gpu = GpuWatch::start(traces.as_deref());
    let watched = watch(plan, &mut started, interrupted, gpu.as_ref(), look);
    let used = gpu.as_ref().and_then(GpuWatch::sum_up);
    drop(gpu);
    let findings = started.stop(plan)?;
    let mut run = watched.sum_up(&findings.lines);
    run.gpu = used;
    Ok(Measured { run, findings })
}

/// A graph that runs, with what it sees.
pub struct Started {
    /// The graph.
    pub dataflow: Dataflow,
    simulator: Option<Simulator>,
    /// Results of an earlier run, until this one has some; they come back if it never has.
    earlier: Option<Aside>,
    _lock: WriterLock,
}

impl Started {
    /// Starts a plan's graph, to be measured for `seconds`.
    ///
    /// # Errors
    /// No dora, no cameras, a folder that cannot be written.
    pub fn new(plan: &Plan<'_>, seconds: f64, interrupted: &AtomicBool) -> Result<Self, CliError> {
        let folder = plan.out.claim_folder(&plan.name)?;
        let lock = folder.lock("run", "camweave", Duration::ZERO)?;
        // Results of an earlier run must not pass for this one's; they come back if it cannot
        // start, beside the log that says why.
        let earlier = folder.set_aside(&["dora.log"])?;
        for name in ["cameras", "stats", "trace"] {
            folder.claim_folder(name)?;
        }
        folder.claim("cameras.yml")?;
        // Three seconds are for the start of the graph.
        let seconds = plan.warm_up + seconds + 3.0;
        let (feed, simulator) = plan.feeder.start(seconds, folder.path(), interrupted)?;
        let settings = Settings {
            feed,
            out: folder.path().to_owned(),
            model: plan.model.clone(),
            stages: plan.stages.clone(),
        };
        let graph = plan.graph.derive(&settings)?;
        error::write(&folder, "graph.yml", graph.as_bytes())?;
        let dataflow = Dataflow::start(&plan.launch(&folder)?)?;
        Ok(Self {
            dataflow,
            simulator,
            earlier: Some(earlier),
            _lock: lock,
        })
    }

    /// The run has results of its own: those of an earlier one are removed.
    ///
    /// # Errors
    /// Something refuses to be removed.
    fn begun(&mut self) -> Result<(), CliError> {
        match self.earlier.take() {
            Some(earlier) => Ok(earlier.remove()?),
            None => Ok(()),
        }
    }

    /// Stops it; what it has found.
    ///
    /// # Errors
    /// The sink's file cannot be read.
    pub fn stop(mut self, plan: &Plan<'_>) -> Result<Findings, CliError> {
        self.dataflow.stop();
        if let Some(simulator) = &mut self.simulator {
            simulator.stop();
        }
        let path = plan.folder().join("detections.jsonl");
        let lines = match lines::read(&path) {
            Ok(lines) => lines,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(CliError::file("read", &path, &error)),
        };
        Ok(Findings {
            lines,
            clocks: feed::clocks(&plan.folder()),
        })
    }
}

/// Waits until all cameras deliver, and for the warm-up after that. The state in which all nodes
/// were there first, or why it ended.
pub fn warm_up(
    plan: &Plan<'_>,
    started: &mut Started,
    interrupted: &AtomicBool,
) -> Result<Snapshot, String> {
    let dora = started.dataflow.process_id();
    let since = Instant::now();
    let mut warm: Option<Instant> = None;
    let mut first = Snapshot::default();
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = Snapshot::take(&plan.stats(), dora);
        if interrupted.load(Ordering::Acquire) {
            return Err("interrupted".to_owned());
        }
        started
            .dataflow
            .check()
            .map_err(|error| error.to_string())?;
        if let Some(trouble) = now.trouble_since(&first) {
            return Err(trouble);
        }
        if first.reports.len() < now.reports.len() {
            first = now.clone();
        }
        let delivering = now.detected().values().filter(|count| **count > 0).count();
        if delivering > 0 {
            started.begun().map_err(|error| error.to_string())?;
        }
        if warm.is_none() && delivering >= plan.feeder.cameras() as usize {
            warm = Some(Instant::now());
        }
        if warm.is_none() && since.elapsed() > FIRST_FRAMES_WITHIN {
            return Err(format!(
                "{delivering} of {} cameras delivered a frame within {} s{}",
                plan.feeder.cameras(),
                FIRST_FRAMES_WITHIN.as_secs(),
                now.silent()
            ));
        }
        if warm.is_some_and(|warm| warm.elapsed().as_secs_f64() >= plan.warm_up) {
            return Ok(first);
        }
    }
}

/// What was seen of a run.
#[derive(Default)]
struct Watched {
    begin: Option<Snapshot>,
    end: Snapshot,
    memory: BTreeMap<String, f64>,
    partial: Option<String>,
}

fn watch(
    plan: &Plan<'_>,
    started: &mut Started,
    interrupted: &AtomicBool,
    gpu: Option<&GpuWatch>,
    look: &mut dyn FnMut(&Snapshot, &Snapshot),
) -> Watched {
    let dora = started.dataflow.process_id();
    let take = || Snapshot::take(&plan.stats(), dora);
    let take_with_beside = || Snapshot::take_with_beside(&plan.stats(), dora);
    let mut watched = Watched::default();
    let first = match warm_up(plan, started, interrupted) {
        Ok(first) => first,
        Err(reason) => {
            watched.partial = Some(reason);
            return watched;
        }
    };
    if let Some(gpu) = gpu {
        gpu.begin();
    }
    let since = Instant::now();
    let begin = take_with_beside();
    watched.begin = Some(begin.clone());
    watched.end = begin.clone();
    let mut memory_due = Instant::now();
    loop {
        let began = Instant::now();
        if began >= memory_due {
            for (node, (process, _)) in &watched.end.cpu {
                let seen = memory_mib(*process).unwrap_or(0.0);
                let most = watched.memory.entry(node.clone()).or_default();
                *most = most.max(seen);
            }
            memory_due = began + MEMORY_EVERY.max(began.elapsed() * MEMORY_PART);
        }
        let left = Duration::from_secs_f64(plan.seconds).saturating_sub(since.elapsed());
        std::thread::sleep(left.min(MEASURED_LOOK_EVERY));
        let is_last = since.elapsed().as_secs_f64() >= plan.seconds;
        let now = if is_last { take_with_beside() } else { take() };
        watched.partial = if interrupted.load(Ordering::Acquire) {
            Some("interrupted".to_owned())
        } else {
            let ended = started.dataflow.check().err();
            let ended = ended.map(|error| error.to_string());
            ended.or_else(|| now.trouble_since(&first))
        };
        if watched.partial.is_some() {
            // The last state before the end counts what happened until then.
            if !now.cpu.is_empty() && now.cpu.len() >= watched.end.cpu.len() {
                watched.end = now;
            }
            return watched;
        }
        look(&begin, &now);
        watched.end = now;
        if is_last {
            return watched;
        }
    }
}

impl Watched {
    fn sum_up(self, lines: &[Line]) -> Run {
        let mut run = Run {
            partial: self.partial,
            ..Run::default()
        };
        let Some(begin) = self.begin else {
            run.partial
                .get_or_insert_with(|| "it ended in its warm-up".to_owned());
            return run;
        };
        let memory = |node: &str| self.memory.get(node).copied().unwrap_or(0.0);
        let measured = summed_up(&begin, &self.end, lines, memory);
        Run {
            partial: run.partial,
            ..measured
        }
    }
}

/// What happened between two moments: `lines` of the sink, and each node's largest memory in MiB.
pub fn summed_up(
    begin: &Snapshot,
    end: &Snapshot,
    lines: &[Line],
    memory: impl Fn(&str) -> f64,
) -> Run {
    let mut run = Run {
        begin_unix_nanos: begin.unix_nanos,
        end_unix_nanos: end.unix_nanos,
        seconds: (end.unix_nanos - begin.unix_nanos) as f64 / 1e9,
        ..Run::default()
    };
    run.add_lines(lines, begin.unix_nanos, end.unix_nanos);
    let frames = run.frames.max(1) as f64;
    let cpu = end.cpu_ms_since(begin);
    run.nodes = cpu
        .into_iter()
        .map(|(node, ms)| {
            let memory_mib = memory(&node);
            let cpu_ms = ms / frames;
            (node, Node { cpu_ms, memory_mib })
        })
        .collect();
    run.other_cores = end.other_cores_since(begin);
    let (by_reason, by_camera) = end.dropped_since(begin);
    run.dropped = by_reason;
    for camera in &mut run.cameras {
        camera.dropped = by_camera.get(&camera.id).copied().unwrap_or(0);
    }
    run.spans = spans_between(begin, end);
    run
}
