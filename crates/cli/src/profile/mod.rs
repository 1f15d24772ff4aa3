//! `camweave profile`: where the time of a graph goes.

mod advice;
mod components;
mod figures;
mod limit;
mod setup;
mod show;
mod verdict;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use camweave_runner::Snapshot;
use camweave_runner::threads::{Moment, Usage};
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;
use serde::Serialize;

use crate::ab::{self, FootageOptions, between};
use crate::engine;
use crate::error::{self, CliError};
use crate::run::{Feeder, Pace, Plan, interruption, measure};
use crate::say::say;
use components::Profile;
use figures::Figures;
use setup::Setup;
use verdict::{Verdict, judge};

/// How often the table is shown while the graph runs.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Profile a graph.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph
    #[arg(value_name = "GRAPH.yml")]
    pub graph: PathBuf,
    #[command(flatten)]
    pub footage: FootageOptions,
    /// Seconds of the measurement
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Seconds before the measurement
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub warm_up: f64,
    /// A detector other than the graph's
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// Print JSON instead of the table
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print the table as Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Speed of the detector's engine alone, measured by 'engine PLAN --json FILE': tells the
    /// verdict from which batch size on it is hardly faster
    #[arg(long, value_name = "FILE")]
    pub engine: Option<PathBuf>,
    /// The folder for the run
    #[arg(long, value_name = "FOLDER", default_value = "out/profile")]
    pub out: PathBuf,
}

#[derive(Serialize)]
struct Report<'a> {
    graph: String,
    settings: std::collections::BTreeMap<String, String>,
    #[serde(flatten)]
    profile: &'a Profile,
    verdict: &'a Verdict,
    figures: &'a Figures,
    run: &'a camweave_compare::Run,
}

/// Profiles the graph.
///
/// # Errors
/// What makes it impossible; and a graph that ended early, whose table is printed all the same.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    between("--seconds", options.seconds, 1.0, 86_400.0)?;
    between("--warm-up", options.warm_up, 0.0, 3600.0)?;
    options.footage.check()?;
    let interrupted = interruption()?;
    let graph = ab::open(&options.graph, &options.footage)?;
    camweave_outdir::Folder::check(&options.out, ["profile.json", "run/", "clips/"])?;
    let mut setup = Setup::of(&graph);
    if let Some(file) = &options.engine {
        setup = setup.with_engine(file)?;
    }
    let _lock = ab::Lock::take([&graph])?;
    let model = ab::absolute(options.model.as_ref())?;
    engine::prepare([&graph], model.as_deref(), &interrupted)?;
    let out = camweave_outdir::Folder::open(&options.out)?;
    let mut footage = options.footage.clone();
    // What a graph can do is seen when it has all to do.
    if footage.cameras_file.is_none() {
        footage.pace.get_or_insert(Pace::Fast);
    }
    let footage = footage.footage(std::slice::from_ref(&graph))?;
    setup.live = footage.pace == Pace::Live;
    setup.streams = footage.cameras;
    let feeder = Feeder::new(footage, &out)?;
    let plan = Plan {
        graph: &graph,
        feeder: &feeder,
        warm_up: options.warm_up,
        seconds: options.seconds,
        model,
        stages: Vec::new(),
        spans: SpanMode::Stats,
        wrapper: Vec::new(),
        out: &out,
        name: "run".to_owned(),
    };
    let mut live = Live::new(setup);
    let measured = measure(&plan, &interrupted, &mut |begin, now| live.look(begin, now))?;
    let run = &measured.run;
    let figures = live.figures().with_gpu(run.gpu);
    let verdict = judge(&figures);
    let profile = Profile::new(run).with_verdict(&verdict);
    let report = Report {
        graph: options.graph.display().to_string(),
        settings: ab::machine(),
        profile: &profile,
        verdict: &verdict,
        figures: &figures,
        run,
    };
    let json = serde_json::to_string_pretty(&report)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    error::write(&out, "profile.json", json.as_bytes())?;
    if options.json {
        say!("{json}");
    } else if options.markdown {
        say!("{}", show::markdown(&profile, Some(&verdict)));
    } else {
        say!("{}", show::table(&profile, Some(&verdict)));
    }
    match &run.partial {
        None => Ok(Exit::Success),
        Some(reason) => Err(CliError::new(
            Exit::Incomplete,
            format!("the run is incomplete: {reason}"),
        )),
    }
}

/// Looks at a run, and shows the table on standard error, renewed while the graph runs.
struct Live {
    setup: Setup,
    /// The accounts of threads and cores when it was looked at first.
    first: Option<Moment>,
    /// The last look: the run's begin, its state, and the threads' use until then.
    last: Option<(Snapshot, Snapshot, Usage)>,
    shown: Option<Instant>,
    lines: usize,
    is_terminal: bool,
}

impl Live {
    fn new(setup: Setup) -> Self {
        Self {
            setup,
            first: None,
            last: None,
            shown: None,
            lines: 0,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Of the whole measurement, as far as it was looked at.
    fn figures(&self) -> Figures {
        let last = self.last.as_ref();
        last.map_or_else(Figures::default, |(begin, now, usage)| {
            Figures::between(begin, now, usage, &self.setup)
        })
    }

    fn look(&mut self, begin: &Snapshot, now: &Snapshot) {
        let moment = Moment::take(now.cpu.values().map(|(process, _)| *process));
        match &self.first {
            None => self.first = Some(moment),
            Some(first) => {
                let usage = moment.since(first);
                self.last = Some((begin.clone(), now.clone(), usage));
            }
        }
        // Elsewhere than on a terminal, the result is enough.
        if !self.is_terminal || self.shown.is_some_and(|shown| shown.elapsed() < SHOW_EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let profile = Profile::between(begin, now);
        if profile.components.is_empty() {
            return;
        }
        // Who else takes the cores is known at the end alone.
        let text = show::table(&profile, None);
        let mut screen = std::io::stderr().lock();
        // Up over the last table, and clear to the end of the screen.
        let back = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        self.lines = text.lines().count();
        // Nobody reads a closed terminal.
        drop(writeln!(screen, "{back}{text}"));
    }
}
