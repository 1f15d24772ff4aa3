use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow_array::Array;
use camweave_message::{Never, Row};
use camweave_pool::Attachments;
use camweave_telemetry::{Counters, StatsFile, clock};
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{DoraNode, Event, EventStream, MetadataParameters};
use futures::StreamExt;
use futures::executor::block_on;
use tracing::{debug, error, info, warn};

use crate::inbox::Signal;
use crate::{Context, Env, Exit, Inbox, Key, Output, QueuePolicy, StageError, ports};

/// A stage: rows of one type in, rows of another out.
pub trait Stage: Sized {
    /// The kind of stage, which is also its binary's name.
    const KIND: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// The variables that it reads from the graph's `env`.
    const KEYS: &'static [Key] = &[];
    /// Whether the stage can do without its input.
    const OPTIONAL_INPUT: bool = false;
    /// What comes in; [`Never`] for a source.
    type In: Row;
    /// What goes out; [`Never`] for a sink.
    type Out: Row;

    /// Opens the stage.
    ///
    /// # Errors
    /// What makes the stage impossible, in one line. A camera that cannot be
    /// reached is none of that: it is a state, and the others go on.
    fn open(env: &Env, context: &Context) -> Result<Self, StageError>;

    /// Which rows give way when the stage falls behind.
    fn queue(&self) -> QueuePolicy {
        QueuePolicy::Complete { limit: 4096 }
    }

