//! The node's side of dora: joining the dataflow, its events, its output.

use std::mem::discriminant;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::Array;
use camweave_message::Row;
use camweave_telemetry::StageIdentity;
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{
    DoraArray, DoraNode, Event, EventStream, MetadataParameters, SampleAllocator, StopCause,
};
use futures::StreamExt;
use futures::executor::block_on;
use tracing::{debug, info, warn};

use crate::boundary::Boundary;
use crate::common_env::STATS_VARIABLE;
use crate::drive::Outlet;
use crate::inbox::Inbox;
use crate::receivers::Receivers;
use crate::stage::is_never;
use crate::{Context, Declared, StageError, ports};

/// Joins the dataflow that started this process.
pub(crate) fn join(kind: &str) -> Result<(DoraNode, EventStream), StageError> {
    if std::env::var_os("DORA_NODE_CONFIG").is_none()
        && std::env::var_os("DORA_TEST_WITH_INPUTS").is_none()
    {
        return Err(StageError::configuration(format!(
            "'{kind}' is a node of a dora dataflow and was started alone; run a graph, for example 'dora run dataflows/cpu-batched.yml'"
        )));
    }
    DoraNode::init_from_env()
        .map_err(|error| StageError::missing(format!("cannot join the dataflow: {error}")))
}

/// The run's folder for reports.
pub(crate) fn stats_folder(node: &DoraNode) -> PathBuf {
    match std::env::var_os(STATS_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        // dora keeps its logs of the run in the same place.
        None => Path::new("out")
            .join(node.dataflow_id().to_string())
            .join("stats"),
    }
}

/// The variables that the graph declares for this node, with the values that dora has made of them.
///
/// # Errors
/// dora's description of the graph cannot be read, so the settings are not known.
pub(crate) fn declared(node: &DoraNode) -> Result<Declared, StageError> {
    let descriptor = node.dataflow_descriptor().map_err(|error| {
        StageError::configuration(format!(
            "dora's description of the graph cannot be read, expected no '$' in the values of 'env:': {error:#}"
        ))
    })?;
    let value = |name: &String| Some((name.clone(), std::env::var(name).ok()?));
    let own = descriptor.nodes.iter().filter(|it| it.id == *node.id());
    let own = own.flat_map(|it| it.env.iter().flatten());
    let own: Vec<_> = own.filter_map(|(name, _)| value(name)).collect();
    let shared = descriptor.env.iter().flatten();
    let shared: Vec<_> = shared.filter_map(|(name, _)| value(name)).collect();
    Ok(Declared::of(own).with_shared(shared))
}

/// The node, and the one output that the graph declares for it.
pub(crate) struct GraphOutput {
    node: DoraNode,
    output: String,
    cut: Arc<AtomicBool>,
    receivers: Option<Receivers>,
}

impl GraphOutput {
    /// The output is known after [`GraphOutput::check_ports`].
    pub fn new(node: DoraNode) -> Self {
        Self {
            node,
            output: String::new(),
            cut: Arc::default(),
            receivers: None,
        }
    }

    /// Bounds what is sent to those that do not read, as the reports in `folder` show them.
    pub fn watch_receivers(&mut self, folder: &Path) -> Result<(), StageError> {
        if self.output.is_empty() {
            return Ok(()); // a sink
        }
        let run = self.node.dataflow_id().to_string();
        let receivers = Receivers::watch(folder, self.node.id().as_ref(), &run)
            .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
        self.receivers = Some(receivers);
        Ok(())
    }

    /// Set when dora stops the graph: from then on it delivers nothing.
    pub fn cut(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cut)
    }

    /// What this node is in the graph, as its counters say it.
    pub fn identity(&self, kind: &str, is_source: bool, gives: bool) -> StageIdentity {
        let id = self.node.id().to_string();
        let mut takes = Vec::new();
        // What comes back to a source was counted when it was sent.
        if !is_source {
            let inputs = self.node.node_config().inputs.values();
            let givers = inputs.filter_map(|input| {
                let mapping = input.mapping.to_string();
                let (giver, _) = mapping.split_once('/')?;
                (giver != "dora").then(|| giver.to_owned())
            });
            takes = givers.collect();
            takes.sort();
            takes.dedup();
        }
        StageIdentity {
            stage: id.clone(),
            kind: kind.to_owned(),
            run: self.node.dataflow_id().to_string(),
            takes,
            gives: if gives { id } else { String::new() },
        }
    }

    pub fn node(&self) -> &DoraNode {
        &self.node
    }

    /// The inputs that the graph declares. Timers, which only keep a node restartable, are none.
    pub fn inputs(&self) -> impl Iterator<Item = String> {
        let inputs = self.node.node_config().inputs.iter();
        inputs
            .filter(|(_, input)| !input.mapping.to_string().starts_with("dora/"))
            .map(|(name, _)| name.to_string())
    }

    /// Whether dora starts the node again when it has failed.
    pub fn is_restarted(&self) -> bool {
        let Ok(descriptor) = self.node.dataflow_descriptor() else {
            return false;
        };
        // The default is 'never'; the type itself is not for nodes to name.
        let mut nodes = descriptor.nodes.iter();
        nodes.any(|node| {
            node.id == *self.node.id()
                && discriminant(&node.restart_policy) != discriminant(&Default::default())
        })
    }

    /// Checks what the graph declares against what the stage takes and gives.
    pub fn check_ports(
        &mut self,
        takes: Option<&str>,
        gives: Option<&str>,
    ) -> Result<(), StageError> {
        let inputs: Vec<String> = self.inputs().collect();
        let outputs = self.node.node_config().outputs.iter();
        let outputs: Vec<String> = outputs.map(ToString::to_string).collect();
        self.output = ports::check(takes, gives, &inputs, &outputs)?;
        Ok(())
    }
}

