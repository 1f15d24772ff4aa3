//! The process of a node, from its command line to its exit code.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use camweave_pool::Attachments;
use camweave_telemetry::{Counters, StageReport, read_reports_of};
use tracing::info;

use crate::behind::Behind;
use crate::describe::{self, CheckDepth, Description, Question};
use crate::drive::{Ends, Reporter, drive};
use crate::graph::{self, GraphOutput};
use crate::inbox::Inbox;
use crate::stage::{Stage, is_never, schemas};
use crate::start::{Ended, Joined};
use crate::{Context, Declared, Exit, StageError};

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

/// The reader may have hung up (`sink --help | head -1`).
fn print(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()));
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
    // Returned frames were counted when they were sent; do not count them again.
    let counted = if S::OPTIONAL_INPUT {
        Counters::new(&context.stage, S::KIND, None)
    } else {
        context.counters.clone()
    };
    Inbox::new(stage.queue(), counted)
}
