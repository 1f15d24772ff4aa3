//! `camweave ab`: graphs against one another, in turns, on the same pictures.

mod disturbed;
mod lock;
mod options;
mod order;
mod results;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use camweave_compare::agreement::{self, Agreement};
use camweave_compare::comparison::letter;
use camweave_compare::run::DISTURBING_CORES;
use camweave_compare::{Comparison, Run};
use camweave_outdir::Folder;
use camweave_runner::places;
use camweave_stage::{CheckDepth, Exit};
use camweave_telemetry::SpanMode;

pub use lock::Lock;
pub use options::{FootageOptions, Options, absolute, between, frame_size, setting};
pub use order::interleaved;
pub use results::machine;

use crate::engine;
use crate::error::CliError;
use crate::graph::Graph;
use crate::run::{
    Feeder, Findings, Plan, Sliced, Slices, interruption, measure, measure_in_slices,
};
use crate::say::{note, say};
use crate::shipped;

/// Runs the comparison.
///
/// # Errors
/// What makes it impossible. A run that ends early is a result: it is kept, marked, and told
/// by the exit code.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    options.check()?;
    let interrupted = interruption()?;
    let graphs = options
        .graphs
        .iter()
        .map(|path| open(path, &options.footage))
        .collect::<Result<Vec<_>, _>>()?;
    let footage = options.footage.footage(&graphs)?;
    options.check_slices(&graphs, &footage)?;
    let wrapper = options.wrapper()?;
    let names = names(options, graphs.len());
    Folder::check(&options.out, names.iter().map(String::as_str))?;
    let _lock = Lock::take(&graphs)?;
    let model = absolute(options.model.as_ref())?;
    engine::prepare(&graphs, model.as_deref(), &interrupted)?;
    let out = Folder::open(&options.out)?;
    // The profiler itself writes these.
    for name in names.iter().filter(|name| name.ends_with(".nsys-rep")) {
        out.claim(name)?;
    }
    let settings = results::settings(options, &footage);
    let feeder = Feeder::new(footage, &out)?;
    let mut session = Session {
        options,
        model,
        graphs: &graphs,
        feeder: &feeder,
        wrapper,
        out: &out,
        runs: Vec::new(),
        first: Vec::new(),
    };
    let ended = session.run_all(&interrupted);
    // Whatever ended it, what has been measured is kept.
    let names = options
        .graphs
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let agreements = session.agreements();
    let comparison = Comparison::new(names, settings, session.runs, agreements);
    results::write(&comparison, &out)?;
    if options.trace {
        results::traces(&out, graphs.len())?;
    }
    ended?;
    say!("{}", camweave_compare::report::text(&comparison));
    say!(
        "report: {0}/report.html, {0}/report.md, {0}/summary.json",
        out.path().display()
    );
    for note in &comparison.notes {
        note!("{note}");
    }
    if interrupted.load(Ordering::Acquire) {
        return Err(CliError::new(
            Exit::Incomplete,
            "interrupted; what was measured until then is in the report",
        ));
    }
    match comparison.notes.first() {
        Some(note) => Err(CliError::new(Exit::Incomplete, note.clone())),
        None => Ok(Exit::Success),
    }
}

/// Reads a graph and refuses one with an error.
pub fn open(path: &Path, footage: &FootageOptions) -> Result<Graph, CliError> {
    places::check_dora()?;
    let mut graph = Graph::read(&shipped::named(path)?, &footage.variables())?;
    for (name, value) in &footage.env {
        graph.declare(name, value)?;
    }
    let mut whole = graph.clone();
    whole.complete();
    whole.check(CheckDepth::Settings).refuse(path)?;
    Ok(graph)
}

/// All that a comparison of so many graphs writes into its folder.
fn names(options: &Options, graphs: usize) -> Vec<String> {
    let mut names = ["summary.json", "report.md", "report.html", "clips/"]
        .map(str::to_owned)
        .to_vec();
    for letter in (0..graphs).map(letter) {
        // Each run may be repeated once.
        let most = options.runs_of_each();
        names.extend((1..=most).map(|run| format!("{letter}-{run}/")));
        if options.trace {
            names.push(format!("{letter}.perfetto-trace"));
        }
        if options.nsys {
            names.extend((1..=most).map(|run| format!("{letter}-{run}.nsys-rep")));
        }
    }
    names
}

struct Session<'a> {
    options: &'a Options,
    model: Option<PathBuf>,
    graphs: &'a [Graph],
    feeder: &'a Feeder,
    wrapper: Vec<OsString>,
    out: &'a Folder,
    runs: Vec<Run>,
    /// Of the first whole run of each graph.
    first: Vec<Option<Findings>>,
}

