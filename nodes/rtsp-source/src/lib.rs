//! The `rtsp-source` stage: cameras in, units out.
//!
//! One task per camera connects, reads, and connects again; units reach the stage's
//! loop through one bounded hand-over. [`cameras`] reads `cameras.yml`. `README.md` is the node's
//! documentation.

mod backoff;
mod camera_task;
mod choice;
mod client;
mod failure;
mod ffmpeg_client;
mod liveness;
mod outbox;
mod rtsp_client;
mod session;
mod starting;
mod timeline;

pub use camweave_cameras as cameras;
pub use failure::{Failure, FailureKind};

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use camweave_message::{Never, Unit};
use camweave_stage::{Context, Env, Key, Output, Stage, StageError};
use crossbeam_channel::Receiver;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use camera_task::{CameraTask, Settings, TEARDOWN_AT_MOST};
use outbox::{AllBytes, Outbox, Waiting};
use starting::Starting;

/// Rows of one message at most.
const ROWS_PER_MESSAGE: usize = 64;
/// Bytes of one message's access units at most, or one access unit: dora carries 64 MiB.
const BYTES_PER_MESSAGE: usize = 4 * 1024 * 1024;
/// Bytes of an access unit that may be asked for: far below what dora carries.
const MOST_ACCESS_UNIT_BYTES: usize = 32 * 1024 * 1024;
/// How often it looks whether cameras that were called have started, while others wait.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Threads that read from all cameras.
const WORKERS: usize = 2;

/// Reads RTSP cameras.
pub struct RtspSource {
    context: Context,
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    has_begun: bool,
    starting_at_once: usize,
    starting: Starting,
    /// When it was last looked for cameras that have started.
    looked: Instant,
    /// Cameras that have not been called yet.
    unconnected: VecDeque<CameraTask>,
    tasks: Vec<JoinHandle<()>>,
    units: Receiver<Waiting>,
    /// Would have made the message before too large.
    next: Option<Waiting>,
}

impl Stage for RtspSource {
    const KIND: &'static str = "rtsp-source";
    const ABOUT: &'static str = "Reads cameras (RTSP, and by FFmpeg RTSP over TLS, HTTP, HLS, RTMP, SRT, V4L2) and gives out their access units.";
    const KEYS: &'static [Key] = &[
        Key {
            name: "CAMERAS",
            default: None,
            help: "the path of a cameras.yml",
        },
        Key {
            name: "CONNECT_TIMEOUT_MS",
            default: Some("5000"),
            help: "milliseconds until a session must play",
        },
        Key {
            name: "STALL_TIMEOUT_MS",
            default: Some("5000"),
            help: "milliseconds without a frame until a camera is connected anew",
        },
        Key {
            name: "RECONNECT_MIN_MS",
            default: Some("200"),
            help: "milliseconds until the first attempt to connect anew; doubles with each",
        },
        Key {
            name: "RECONNECT_MAX_MS",
            default: Some("700"),
            help: "milliseconds between attempts at most; more where trying soon cannot help",
        },
        Key {
            name: "STARTING_AT_ONCE",
            default: Some("40"),
            help: "cameras that may be between their first call and their first decoded frame",
        },
        Key {
            name: "ACCESS_UNIT_MAX_BYTES",
            default: Some("8388608"),
            help: "bytes of one access unit at most; a camera that sends a larger one is connected anew",
        },
    ];
    const OPTIONAL_INPUT: bool = true;
    type In = Never;
    type Out = Unit;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let settings = settings(env)?;
        let cameras = cameras::load(Path::new(env.required("CAMERAS")?))
            .map_err(|error| StageError::configuration(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("rtsp")
            .enable_all()
            .build()
            .map_err(|error| StageError::resource(format!("cannot start threads: {error}")))?;
        let (sender, units) = outbox::channel(cameras.len());
        let all_bytes = AllBytes::default();
        let unconnected = cameras
            .into_iter()
            .map(|camera| {
                let outbox = Outbox::new(
                    sender.clone(),
                    AllBytes::clone(&all_bytes),
                    context.waker(),
                    context.counters.clone(),
                );
                CameraTask::new(camera, settings, context.clone(), outbox)
            })
            .collect();
        Ok(Self {
            context: context.clone(),
            runtime: Some(runtime),
            stop: watch::channel(false).0,
            has_begun: false,
            starting_at_once: env.number("STARTING_AT_ONCE", 1..=100_000)?,
            starting: Starting::default(),
            looked: Instant::now(),
            unconnected,
            tasks: Vec::new(),
            units,
            next: None,
        })
    }

    fn begin(&mut self) -> Result<(), StageError> {
        self.has_begun = true;
        self.call();
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Never>, _: &mut Output<Unit>) -> Result<(), StageError> {
        match rows.into_iter().next() {
            Some(never) => match never {},
            None => Ok(()),
        }
    }

    fn tick(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        self.take(out);
        self.call();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        (self.has_begun && !self.unconnected.is_empty()).then(|| self.looked + LOOK_EVERY)
    }

    fn finished(&self) -> bool {
        // Nothing waits in front of a source: it can end at once.
        self.context.stopping()
    }

    fn close(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        self.stop.send_replace(true);
        let tasks = futures::future::join_all(self.tasks.drain(..));
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(async {
                // Tasks end by themselves; a little more than the time that they give the cameras.
                let _ = tokio::time::timeout(TEARDOWN_AT_MOST * 2, tasks).await;
            });
            // A name that is being looked up can take long, and nobody waits for it.
            runtime.shutdown_background();
        }
        self.take(out);
        Ok(())
    }
}

