use std::time::{Duration, Instant};

use camweave_cameras::Watch;
use camweave_message::{Never, Unit};
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError, WatchedFile};
use tokio::runtime::Runtime;

use crate::camera_task::TEARDOWN_AT_MOST;
use crate::drops::DROPS;
use crate::facts::{CAMERAS_FILE, FACTS};
use crate::fleet::Fleet;
use crate::outbox::{self, Intake};
use crate::settings::{CameraStream, RtspSourceSettings};
use crate::starting::Starting;

/// Rows of one message at most.
const ROWS_PER_MESSAGE: usize = 64;
/// Bytes of one message's access units at most, or one access unit: dora carries 64 MiB.
const BYTES_PER_MESSAGE: usize = 4 * 1024 * 1024;
/// How often it looks whether cameras that were called have started, while others wait.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Threads that read from all cameras.
const WORKERS: usize = 2;

/// Reads RTSP cameras.
pub struct RtspSource {
    context: Context,
    runtime: Option<Runtime>,
    file: Watch,
    watched: WatchedFile,
    has_begun: bool,
    stream: CameraStream,
    starting_at_once: usize,
    starting: Starting,
    /// When it was last looked for cameras that have started.
    looked: Instant,
    fleet: Fleet,
    units: Intake,
}

impl Stage for RtspSource {
    const KIND: &'static str = "rtsp-source";
    const ABOUT: &'static str = "Reads cameras (RTSP, and by FFmpeg RTSP over TLS, HTTP, HLS, RTMP, SRT, V4L2) and outputs their access units.";
    const OPTIONAL_INPUT: bool = true;
    type Settings = RtspSourceSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Never;
    type Out = Unit;

    fn open(settings: RtspSourceSettings, context: &Context) -> Result<Self, StageError> {
        let cameras = settings.load()?;
        let limits = settings.limits();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("rtsp")
            .enable_all()
            .build()
            .map_err(|error| StageError::resource(format!("cannot start threads: {error}")))?;
        let (sender, units) = outbox::channel();
        let waker = context.waker();
        let file = Watch::start(&settings.cameras, move || waker.wake())
            .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
        let watched = WatchedFile::new(&context.counters, &CAMERAS_FILE, "cameras.yml", "cameras");
        Ok(Self {
            context: context.clone(),
            runtime: Some(runtime),
            file,
            watched,
            has_begun: false,
            stream: settings.stream,
            starting_at_once: settings.starting_at_once,
            starting: Starting::default(),
            looked: Instant::now(),
            fleet: Fleet::new(cameras, limits, context, sender),
            units: Intake::new(units, context.counters.clone()),
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
        self.take_file();
        self.call();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        (self.has_begun && self.fleet.uncalled() > 0).then(|| self.looked + LOOK_EVERY)
    }

    fn finished(&self) -> bool {
        // Nothing waits in front of a source: it can end at once.
        self.context.stopping()
    }

    fn close(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        let tasks = futures::future::join_all(self.fleet.stop());
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
        let is_first = self.fleet.is_new();
        if self.fleet.uncalled() == 0 || !is_first && self.looked.elapsed() < LOOK_EVERY {
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
        for camera in self.fleet.call(room, runtime) {
            self.starting.called(&camera, self.looked);
        }
    }

    /// Does what has changed in `cameras.yml`, or says once why it cannot be used.
    fn take_file(&mut self) {
        let Some(read) = self.file.take() else {
            return;
        };
        let refused = match read {
            Ok(cameras) => {
                self.fleet.apply(self.stream.of(cameras));
                None
            }
            Err(error) => Some(error.to_string()),
        };
        self.watched.note(&self.context.counters, refused);
    }

    /// All units that wait, but for those that come meanwhile.
    fn take(&mut self, out: &mut Output<Unit>) {
        let mut waiting = self.units.len();
        while waiting > 0 {
            let mut rows: Vec<Unit> = Vec::new();
            let mut bytes = 0;
            let now = Instant::now();
            while rows.len() < waiting.min(ROWS_PER_MESSAGE) {
                let Some(unit) = self.units.next(now) else {
                    break;
                };
                bytes += unit.len();
                if bytes > BYTES_PER_MESSAGE && !rows.is_empty() {
                    self.units.put_back(unit);
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
