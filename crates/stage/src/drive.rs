//! The loop of a stage, whatever brings its rows and takes them on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_message::Row;
use camweave_telemetry::{
    Counters, SpanSettings, Spans, StageIdentity, StatsError, StatsFile, clock, span_names,
};
use tracing::warn;

use crate::inbox::Inbox;
use crate::receivers::RECEIVER_STOPPED;
use crate::{Context, Fact, Output, Stage, StageError, Trouble};

/// The counters, as an output.
const COUNTERS: &str = "counters";
/// How often the counters are written.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// How often a source looks whether the stages behind it are open.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it says which are not.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// How long a stage goes on with what waits once nothing more comes. dora ends a node that is not
/// done 120 s after its inputs were closed (`finish_grace_secs`).
const DRAIN_AT_MOST: Duration = Duration::from_secs(60);
/// How long a stage that cannot wait for the end of its inputs goes on with what waits: where the
/// graph was stopped, or the node alone told to end. dora kills a node 10 s after a stop.
const DRAIN_AFTER_STOP_AT_MOST: Duration = Duration::from_secs(3);
/// How long a node that was told to end by a signal waits for dora's stop: where the signal went
/// to all processes, the graph ends in order. Without a stop the node alone is meant.
const STOP_WITHIN: Duration = Duration::from_millis(if cfg!(test) { 1000 } else { 2000 });

/// Still inside, or on the way to the next stage, when the run ended.
pub const STOPPED: &str = crate::DropReason::STOPPED.name;

/// Where a stage's messages go.
pub(crate) trait Outlet<R> {
    /// Takes one message; its rows have left the stage.
    fn take(&mut self, rows: Vec<R>) -> Result<(), StageError>;

    /// Whether these rows must not be sent, since too much waits for a receiver that is stopped.
    fn refuses(&mut self, _rows: &[R]) -> bool {
        false
    }

    /// Whether nothing that is sent arrives any more: dora's stop closes all inputs at once.
    fn is_cut(&self) -> bool;
}

/// Writes a stage's counters to its file.
pub(crate) struct Reporter {
    counters: Counters,
    file: StatsFile,
    reported: Instant,
    trouble: Trouble,
}

impl Reporter {
    /// Counters of a stage in `folder`, which go on where an earlier process of the same run
    /// stopped, with the spans that the environment asks for.
    pub fn open(folder: &Path, identity: StageIdentity) -> Result<Self, StageError> {
        let settings = SpanSettings::from_env().map_err(StageError::configuration)?;
        let (stage, kind) = (&identity.stage, &identity.kind);
        let spans = Spans::open(stage, kind, &settings, &folder.with_file_name("trace"));
        let refuse = |error: StatsError| match error.is_configuration() {
            true => StageError::configuration(format!("CAMWEAVE_STATS_DIR: {error}")),
            false => StageError::resource(error.to_string()),
        };
        let file = StatsFile::open(folder, stage).map_err(refuse)?;
        let counters = file.count(identity).map_err(refuse)?;
        let mut reporter = Self {
            counters: counters.with_spans(spans),
            file,
            reported: Instant::now(),
            trouble: Trouble::default(),
        };
        // Who looks for the node finds this process at once.
        reporter.write();
        Ok(reporter)
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last report, with the line of the error that ended the stage.
    pub fn close(&mut self, fatal: Option<&str>) {
        self.counters.spans().finish();
        self.counters.closing(fatal);
        self.write();
        self.trouble.close(COUNTERS);
    }

    fn write_now_and_then(&mut self) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.write();
        }
    }

    /// Writes what has changed.
    pub fn write(&mut self) {
        self.reported = Instant::now();
        if let Some(report) = self.counters.changed_report() {
            let written = self.file.write(&report).map_err(|error| error.to_string());
            if written.is_err() {
                self.counters.not_written(COUNTERS, 1);
            }
            // Counting goes on; a line says that nobody can see it.
            let written = written.as_ref().copied().map_err(|why| (1, &**why));
            self.trouble.note(COUNTERS, "", written);
        }
    }
}

/// What ends a stage's loop.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    /// Nothing will come any more.
    pub closed: &'a AtomicBool,
    /// The process was told to end.
    pub terminate: &'a AtomicBool,
    /// dora has stopped the graph.
    pub stopped: &'a AtomicBool,
}

/// How far a stage is on the way to its end.
#[derive(Default)]
struct Ending {
    terminated: Option<Instant>,
    stopping: Option<Instant>,
}

