//! The threads of a fused node: all stages open before the first row moves, and all stay
//! until the last one has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use camweave_pool::Attachments;
use dora_node_api::EventStream;

use super::outgoing::Outgoing;
use super::part::{AnyInbox, Go, News, Next, Seat};
use super::place::Place;
use super::plan::Plan;
use crate::drive::Reporter;
use crate::{Context, Declared, Exit, StageError};

/// A stage's thread, and what only its neighbours and the end of the run need.
struct Runner {
    name: Arc<str>,
    context: Context,
    closed: Arc<AtomicBool>,
    go: Sender<Go>,
    thread: JoinHandle<()>,
}

/// Open stages, each on its own thread.
pub struct Fused {
    runners: Vec<Runner>,
    inboxes: Vec<AnyInbox>,
    news: Receiver<News>,
    /// Whether the last stage gives rows.
    sends_out: bool,
}

impl Fused {
    /// Opens all stages of `plan` at once; `declared` is what the graph declares for the node.
    ///
    /// # Errors
    /// What the first stage says that cannot be opened, with its name.
    pub fn open(plan: &Plan, place: &Place<'_>, declared: &Declared) -> Result<Self, StageError> {
        // One for the process: what one stage maps, the others read.
        let attachments = Attachments::new();
        let (sender, news) = channel();
        let mut runners = Vec::new();
        for (index, seat) in plan.seats().iter().enumerate() {
            let name = format!("{}.{}", place.node, seat.name);
            let reporter = Reporter::open(place.stats_dir, plan.identity(index, place))?;
            let counters = reporter.counters().clone();
            let mut context = Context::new(&name, counters, attachments.clone(), place.stats_dir);
            if index == 0 && seat.part.is_source() {
                context.behind.clone_from(&place.behind);
            }
            let (go, wait) = channel();
            let closed = Arc::new(AtomicBool::new(false));
            let given = Seat {
                index,
                kind: seat.part.kind(),
                declared: plan.declared(index, declared),
                context: context.clone(),
                reporter,
                terminate: match index {
                    0 => Arc::clone(place.terminate),
                    // The others end when the stage before them has.
                    _ => Arc::default(),
                },
                closed: Arc::clone(&closed),
                news: sender.clone(),
                go: wait,
            };
            let part = seat.part;
            let thread = std::thread::Builder::new()
                .name(seat.name.clone())
                .spawn(move || part.run(given))
                .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
            runners.push(Runner {
                name: Arc::from(name),
                context,
                closed,
                go,
                thread,
            });
        }
        let mut fused = Self {
            inboxes: Vec::new(),
            runners,
            news,
            sends_out: plan.gives().is_some(),
        };
        fused.wait_until_open()?;
        Ok(fused)
    }

    fn wait_until_open(&mut self) -> Result<(), StageError> {
        let mut opened: Vec<_> = self.runners.iter().map(|_| None).collect();
        while opened.iter().any(Option::is_none) {
            match self.news.recv() {
                Ok(News::Opened(index, result)) => opened[index] = Some(result),
                Ok(News::Ended(index, _)) => return Err(died(&self.runners[index].name)),
                Err(_) => return Err(StageError::internal("the stages' threads are gone")),
            }
        }
        // The first in the order of the data's way, whichever was quicker.
        for (result, runner) in opened.into_iter().flatten().zip(&self.runners) {
            let inbox = result.map_err(|error| named(&runner.name, &error))?;
            self.inboxes.push(inbox);
        }
        Ok(())
    }

    /// Runs until the last stage has ended: after the end of `events`, of a source, or of
    /// the first stage that fails. Rows of `events` go to the first stage, those of the
    /// last one to `out`.
    ///
    /// # Errors
    /// What ended the first stage that failed, with its name.
    pub fn run(self, events: Option<EventStream>, out: &Outgoing) -> Result<(), StageError> {
        let Self {
            runners,
            inboxes,
            news,
            sends_out,
        } = self;
        let mut events = events;
        let cut = out.cut();
        for (index, runner) in runners.iter().enumerate() {
            let next = match (runners.get(index + 1), inboxes.get(index + 1)) {
                (Some(next), Some(inbox)) => Next::Stage {
                    inbox: Arc::clone(inbox),
                    context: next.context.clone(),
                    closed: Arc::clone(&next.closed),
                },
                _ => Next::Out(out.clone()),
            };
            let go = Go {
                events: events.take(),
                cut: Arc::clone(&cut),
                sends_out,
                next,
            };
            // A thread that is gone has said so.
            let _ = runner.go.send(go);
        }
        drop(inboxes);
        let mut failed: Option<StageError> = None;
        let mut running = runners.len();
        while running > 0 {
            let Ok(News::Ended(index, result)) = news.recv() else {
                break;
            };
            running -= 1;
            if let Err(error) = result {
                // A stage that was told to end has ended in order, and those behind it follow.
                if error.exit != Exit::Terminated {
                    for runner in &runners {
                        runner.stop();
                    }
                }
                failed.get_or_insert_with(|| named(&runners[index].name, &error));
            }
        }
        let threads: Vec<_> = runners.into_iter().map(|runner| runner.thread).collect();
        for thread in threads {
            // A panic has been reported as the stage's end.
            let _ = thread.join();
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Runner {
    /// Ends the stage as if nothing came any more.
    fn stop(&self) {
        self.closed.store(true, Ordering::Release);
        self.context.stopping.store(true, Ordering::Release);
        self.context.signal.wake();
    }
}

fn named(stage: &str, error: &StageError) -> StageError {
    StageError {
        exit: error.exit,
        message: format!("stage '{stage}': {}", error.message),
    }
}

fn died(stage: &str) -> StageError {
    StageError::internal(format!("stage '{stage}' ended before it was open"))
}
