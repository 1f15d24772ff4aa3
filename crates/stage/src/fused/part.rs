//! A kind of stage without its type, so that a list of them can be put together at run time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, PoisonError};

use camweave_message::Row;
use camweave_telemetry::clock;
use dora_node_api::EventStream;
use tracing::info;

use super::outgoing::{Outgoing, Way};
use crate::describe::{self, CheckDepth};
use crate::drive::{Ends, Outlet, Reporter, drive};
use crate::inbox::Inbox;
use crate::runtime::inbox;
use crate::stage::schemas;
use crate::{Context, Declared, Description, Setting, Stage, StageError, graph};

/// A kind of stage that a fused node can run.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    kind: &'static str,
    is_source: bool,
    describe: fn() -> Description,
    check: fn(&Declared, CheckDepth) -> Result<(), StageError>,
    schemas: fn() -> [Option<&'static str>; 2],
    is_alone: bool,
    run: fn(Seat),
}

impl Part {
    /// The stage `S`.
    #[must_use]
    pub const fn of<S: Stage + 'static>() -> Self {
        Self {
            kind: S::KIND,
            is_source: S::OPTIONAL_INPUT,
            describe: Description::of::<S>,
            check: describe::check::<S>,
            schemas: schemas::<S>,
            is_alone: !S::In::ALSO.is_empty(),
            run: run::<S>,
        }
    }

    /// The kind of stage, which is also the name of its own binary.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What the stage says of itself.
    #[must_use]
    pub fn describe(&self) -> Description {
        (self.describe)()
    }

    /// The stage's settings.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        self.describe().settings
    }

    /// Whether the stage takes these variables.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub(crate) fn check(&self, declared: &Declared, depth: CheckDepth) -> Result<(), StageError> {
        (self.check)(declared, depth)
    }

    /// Whether the stage can do without its input, and so begins the data's way.
    #[must_use]
    pub fn is_source(&self) -> bool {
        self.is_source
    }

    /// Whether the stage takes rows of two stages, and so only runs as a node of its own.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// The rows that come in, by their schema; none for a source without input.
    #[must_use]
    pub fn takes(&self) -> Option<&'static str> {
        (self.schemas)()[0]
    }

    /// The rows that go out, by their schema; none for a sink.
    #[must_use]
    pub fn gives(&self) -> Option<&'static str> {
        (self.schemas)()[1]
    }

    /// What the stage's thread does.
    pub(super) fn run(&self, seat: Seat) {
        (self.run)(seat);
    }
}

/// A stage's queue, of whatever rows.
pub(super) type AnyInbox = Arc<dyn Any + Send + Sync>;

/// What a stage's thread is given.
pub(super) struct Seat {
    pub index: usize,
    pub kind: &'static str,
    pub declared: Declared,
    pub context: Context,
    pub reporter: Reporter,
    pub terminate: Arc<AtomicBool>,
    /// Nothing will come any more: the stage before has ended.
    pub closed: Arc<AtomicBool>,
    pub news: Sender<News>,
    /// Says once that all stages are open. That it hangs up says that the stage may go.
    pub go: Receiver<Go>,
}

/// What a stage's thread says.
pub(super) enum News {
    Opened(usize, Result<AnyInbox, StageError>),
    Ended(usize, Result<(), StageError>),
}

/// What a stage needs to run, and only has when all are open.
pub(super) struct Go {
    /// For the first stage: what the graph brings.
    pub events: Option<EventStream>,
    /// Set when nothing arrives any more that leaves the process.
    pub cut: Arc<AtomicBool>,
    /// Whether anything leaves the process.
    pub sends_out: bool,
    pub next: Next,
}

/// Where a stage's rows go.
pub(super) enum Next {
    Stage {
        inbox: AnyInbox,
        context: Context,
        closed: Arc<AtomicBool>,
    },
    Out(Outgoing),
}