impl Ending {
    /// Whether the stage is to end now.
    fn is_due(&mut self, context: &Context, ends: Ends<'_>, is_cut: bool, is_empty: bool) -> bool {
        if !context.stopping() && ends.terminate.load(Ordering::Acquire) {
            let since = *self.terminated.get_or_insert_with(Instant::now);
            if since.elapsed() >= STOP_WITHIN {
                context.alone.store(true, Ordering::Release);
                context.stopping.store(true, Ordering::Release);
            }
        }
        if !context.stopping() {
            return false;
        }
        let since = *self.stopping.get_or_insert_with(Instant::now);
        let is_closed = ends.closed.load(Ordering::Acquire);
        let at_most = if is_closed && !ends.stopped.load(Ordering::Acquire) {
            DRAIN_AT_MOST
        } else {
            DRAIN_AFTER_STOP_AT_MOST
        };
        // What cannot be sent need not be worked on. Nor does anybody say when the inputs of a
        // node end that ends alone.
        let is_drained = is_empty && (is_closed || context.ends_alone());
        is_cut || is_drained || since.elapsed() > at_most
    }
}

/// Runs `stage` to its end.
///
/// # Errors
/// What ended the stage; [`crate::Exit::Terminated`] where it has ended in order, alone.
pub(crate) fn drive<S: Stage>(
    stage: &mut S,
    context: &Context,
    inbox: &Inbox<S::In>,
    ends: Ends<'_>,
    reporter: &mut Reporter,
    outlet: &mut dyn Outlet<S::Out>,
) -> Result<(), StageError> {
    let mut out = Output::default();
    let mut ending = Ending::default();
    if let Some(most) = stage.batch() {
        let most = most.to_string();
        context.counters.fact(&Fact::BATCH_AT_MOST, &most);
    }
    context.counters.ready();
    reporter.write();
    if wait_for_those_behind(context, reporter, || {
        ending.is_due(context, ends, outlet.is_cut(), true)
    }) {
        stage.begin()?;
    }
    loop {
        while context.is_ready() && !outlet.is_cut() {
            let waiting = inbox.rows();
            if waiting == 0 {
                break;
            }
            stage.wait(waiting)?;
            let rows = match stage.batch() {
                Some(most) if stage.is_in_order() => inbox.pop_in_order(most),
                batch => inbox.pop(batch),
            };
            let Some(rows) = rows else {
                break;
            };
            let span = context.span_over(&span_names::ROWS, &rows);
            stage.rows(rows, &mut out)?;
            drop(span);
            send(context, &mut out, outlet)?;
            reporter.write_now_and_then();
        }
        stage.tick(&mut out)?;
        send(context, &mut out, outlet)?;
        reporter.write_now_and_then();
        if ending.is_due(context, ends, outlet.is_cut(), inbox.is_empty()) {
            break;
        }
        if stage.finished() {
            break;
        }
        if inbox.is_empty() || !context.is_ready() {
            let report = Instant::now() + REPORT_EVERY;
            let next = stage
                .deadline()
                .map_or(report, |deadline| deadline.min(report));
            context.signal.wait_until(next);
        }
    }
    context.stopping.store(true, Ordering::Release);
    stage.close(&mut out)?;
    send(context, &mut out, outlet)?;
    // What came in and did not come out by now stays inside.
    context.counters.settle(STOPPED);
    if context.ends_alone() {
        return Err(StageError::terminated(&context.stage));
    }
    Ok(())
}

/// Waits until the stages behind a source are open; whether they are. `ends` says that the run is
/// over before that.
fn wait_for_those_behind(
    context: &Context,
    reporter: &mut Reporter,
    mut ends: impl FnMut() -> bool,
) -> bool {
    let Some(behind) = &context.behind else {
        return true;
    };
    let mut said = Instant::now();
    loop {
        let opening = behind.opening();
        if opening.is_empty() {
            return true;
        }
        if ends() || context.stopping() {
            return false;
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let opening = opening.join(", ");
            warn!(stage = %context.stage, "begins when all nodes downstream are ready; still being opened: {opening}");
        }
        reporter.write_now_and_then();
        context.signal.wait_until(Instant::now() + LOOK_EVERY);
    }
}

/// Notes when each row leaves, counts it, and hands the messages on.
fn send<R: Row>(
    context: &Context,
    out: &mut Output<R>,
    outlet: &mut dyn Outlet<R>,
) -> Result<(), StageError> {
    for mut rows in out.take() {
        if outlet.is_cut() {
            continue; // these rows stay, and are counted at the end
        }
        if outlet.refuses(&rows) {
            // The ends of sessions are small, and always sent.
            rows.retain(|row| {
                if row.is_frame() {
                    let camera = &row.id().camera;
                    context.counters.dropped(camera, RECEIVER_STOPPED, 1);
                }
                !row.is_frame()
            });
            if rows.is_empty() {
                continue;
            }
        }
        let leave = clock::monotonic_nanos();
        for row in &mut rows {
            let entered = match row.trace_mut().0.last_mut() {
                Some(pass) if pass.leave_nanos == 0 => {
                    pass.leave_nanos = leave;
                    pass.enter_nanos
                }
                _ => leave,
            };
            if row.is_frame() {
                context.counters.sent(&row.id().camera, leave - entered);
            }
        }
        let span = context.span_over(&span_names::SEND, &rows);
        outlet.take(rows)?;
        drop(span);
    }
    Ok(())
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
