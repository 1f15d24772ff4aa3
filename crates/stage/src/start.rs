//! The end of a node that cannot start.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_message::Never;
use camweave_pool::Attachments;
use camweave_telemetry::Counters;
use dora_node_api::EventStream;
use tracing::error;

use crate::graph::{self, GraphOutput};
use crate::inbox::Inbox;
use crate::{Context, QueuePolicy, StageError};

/// How often a node that idles looks whether it was told to end.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A node's place in the graph.
pub(crate) struct Joined {
    pub output: GraphOutput,
    pub events: EventStream,
    /// Set when the process was told to end.
    pub terminate: Arc<AtomicBool>,
}

impl Joined {
    /// Joins the dataflow that started this process.
    pub fn new(kind: &str) -> Result<Self, StageError> {
        let terminate = graph::signals()?;
        let (node, events) = graph::join(kind)?;
        Ok(Self {
            output: GraphOutput::new(node),
            events,
            terminate,
        })
    }

    /// The end of a node that cannot start for this reason.
    ///
    /// dora starts a node that has failed again and again, and each time the same line would be
    /// said. Where that cannot help, the node says its line once, and stays until its inputs or
    /// the graph end: dora then starts nothing, and shows line and exit code as the node's result.
    ///
    /// A source does not stay, as those behind it would wait for it indefinitely. It says its line
    /// and ends with 0, after which dora does not start it again either: the stages behind it end
    /// in order, and the last gives the graph its code (see `unfed`).
    pub fn fail(self, error: StageError, is_source: bool) -> Ended {
        let has_input = !is_source && self.output.inputs().next().is_some();
        let is_final = error.exit.is_lasting() && self.output.is_restarted();
        Ended {
            error,
            ends_graph: is_final && is_source,
            is_said: false,
            stays: (is_final && has_input).then(|| Box::new(self)),
        }
    }

    /// Takes what comes and does nothing, until nothing more comes.
    fn idle(self) {
        let id = self.output.node().id().to_string();
        let counters = Counters::new(&id, "idle", None);
        let limit = QueuePolicy::Complete { limit: 1 };
        let inbox = Arc::new(Inbox::<Never>::new(limit, counters.clone()));
        let context = Context::new(&id, counters, Attachments::new(), Path::new("."));
        let closed = Arc::new(AtomicBool::new(false));
        if graph::read(&context, self.events, &inbox, &closed, &self.output.cut()).is_err() {
            return;
        }
        while !context.stopping() && !self.terminate.load(Ordering::Acquire) {
            context.signal.wait_until(Instant::now() + LOOK_EVERY);
        }
    }
}

/// Why a node has ended.
pub(crate) struct Ended {
    error: StageError,
    /// The error is in the report, for the last stage to find.
    ends_graph: bool,
    /// Another node has said why.
    is_said: bool,
    /// The node's place in the graph, where it has to be kept.
    stays: Option<Box<Joined>>,
}

impl From<StageError> for Ended {
    fn from(error: StageError) -> Self {
        Self {
            error,
            ends_graph: false,
            is_said: false,
            stays: None,
        }
    }
}

impl Ended {
    /// The end of a node for a reason that the log has from another: dora repeats what a node that
    /// failed has said, twice.
    pub fn said(error: StageError) -> Self {
        Self {
            is_said: true,
            ..Self::from(error)
        }
    }

    /// Says why, and gives the exit code when it is time.
    pub fn finish(self) -> ExitCode {
        let Self {
            error,
            ends_graph,
            is_said,
            stays,
        } = self;
        match stays {
            None => {
                if !is_said {
                    error!("{error}");
                }
                if ends_graph {
                    return ExitCode::SUCCESS;
                }
            }
            Some(joined) => {
                error!("{error} (this node is idle until the graph ends)");
                joined.idle();
            }
        }
        error.exit.into()
    }
}
