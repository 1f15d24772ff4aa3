use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use camweave_message::{Never, Row};
use camweave_pool::Attachments;
use camweave_telemetry::{Counters, StageReport, read_reports_of};
use tracing::info;

use crate::behind::Behind;
use crate::describe::{self, CheckDepth, Description, Question};
use crate::drive::{Ends, Reporter, drive};
use crate::graph::{self, GraphOutput};
use crate::start::{Ended, Joined};
use crate::{
    Context, Declared, DropReason, Exit, Inbox, Output, QueuePolicy, Settings, StageError,
};

/// A stage: rows of one type in, rows of another out.
pub trait Stage: Sized {
    /// The kind of stage, which is also its binary's name.
    const KIND: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Whether the stage can do without its input.
    const OPTIONAL_INPUT: bool = false;
    /// What it takes from its graph.
    type Settings: Settings;
    /// Why it drops frames, beside the reasons that all stages have.
    const DROPS: &'static [DropReason] = &[];
    /// What comes in; [`Never`] for a source.
    type In: Row;
    /// What goes out; [`Never`] for a sink.
    type Out: Row;

    /// Opens the stage.
    ///
    /// # Errors
    /// What makes the stage impossible, in one line. A camera that cannot be
    /// reached is none of that: it is a state, and the others go on.
    fn open(settings: Self::Settings, context: &Context) -> Result<Self, StageError>;

    /// Opens the stage with what a graph declares.
    ///
    /// # Errors
    /// A wrong setting, and those of [`Stage::open`].
    fn open_declared(declared: &Declared, context: &Context) -> Result<Self, StageError> {
        Self::open(Self::Settings::read(declared)?, context)
    }

    /// Called once before the first [`Stage::tick`], when the stages behind are open: a source begins
    /// to read, or to connect. Never called where the run ends before that.
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn begin(&mut self) -> Result<(), StageError> {
        Ok(())
    }

    /// Which rows give way when the stage falls behind.
    fn queue(&self) -> QueuePolicy {
        QueuePolicy::Complete { limit: 4096 }
    }