    /// Takes one message. The trace of each row names this stage already; a row
    /// that is sent on takes its trace along.
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

/// How often the counters are written.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// How long a stage goes on with what waits after it was told to stop.
const DRAIN_AT_MOST: Duration = Duration::from_secs(3);
/// The variable that overrides the folder of the reports.
const STATS_VARIABLE: &str = "CAMWEAVE_STATS_DIR";

/// The `main` of a node's binary.
pub fn main<S: Stage>() -> ExitCode {
    match arguments::<S>() {
        Ok(true) => {}
        Ok(false) => return Exit::Success.into(),
        Err(error) => return fail(&error),
    }
    if let Err(message) = camweave_telemetry::log::start() {
        return fail(&StageError::configuration(message));
    }
    match Runtime::start::<S>() {
        Ok(()) => Exit::Success.into(),
        Err(error) => {
            error!("{error}");
            error.exit.into()
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log is not running yet")]
fn fail(error: &StageError) -> ExitCode {
    eprintln!("error: {error}");
    error.exit.into()
}

/// Whether to go on: `--help` and `--version` answer and end.
#[expect(clippy::print_stdout, reason = "the answer to --help and --version")]
fn arguments<S: Stage>() -> Result<bool, StageError> {
    match std::env::args().nth(1).as_deref() {
        None => Ok(true),
        Some("--version" | "-V") => {
            println!("{} {}", S::KIND, env!("CARGO_PKG_VERSION"));
            Ok(false)
        }
        Some("--help" | "-h") => {
            println!("{}\n\n{}\n", S::KIND, S::ABOUT);
            println!("A node of a dora dataflow: set it as 'path' of a node and run the graph.\n");
            println!(
                "Input:  {}",
                if is_never::<S::In>() {
                    "none"
                } else {
                    S::In::SCHEMA
                }
            );
            println!(
                "Output: {}",
                if is_never::<S::Out>() {
                    "none"
                } else {
                    S::Out::SCHEMA
                }
            );
            println!("\nEnvironment (the node's 'env:' in the graph):");
            for key in S::KEYS {
                let default = match key.default {
                    Some("") => "not set".to_owned(),
                    Some(default) => format!("default {default}"),
                    None => "required".to_owned(),
                };
                println!("  {:<18} {} ({default})", key.name, key.help);
            }
            Ok(false)
        }
        Some(other) => Err(StageError::configuration(format!(
            "unexpected argument '{other}', expected --help, --version or none"
        ))),
    }
}

fn is_never<R: Row>() -> bool {
    R::SCHEMA == Never::SCHEMA
}

struct Runtime {
    node: DoraNode,
    context: Context,
    output: String,
    stats: StatsFile,
    reported: Instant,
    stats_fail: bool,
}

impl Runtime {
    fn start<S: Stage>() -> Result<(), StageError> {
        if std::env::var_os("DORA_NODE_CONFIG").is_none()
            && std::env::var_os("DORA_TEST_WITH_INPUTS").is_none()
        {
            return Err(StageError::configuration(format!(
                "'{}' is a node of a dora dataflow and was started alone; run a graph, for example 'dora run dataflows/cpu-batched.yml'",
                S::KIND
            )));
        }
        let terminate = signals()?;
        let (node, events) = DoraNode::init_from_env()
            .map_err(|error| StageError::missing(format!("cannot join the dataflow: {error}")))?;
        let mut runtime = Self::new::<S>(node)?;
        let result = runtime.run::<S>(events, &terminate);
        let fatal = result.as_ref().err().map(ToString::to_string);
        runtime.context.counters.closing(fatal.as_deref());
        runtime.report(true);
        result
    }

    fn new<S: Stage>(node: DoraNode) -> Result<Self, StageError> {
        let stage = node.id().to_string();
        let folder = match std::env::var_os(STATS_VARIABLE) {
            Some(folder) => PathBuf::from(folder),
            // dora keeps its logs of the run in the same place.
            None => Path::new("out")
                .join(node.dataflow_id().to_string())
                .join("stats"),
        };
        let stats = StatsFile::open(&folder, &stage)
            .map_err(|error| StageError::resource(error.to_string()))?;
        let context = Context {
            counters: Counters::new(&stage, S::KIND, stats.earlier()),
            stage: Arc::from(stage),
            attachments: Attachments::new(),
            stats_dir: Arc::from(folder),
            signal: Arc::new(Signal::default()),
            stopping: Arc::new(AtomicBool::new(false)),
        };
        Ok(Self {
            node,
            context,
            output: String::new(),
            stats,
            reported: Instant::now(),
            stats_fail: false,
        })
    }

    /// The names in this node's own `env:`; the graph's root `env:` is for everybody.
    fn declared_env(&self) -> Vec<String> {
        let Ok(descriptor) = self.node.dataflow_descriptor() else {
            return Vec::new();
        };
        let id = self.node.id();
        descriptor
            .nodes
            .iter()
            .filter(|node| node.id == *id)
            .flat_map(|node| node.env.iter().flatten().map(|(name, _)| name.clone()))
            .filter(|name| {
                !descriptor
                    .env
                    .iter()
                    .flatten()
                    .any(|(shared, _)| shared == name)
            })
            .collect()
    }

    fn run<S: Stage>(
        &mut self,
        events: EventStream,
        terminate: &AtomicBool,
    ) -> Result<(), StageError> {
        let config = self.node.node_config();
        let inputs: Vec<String> = config
            .inputs
            .iter()
            // Timers, which only keep a node restartable, are no input.
            .filter(|(_, input)| !input.mapping.to_string().starts_with("dora/"))
            .map(|(name, _)| name.to_string())
            .collect();
        let outputs: Vec<String> = config.outputs.iter().map(ToString::to_string).collect();
        let takes = (!is_never::<S::In>()).then_some(S::In::SCHEMA);
        let gives = (!is_never::<S::Out>()).then_some(S::Out::SCHEMA);
        self.output = ports::check(
            takes.filter(|_| !S::OPTIONAL_INPUT),
            gives,
            &inputs,
            &outputs,
        )?;
        let env = Env::new(S::KEYS, &self.declared_env(), |name| {
            std::env::var(name).ok()
        })?;
        let mut stage = S::open(&env, &self.context)?;
        // What comes back to a source is no row of its own: it has counted each already.
        let counted = if S::OPTIONAL_INPUT {
            Counters::new(&self.context.stage, S::KIND, None)
        } else {
            self.context.counters.clone()
        };
        let inbox = Arc::new(Inbox::new(stage.queue(), counted));
        let closed = Arc::new(AtomicBool::new(false));
        self.read(events, &inbox, &closed)?;
        info!(stage = %self.context.stage, kind = S::KIND, process = std::process::id(), "ready");

        let mut out = Output::default();
        let mut stopped_at: Option<Instant> = None;
        loop {
            while let Some(rows) = inbox.pop() {
                stage.rows(rows, &mut out)?;
                self.send(&mut out)?;
                self.report(false);
            }
            stage.tick(&mut out)?;
            self.send(&mut out)?;
            self.report(false);
            if terminate.load(Ordering::Acquire) {
                self.context.stopping.store(true, Ordering::Release);
            }
            if self.context.stopping() {
                let since = *stopped_at.get_or_insert_with(Instant::now);
                let drained = closed.load(Ordering::Acquire) && inbox.is_empty();
                if drained || since.elapsed() > DRAIN_AT_MOST {
                    break;
                }
            }
            if stage.finished() {
                break;
            }
            if inbox.is_empty() {
                let report = Instant::now() + REPORT_EVERY;
                let next = stage
                    .deadline()
                    .map_or(report, |deadline| deadline.min(report));
                self.context.signal.wait_until(next);
            }
        }
        self.context.stopping.store(true, Ordering::Release);
        stage.close(&mut out)?;
        self.send(&mut out)
    }

    /// Reads the graph's events on a thread of their own, so that the daemon never
    /// queues for a stage that is busy: what gives way is the stage's own choice.
    fn read<R: Row>(
        &self,
        mut events: EventStream,
        inbox: &Arc<Inbox<R>>,
        closed: &Arc<AtomicBool>,
    ) -> Result<(), StageError> {
        let context = self.context.clone();
        let inbox = Arc::clone(inbox);
        let closed = Arc::clone(closed);
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                while let Some(event) = block_on(events.next()) {
                    take(&context, &inbox, event);
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

    fn send<R: Row>(&mut self, out: &mut Output<R>) -> Result<(), StageError> {
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
                    self.context
                        .counters
                        .sent(&row.id().camera, leave - entered);
                }
            }
            let array: Arc<dyn Array> = Arc::new(R::to_arrow(&rows));
            self.node
                .send_output(
                    DataId::from(self.output.clone()),
                    MetadataParameters::default(),
                    dora_node_api::DoraArray::from(array),
                )
                .map_err(|error| StageError::missing(format!("cannot send: {error}")))?;
        }
        Ok(())
    }

    fn report(&mut self, now: bool) {
        if !now && self.reported.elapsed() < REPORT_EVERY {
            return;
        }
        self.reported = Instant::now();
        if let Some(report) = self.context.counters.changed_report() {
            match self.stats.write(&report) {
                Ok(()) => self.stats_fail = false,
                // Counting goes on; one line says that nobody can see it.
                Err(error) if !std::mem::replace(&mut self.stats_fail, true) => warn!("{error}"),
                Err(_) => {}
            }
        }
    }
}

fn take<R: Row>(context: &Context, inbox: &Inbox<R>, event: Event) {
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
            match R::from_arrow(&*array) {
                Ok(mut rows) => {
                    let enter = clock::monotonic_nanos();
                    for row in &mut rows {
                        row.trace_mut().0.push(context.pass(enter));
                    }
                    inbox.push(rows);
                    context.signal.wake();
                }
                Err(error) => {
                    context.counters.stage_error("malformed_message");
                    error!(input = %id, "message refused: {error}");
                }
            }
        }
        Event::Stop(cause) => {
            debug!(?cause, "stop");
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

/// Ctrl-C reaches the whole process group, but it is dora that stops the graph in
/// order; a direct SIGTERM ends this node as a stop would.
fn signals() -> Result<Arc<AtomicBool>, StageError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let terminate = Arc::new(AtomicBool::new(false));
    let ignored = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, ignored)
        .and_then(|_| signal_hook::flag::register(SIGTERM, Arc::clone(&terminate)))
        .map_err(|error| StageError::internal(format!("cannot handle signals: {error}")))?;
    Ok(terminate)
}