fn run<S: Stage>(mut seat: Seat) {
    let opened = guarded(|| {
        let stage = S::open_declared(&seat.declared, &seat.context)?;
        let inbox = Arc::new(inbox(&stage, &seat.context));
        Ok((stage, inbox))
    });
    let (mut stage, inbox) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            seat.reporter.close(Some(&error.message));
            // Only fails where nobody waits any more.
            let _ = seat.news.send(News::Opened(seat.index, Err(error)));
            return;
        }
    };
    let any: AnyInbox = inbox.clone();
    let _ = seat.news.send(News::Opened(seat.index, Ok(any)));
    let Ok(go) = seat.go.recv() else {
        seat.reporter.close(None);
        return; // another stage cannot be opened
    };
    let cut = go.sends_out.then(|| Arc::clone(&go.cut));
    let mut outlet = match Link::new(go.next, cut) {
        Ok(outlet) => outlet,
        Err(error) => {
            let _ = seat.news.send(News::Ended(seat.index, Err(error)));
            return;
        }
    };
    let ends = Ends {
        closed: &seat.closed.clone(),
        terminate: &seat.terminate.clone(),
        stopped: &go.cut,
    };
    let context = seat.context.clone();
    let result = guarded(|| {
        if let Some(events) = go.events {
            graph::read(&context, events, &inbox, &seat.closed, &go.cut)?;
        }
        info!(stage = %context.stage, kind = seat.kind, process = std::process::id(), "ready");
        drive(
            &mut stage,
            &context,
            &inbox,
            ends,
            &mut seat.reporter,
            &mut outlet,
        )
    });
    seat.reporter
        .close(result.as_ref().err().and_then(StageError::fatal));
    outlet.end(context.ends_alone());
    let _ = seat.news.send(News::Ended(seat.index, result));
    // The stages behind may still read from this one's pools.
    let _ = seat.go.recv();
}

fn guarded<T>(work: impl FnOnce() -> Result<T, StageError>) -> Result<T, StageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(StageError::internal(
            "the stage panicked; the location is in the lines above",
        ))
    })
}

/// The way to the next stage or out of the process.
struct Link<R> {
    destination: Destination<R>,
    /// Set when nothing arrives any more that leaves the process; none where nothing leaves it.
    cut: Option<Arc<AtomicBool>>,
}

enum Destination<R> {
    Stage {
        inbox: Arc<Inbox<R>>,
        context: Context,
        closed: Arc<AtomicBool>,
    },
    Out(Outgoing),
}

impl<R: Row> Link<R> {
    fn new(next: Next, cut: Option<Arc<AtomicBool>>) -> Result<Self, StageError> {
        let destination = match next {
            Next::Stage {
                inbox,
                context,
                closed,
            } => {
                let inbox = inbox.downcast::<Inbox<R>>().map_err(|_| {
                    StageError::internal(format!(
                        "stage '{}' does not take {}",
                        context.stage,
                        R::SCHEMA
                    ))
                })?;
                Destination::Stage {
                    inbox,
                    context,
                    closed,
                }
            }
            Next::Out(out) => Destination::Out(out),
        };
        Ok(Self { destination, cut })
    }

    /// Nothing more will come; the process ends `alone` where the run continues without it.
    fn end(&self, alone: bool) {
        if let Destination::Stage {
            context, closed, ..
        } = &self.destination
        {
            context.alone.store(alone, Ordering::Release);
            closed.store(true, Ordering::Release);
            context.stopping.store(true, Ordering::Release);
            context.signal.wake();
        }
    }
}

impl<R: Row> Outlet<R> for Link<R> {
    fn take(&mut self, mut rows: Vec<R>) -> Result<(), StageError> {
        match &self.destination {
            Destination::Stage { inbox, context, .. } => {
                let enter = clock::monotonic_nanos();
                for row in &mut rows {
                    row.trace_mut().0.push(context.pass(enter));
                }
                inbox.push(rows);
                context.signal.wake();
                Ok(())
            }
            Destination::Out(Outgoing(Way::Graph(output))) => output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(rows),
            Destination::Out(Outgoing(Way::Channel(sender))) => {
                // The receiver has hung up; drop the rows.
                let _ = sender.send(R::to_arrow(&rows));
                Ok(())
            }
        }
    }

    fn refuses(&mut self, rows: &[R]) -> bool {
        match &self.destination {
            Destination::Out(Outgoing(Way::Graph(output))) => output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .refuses(rows),
            _ => false,
        }
    }

    fn is_cut(&self) -> bool {
        let cut = self.cut.as_ref();
        cut.is_some_and(|cut| cut.load(Ordering::Acquire))
    }
}