    /// Rows that are taken at once at most. `Some`: as many of those that wait as this, whatever
    /// messages they came in; while more wait, each camera in turn. `None`: a message as it came.
    fn batch(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Whether the rows of a [batch](Stage::batch) are those of the messages that came first, and not
    /// each camera's in turn. For a stage behind one that has been fair: what came first is ready
    /// first there, and what waits for longer than the others may be gone.
    fn is_in_order(&self) -> bool {
        false
    }

    /// Waits until work on further rows can begin, of which so many are `waiting`. Called before rows
    /// are taken from the queue: what comes meanwhile is taken along, and the queue's drop policy
    /// still applies to what waits.
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn wait(&mut self, waiting: usize) -> Result<(), StageError> {
        let _ = waiting;
        Ok(())
    }

    /// Takes one message, or as many rows as [`Stage::batch`] says. The trace of each row names this
    /// stage already; a row that is sent on takes its trace along.
    ///
    /// # Errors
    /// Only what the stage cannot go on after. Broken rows are counted and dropped.
    fn rows(&mut self, rows: Vec<Self::In>, out: &mut Output<Self::Out>) -> Result<(), StageError>;

    /// Called after each message, wake-up and [`Stage::deadline`].
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn tick(&mut self, _out: &mut Output<Self::Out>) -> Result<(), StageError> {
        Ok(())
    }

    /// When [`Stage::tick`] must be called at the latest.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether a source has come to its end.
    fn finished(&self) -> bool {
        false
    }

    /// The run ends: last rows may be sent.
    ///
    /// # Errors
    /// What could not be brought to its end.
    fn close(&mut self, _out: &mut Output<Self::Out>) -> Result<(), StageError> {
        Ok(())
    }
}

/// The `main` of a node's binary.
pub fn main<S: Stage>() -> ExitCode {
    let question = describe::question(S::KIND, Description::of::<S>);
    node(question, describe::check::<S>, start::<S>)
}

/// Answers what the command line asks, or runs the node.
pub(crate) fn node(
    question: Result<Question, StageError>,
    check: impl FnOnce(&Declared, CheckDepth) -> Result<(), StageError>,
    start: impl FnOnce() -> Result<(), Ended>,
) -> ExitCode {
    let answered = match question {
        Ok(Question::None) => None,
        Ok(Question::Text(text)) => {
            print(&text);
            Some(Ok(()))
        }
        Ok(Question::Check(declared, depth)) => Some(check(&declared, depth)),
        Err(error) => Some(Err(error)),
    };
    match answered {
        None => {}
        Some(Ok(())) => return Exit::Success.into(),
        Some(Err(error)) => return fail(&error),
    }
    if let Err(message) = camweave_telemetry::log::start() {
        return fail(&StageError::configuration(message));
    }
    let code = match start() {
        Ok(()) => Exit::Success.into(),
        Err(ended) => ended.finish(),
    };
    crate::exit::work_is_over();
    code
}

/// The log is not running yet. Whoever has closed standard error has the exit code.
pub(crate) fn fail(error: &StageError) -> ExitCode {
    drop(writeln!(std::io::stderr(), "error: {error}"));
    error.exit.into()
}

/// Who has hung up (`sink --help | head -1`) wants no more.
fn print(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// What a stage takes and gives, by schema.
pub(crate) fn schemas<S: Stage>() -> [Option<&'static str>; 2] {
    [
        (!is_never::<S::In>()).then_some(S::In::SCHEMA),
        (!is_never::<S::Out>()).then_some(S::Out::SCHEMA),
    ]
}

pub(crate) fn is_never<R: Row>() -> bool {
    R::SCHEMA == Never::SCHEMA
}

fn start<S: Stage>() -> Result<(), Ended> {
    let mut joined = Joined::new(S::KIND)?;
    let is_source = S::OPTIONAL_INPUT || is_never::<S::In>();
    let folder = graph::stats_folder(joined.output.node());
    let identity = joined
        .output
        .identity(S::KIND, is_source, !is_never::<S::Out>());
    let mut reporter = match Reporter::open(&folder, identity) {
        Ok(reporter) => reporter,
        Err(error) => return Err(joined.fail(error, is_source)),
    };
    // Before the stage is opened, which keeps a copy of its context.
    let behind = is_source.then(|| Arc::new(Behind::of(joined.output.node(), &folder)));
    let (mut stage, context) = match open::<S>(&mut joined.output, &folder, behind, &reporter) {
        Ok(opened) => opened,
        Err(error) => {
            reporter.close(Some(&error.message));
            return Err(joined.fail(error, is_source));
        }
    };
    let mut result = run(&mut stage, &context, joined, &mut reporter);
    if result.is_ok() && is_never::<S::Out>() {
        result = unfed(&context, &folder);
    }
    reporter.close(result.as_ref().err().and_then(StageError::fatal));
    match result {
        Err(error) if error.message.starts_with(NOTHING_CAME) => Err(Ended::said(error)),
        result => Ok(result?),
    }
}

/// How the error of a last stage begins whose source has said why.
const NOTHING_CAME: &str = "nothing came";

/// The error of a last stage that nothing has reached because a source could not start, or that
/// lacks files which could not be played. The source itself ends with 0, so that dora does not
/// start it again and again; the graph must not.
fn unfed(context: &Context, folder: &Path) -> Result<(), StageError> {
    let incomplete = |message| {
        Err(StageError {
            exit: Exit::Incomplete,
            message,
        })
    };
    let own = context.counters.report();
    let reports = read_reports_of(folder, &own.run).unwrap_or_default();
    if own.cameras.values().any(|camera| camera.received > 0) {
        return unplayed(&reports).map_or(Ok(()), incomplete);
    }
    let mut sources = reports
        .into_iter()
        .filter(|report| report.kind.ends_with("-source"));
    match sources.find_map(|source| Some((source.stage, source.fatal?))) {
        None => Ok(()),
        Some((source, reason)) => incomplete(format!(
            "{NOTHING_CAME}: '{source}' could not start: {reason}"
        )),
    }
}

/// The line about files that could not be played. Cameras that are offline may come back, and are
/// no error; a file is there or not.
fn unplayed(reports: &[StageReport]) -> Option<String> {
    let sources = reports.iter().filter(|report| report.kind == "file-source");
    let files: Vec<_> = sources.flat_map(|source| &source.cameras).collect();
    let mut unplayed = files.iter().filter_map(|(id, camera)| {
        let state = camera.state.as_deref()?;
        state.starts_with("offline: ").then_some((id, state))
    });
    let (id, state) = unplayed.next()?;
    Some(format!(
        "{} of {} files could not be played; the first is '{id}', {state}",
        unplayed.count() + 1,
        files.len()
    ))
}

fn open<S: Stage>(
    output: &mut GraphOutput,
    folder: &Path,
    behind: Option<Arc<Behind>>,
    reporter: &Reporter,
) -> Result<(S, Context), StageError> {
    let [takes, gives] = schemas::<S>();
    output.check_ports(takes.filter(|_| !S::OPTIONAL_INPUT), gives)?;
    output.watch_receivers(folder)?;
    let declared = graph::declared(output.node())?;
    let mut context = Context::new(
        output.node().id().as_ref(),
        reporter.counters().clone(),
        Attachments::new(),
        folder,
    );
    context.behind = behind;
    Ok((S::open_declared(&declared, &context)?, context))
}

fn run<S: Stage>(
    stage: &mut S,
    context: &Context,
    joined: Joined,
    reporter: &mut Reporter,
) -> Result<(), StageError> {
    let Joined {
        mut output,
        events,
        terminate,
    } = joined;
    let inbox = Arc::new(inbox(stage, context));
    let closed = Arc::new(AtomicBool::new(false));
    let cut = output.cut();
    graph::read(context, events, &inbox, &closed, &cut)?;
    info!(stage = %context.stage, kind = S::KIND, process = std::process::id(), "ready");
    let ends = Ends {
        closed: &closed,
        terminate: &terminate,
        stopped: &cut,
    };
    drive(stage, context, &inbox, ends, reporter, &mut output)
}

/// The queue in front of an open stage.
pub(crate) fn inbox<S: Stage>(stage: &S, context: &Context) -> Inbox<S::In> {
    // What comes back to a source is no row of its own: it has counted each already.
    let counted = if S::OPTIONAL_INPUT {
        Counters::new(&context.stage, S::KIND, None)
    } else {
        context.counters.clone()
    };
    Inbox::new(stage.queue(), counted)
}