impl<R: Row> Outlet<R> for GraphOutput {
    fn take(&mut self, rows: Vec<R>) -> Result<(), StageError> {
        let array: Arc<dyn Array> = Arc::new(R::to_arrow(&rows));
        // Edges that lose nothing, as all of ours are, go through the daemon, by a socket: dora would
        // encode into shared memory first, and copy it out of there.
        SampleAllocator::heap()
            .encode_arrow(&DoraArray::from(array))
            .and_then(|encoded| {
                let output = DataId::from(self.output.clone());
                self.node
                    .send_output_encoded(output, MetadataParameters::default(), encoded)
            })
            .map_err(|error| StageError::missing(format!("cannot send: {error}")))
    }

    fn refuses(&mut self, rows: &[R]) -> bool {
        let receivers = self.receivers.as_mut();
        receivers.is_some_and(|it| it.refuse(|| R::to_arrow(rows).get_array_memory_size()))
    }

    fn is_cut(&self) -> bool {
        // A sink has nothing to send.
        !self.output.is_empty() && self.cut.load(Ordering::Acquire)
    }
}

/// Reads the graph's events on a thread of their own, so that the daemon never
/// queues for a stage that is busy: what is dropped is the stage's own choice.
pub(crate) fn read<R: Row>(
    context: &Context,
    mut events: EventStream,
    inbox: &Arc<Inbox<R>>,
    closed: &Arc<AtomicBool>,
    cut: &Arc<AtomicBool>,
) -> Result<(), StageError> {
    let context = context.clone();
    let mut boundary = Boundary::new(&context, inbox);
    let closed = Arc::clone(closed);
    let cut = Arc::clone(cut);
    std::thread::Builder::new()
        .name("events".to_owned())
        .spawn(move || {
            while let Some(event) = block_on(events.next()) {
                take(&context, &mut boundary, &cut, event);
                for (input, count) in events.drain_drop_counts() {
                    warn!(%input, count, "dora dropped messages");
                    context.counters.stage_error("dora_dropped");
                }
            }
            closed.store(true, Ordering::Release);
            context.stopping.store(true, Ordering::Release);
            context.signal.wake();
        })
        .map(drop)
        .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))
}

fn take<R: Row>(context: &Context, boundary: &mut Boundary<R>, cut: &AtomicBool, event: Event) {
    match event {
        Event::Input { id, data, .. } => {
            if is_never::<R>() {
                return; // a timer that only keeps the node restartable
            }
            let array = data.into_inner();
            // A timer's tick is a null array.
            if array.data_type() == &arrow_schema::DataType::Null {
                return;
            }
            boundary.take(id.as_ref(), &*array);
        }
        Event::Stop(cause) => {
            debug!(?cause, "stop");
            // dora stops all nodes at once, and from then on takes nothing from one to another.
            // Where only the inputs have ended, those behind still listen.
            if matches!(cause, StopCause::Manual) {
                context.counters.stopped();
                cut.store(true, Ordering::Release);
            }
            context.stopping.store(true, Ordering::Release);
            context.signal.wake();
        }
        Event::InputClosed { id } => debug!(input = %id, "input closed"),
        Event::NodeRestarted { id } => info!(node = %id, "an upstream node came back"),
        Event::NodeFailed {
            source_node_id,
            error,
            ..
        } => {
            // dora appends what the node wrote, which its own log has.
            let reason = error.lines().next().unwrap_or_default();
            let reason = reason.trim_end_matches(" with stderr output:");
            warn!(node = %source_node_id, "an upstream node failed: {reason}");
        }
        Event::Error(error) => {
            context.counters.stage_error("dora");
            warn!("dora: {error}");
        }
        other => debug!(?other, "event"),
    }
}

/// Ctrl-C may reach the whole process group, and a service manager's SIGTERM all processes; it is
/// dora that stops the graph in order then. A node that is told to end and hears nothing of dora
/// ends alone (see [`crate::Exit::Terminated`]).
pub(crate) fn signals() -> Result<Arc<AtomicBool>, StageError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let terminate = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&terminate))
            .map_err(|error| StageError::internal(format!("cannot handle signals: {error}")))?;
    }
    Ok(terminate)
}