impl RtspSource {
    /// Calls as many of the cameras that have not been called as may start now.
    fn call(&mut self) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| self.has_begun) else {
            return;
        };
        let is_first = self.tasks.is_empty();
        if self.unconnected.is_empty() || !is_first && self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let served = self.context.served_behind();
        let report = self.context.counters.report();
        let counters = |camera: &str| report.cameras.get(camera).cloned().unwrap_or_default();
        let most = self.starting_at_once;
        let room = self
            .starting
            .room(most, self.looked, served.as_ref(), counters);
        let room = room.min(self.unconnected.len());
        for task in self.unconnected.drain(..room) {
            if task.is_decoded() {
                self.starting.called(task.id(), self.looked);
            }
            self.tasks
                .push(runtime.spawn(task.run(self.stop.subscribe())));
        }
    }

    /// All units that wait, but for those that come meanwhile.
    fn take(&mut self, out: &mut Output<Unit>) {
        let mut waiting = self.units.len() + usize::from(self.next.is_some());
        while waiting > 0 {
            let mut rows: Vec<Unit> = Vec::new();
            let mut bytes = 0;
            while rows.len() < waiting.min(ROWS_PER_MESSAGE) {
                let Some(unit) = self.next.take().or_else(|| self.units.try_recv().ok()) else {
                    break;
                };
                bytes += unit.len();
                if bytes > BYTES_PER_MESSAGE && !rows.is_empty() {
                    self.next = Some(unit);
                    break;
                }
                rows.push(unit.take());
            }
            if rows.is_empty() {
                return;
            }
            waiting -= rows.len();
            out.send(rows);
        }
    }
}

fn settings(env: &Env) -> Result<Settings, StageError> {
    let millis = |name, least| -> Result<Duration, StageError> {
        env.number(name, least..=3_600_000_u64)
            .map(Duration::from_millis)
    };
    let settings = Settings {
        connect_timeout: millis("CONNECT_TIMEOUT_MS", 1)?,
        stall_timeout: millis("STALL_TIMEOUT_MS", 1)?,
        reconnect_min: millis("RECONNECT_MIN_MS", 1)?,
        reconnect_max: millis("RECONNECT_MAX_MS", 1)?,
        access_unit_bytes: env
            .number("ACCESS_UNIT_MAX_BYTES", 64 * 1024..=MOST_ACCESS_UNIT_BYTES)?,
    };
    if settings.reconnect_min > settings.reconnect_max {
        return Err(StageError::configuration(format!(
            "env RECONNECT_MIN_MS='{}', expected at most RECONNECT_MAX_MS='{}'",
            settings.reconnect_min.as_millis(),
            settings.reconnect_max.as_millis()
        )));
    }
    Ok(settings)
}