impl Session<'_> {
    fn run_all(&mut self, interrupted: &AtomicBool) -> Result<(), CliError> {
        self.first = self.graphs.iter().map(|_| None).collect();
        if let Some(millis) = self.options.slices {
            let each = Duration::from_millis(millis.into());
            for repeat in 0..self.options.repeat {
                if interrupted.load(Ordering::Acquire) {
                    break;
                }
                self.run_in_slices(each, repeat.into(), interrupted)?;
            }
            return Ok(());
        }
        let order = interleaved(self.graphs.len(), self.options.repeat.into());
        for (place, graph) in order.iter().copied().enumerate() {
            if interrupted.load(Ordering::Acquire) {
                break;
            }
            self.run_one(graph, place, order.len(), interrupted)?;
        }
        if self.options.repeats_disturbed() {
            self.repeat_disturbed(interrupted)?;
        }
        Ok(())
    }

    /// Repeats each run beside which other programs ran, once.
    fn repeat_disturbed(&mut self, interrupted: &AtomicBool) -> Result<(), CliError> {
        let again = disturbed::to_repeat(&self.runs);
        let compared: Vec<usize> = (0..self.graphs.len())
            .map(|graph| {
                let runs = self.runs.iter().filter(|run| run.graph == graph);
                runs.filter(|run| run.is_compared()).count()
            })
            .collect();
        let all = self.runs.len() + again.len();
        if !again.is_empty() {
            note!(
                "other programs used more than {DISTURBING_CORES} cores during {} of {} runs: these are repeated (unless --keep-disturbed is given)",
                again.len(),
                self.runs.len()
            );
        }
        for graph in again {
            if interrupted.load(Ordering::Acquire) {
                break;
            }
            self.run_one(graph, self.runs.len(), all, interrupted)?;
        }
        for (graph, count) in compared.into_iter().enumerate() {
            disturbed::set_aside(&mut self.runs, graph, count);
        }
        Ok(())
    }

    fn run_one(
        &mut self,
        graph: usize,
        place: usize,
        all: usize,
        interrupted: &AtomicBool,
    ) -> Result<(), CliError> {
        let name = letter(graph);
        let repeat = self.runs.iter().filter(|run| run.graph == graph).count();
        let plan = self.plan(graph, repeat);
        let mut measured = measure(&plan, interrupted, &mut |_, _| {})?;
        measured.run.graph = graph;
        measured.run.place = place;
        let run = &measured.run;
        let told = match &run.partial {
            None => format!(
                "{:.1} frames/s, {:.2} ms CPU per frame, latency p50 {:.1} p99 {:.1} ms, {} dropped",
                run.combined_fps,
                run.cpu_ms(),
                run.latency_ms.p50,
                run.latency_ms.p99,
                run.dropped.values().sum::<u64>()
            ),
            Some(reason) => format!("not whole: {reason}"),
        };
        let beside = if run.is_disturbed() {
            format!(", {:.2} cores used by other programs", run.other_cores)
        } else {
            String::new()
        };
        note!("run {} of {all}, {name}: {told}{beside}", place + 1);
        self.runs.push(run.clone());
        if run.partial.is_none() && self.first[graph].is_none() {
            self.first[graph] = Some(measured.findings);
        }
        Ok(())
    }

    /// All graphs at once, each held while others have their turns.
    fn run_in_slices(
        &mut self,
        each: Duration,
        repeat: usize,
        interrupted: &AtomicBool,
    ) -> Result<(), CliError> {
        let graphs = 0..self.graphs.len();
        let plans: Vec<Plan<'_>> = graphs.map(|graph| self.plan(graph, repeat)).collect();
        let slices = Slices {
            each,
            seconds: self.options.seconds,
            place: self.runs.iter().map(|run| run.place + 1).max().unwrap_or(0),
        };
        let found = measure_in_slices(&plans, &slices, interrupted)?;
        for (graph, Sliced { runs, findings }) in found.into_iter().enumerate() {
            let whole: Vec<&Run> = runs.iter().filter(|run| run.partial.is_none()).collect();
            let mean = |value: &dyn Fn(&Run) -> f64| {
                whole.iter().map(|run| value(run)).sum::<f64>() / whole.len().max(1) as f64
            };
            let end = runs.iter().find_map(|run| run.partial.clone());
            note!(
                "run {} of {}, {}: {:.1} frames/s of its own time, {:.2} ms CPU per frame, {:.0} dropped{}",
                repeat + 1,
                self.options.repeat,
                letter(graph),
                mean(&|run| run.combined_fps),
                mean(&Run::cpu_ms),
                mean(&|run| run.dropped.values().sum::<u64>() as f64) * whole.len() as f64,
                end.map_or(String::new(), |reason| format!("; not whole: {reason}"))
            );
            if !whole.is_empty() && self.first[graph].is_none() {
                self.first[graph] = Some(findings);
            }
            self.runs.extend(runs);
        }
        // In the order in which they were measured.
        self.runs.sort_by_key(|run| run.place);
        Ok(())
    }

    fn plan(&self, graph: usize, repeat: usize) -> Plan<'_> {
        Plan {
            graph: &self.graphs[graph],
            feeder: self.feeder,
            warm_up: self.options.warm_up,
            seconds: self.options.seconds,
            model: self.model.clone(),
            stages: Vec::new(),
            // The first run of each graph is the one that is traced.
            spans: if self.options.trace && repeat == 0 {
                SpanMode::Trace
            } else {
                SpanMode::Stats
            },
            wrapper: self.wrapper_of(graph, repeat),
            out: self.out,
            name: format!("{}-{}", letter(graph), repeat + 1),
        }
    }

    /// `--nsys`: each run writes its own report.
    fn wrapper_of(&self, graph: usize, repeat: usize) -> Vec<OsString> {
        let mut words = self.wrapper.clone();
        if !words.is_empty() {
            let name = format!("{}-{}.nsys-rep", letter(graph), repeat + 1);
            words.push(OsString::from("--output"));
            words.push(self.out.path().join(name).into_os_string());
        }
        words
    }

    fn agreements(&self) -> std::collections::BTreeMap<usize, Agreement> {
        let Some(Some(a)) = self.first.first() else {
            return std::collections::BTreeMap::new();
        };
        let of = |graph: usize| {
            let b = self.first.get(graph)?.as_ref()?;
            let found = agreement::compare(&a.lines, &a.clocks, &b.lines, &b.clocks)?;
            Some((graph, found))
        };
        (1..self.graphs.len()).filter_map(of).collect()
    }
}
