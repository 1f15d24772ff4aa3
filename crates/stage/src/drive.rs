//! The loop of a stage, whatever brings its rows and takes them on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_message::Row;
use camweave_telemetry::{Counters, SpanSettings, Spans, StatsFile, clock, span_names};
use tracing::warn;

use crate::{Context, Inbox, Output, Stage, StageError};

/// How often the counters are written.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// How long a stage goes on with what waits after it was told to stop.
const DRAIN_AT_MOST: Duration = Duration::from_secs(3);

/// Where a stage's messages go.
pub(crate) trait Outlet<R> {
    /// Takes one message; its rows have left the stage.
    fn take(&mut self, rows: Vec<R>) -> Result<(), StageError>;
}

/// Writes a stage's counters to its file.
pub(crate) struct Reporter {
    counters: Counters,
    file: StatsFile,
    reported: Instant,
    fails: bool,
}

impl Reporter {
    /// Counters of `stage` in `folder`, which go on where an earlier process stopped, with the
    /// spans that the environment asks for.
    pub fn open(folder: &Path, stage: &str, kind: &str) -> Result<Self, StageError> {
        let settings = SpanSettings::from_env().map_err(StageError::configuration)?;
        let spans = Spans::open(stage, kind, &settings, &folder.with_file_name("trace"));
        let file = StatsFile::open(folder, stage)
            .map_err(|error| StageError::resource(error.to_string()))?;
        Ok(Self {
            counters: Counters::new(stage, kind, file.earlier()).with_spans(spans),
            file,
            reported: Instant::now(),
            fails: false,
        })
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last report, with the line of the error that ended the stage.
    pub fn close(&mut self, fatal: Option<&str>) {
        self.counters.spans().finish();
        self.counters.closing(fatal);
        self.write();
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
            match self.file.write(&report) {
                Ok(()) if std::mem::take(&mut self.fails) => {
                    warn!("counters: written again");
                }
                Ok(()) => {}
                Err(error) => {
                    // Counting goes on; one line says that nobody can see it.
                    self.counters.not_written("counters", 1);
                    if !std::mem::replace(&mut self.fails, true) {
                        warn!("counters: not written: {error}; the run goes on");
                    }
                }
            }
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
}

/// Runs `stage` to its end.
pub(crate) fn drive<S: Stage>(
    stage: &mut S,
    context: &Context,
    inbox: &Inbox<S::In>,
    ends: Ends<'_>,
    reporter: &mut Reporter,
    outlet: &mut dyn Outlet<S::Out>,
) -> Result<(), StageError> {
    let mut out = Output::default();
    let mut stopped_at: Option<Instant> = None;
    loop {
        while context.is_ready()
            && let Some(rows) = inbox.pop()
        {
            let span = context.span_over(&span_names::ROWS, &rows);
            stage.rows(rows, &mut out)?;
            drop(span);
            send(context, &mut out, outlet)?;
            reporter.write_now_and_then();
        }
        stage.tick(&mut out)?;
        send(context, &mut out, outlet)?;
        reporter.write_now_and_then();
        if ends.terminate.load(Ordering::Acquire) {
            context.stopping.store(true, Ordering::Release);
        }
        if context.stopping() {
            let since = *stopped_at.get_or_insert_with(Instant::now);
            let drained = ends.closed.load(Ordering::Acquire) && inbox.is_empty();
            if drained || since.elapsed() > DRAIN_AT_MOST {
                break;
            }
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
    send(context, &mut out, outlet)
}

/// Notes when each row leaves, counts it, and hands the messages on.
fn send<R: Row>(
    context: &Context,
    out: &mut Output<R>,
    outlet: &mut dyn Outlet<R>,
) -> Result<(), StageError> {
    for mut rows in out.take() {
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
