//! The stage's half: cameras' queues and threads, and the frames that they give.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use camweave_message::{Frame, Unit};
use camweave_stage::{Context, Output, QueuePolicy, StageError};

use crate::backend::Backend;
use crate::backlog::{Job, UNITS_PER_CAMERA};
use crate::camera::Camera;
use crate::reason;
use crate::worker::{Lane, Workers};

/// Frames that the workers may be ahead of the stage's loop.
const FRAMES_AHEAD: usize = 64;
/// How long `close` waits for units that are still to be decoded.
const CLOSE_AT_MOST: Duration = Duration::from_millis(2500);
/// How long pools are kept after the last frame for consumers that are still reading.
const LINGER_AT_MOST: Duration = Duration::from_secs(3);
/// When no slot has been held for so long, nobody is still reading.
const LINGER_QUIET: Duration = Duration::from_millis(250);

/// A camera that has sent nothing for so long is gone: its decoder is closed, and its memory freed.
const GONE_AFTER: Duration = Duration::from_secs(120);
/// How often the stage looks for cameras that are gone.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A camera that has sent something.
struct Known<B: Backend> {
    lane: Arc<Lane<B>>,
    last_unit: Instant,
}

/// Makes the backend of a camera.
type MakeBackend<B> = Box<dyn Fn(&Arc<str>) -> B + Send>;

/// Decodes the units of many cameras. A stage passes on what the runtime asks of it.
pub struct Decoding<B: Backend> {
    context: Context,
    make: MakeBackend<B>,
    lanes: HashMap<Arc<str>, Known<B>>,
    looked: Instant,
    workers: Workers<B>,
    frames: Receiver<Frame>,
    last_frame: Option<Instant>,
}

impl<B: Backend> Decoding<B> {
    /// Starts `threads` worker threads; `make` is called at each camera's first unit.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        threads: usize,
        context: &Context,
        make: impl Fn(&Arc<str>) -> B + Send + 'static,
    ) -> Result<Self, StageError> {
        let (sender, frames) = sync_channel(FRAMES_AHEAD);
        let workers = Workers::start(threads, &sender, &context.waker()).map_err(|error| {
            StageError::resource(format!("cannot start {threads} decoding threads: {error}"))
        })?;
        context.counters.fact("threads", &threads.to_string());
        Ok(Self {
            context: context.clone(),
            make: Box::new(make),
            lanes: HashMap::new(),
            looked: Instant::now(),
            workers,
            frames,
            last_frame: None,
        })
    }

    /// How many units may wait in front of the stage, and which give way.
    #[must_use]
    pub fn queue() -> QueuePolicy {
        QueuePolicy::GroupOfPictures {
            per_camera: UNITS_PER_CAMERA,
        }
    }

    /// Takes units.
    ///
    /// # Errors
    /// A worker has died: a bug.
    pub fn rows(&mut self, rows: Vec<Unit>, out: &mut Output<Frame>) -> Result<(), StageError> {
        for unit in rows {
            let camera = Arc::clone(&unit.id.camera);
            let lane = self.lane(&camera);
            let dropped = self.workers.push(&lane, Job::Unit(Box::new(unit)));
            self.context
                .counters
                .dropped(&camera, reason::DECODER_BACKLOG, dropped as u64);
        }
        self.tick(out)
    }

    /// Sends the frames that are ready.
    ///
    /// # Errors
    /// A worker has died: a bug.
    pub fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        while let Ok(frame) = self.frames.try_recv() {
            out.send(vec![frame]);
            self.last_frame = Some(Instant::now());
        }
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            self.let_go(GONE_AFTER);
        }
        if self.workers.have_died() {
            return Err(StageError::internal(
                "a decoding thread has ended by itself",
            ));
        }
        Ok(())
    }

    /// When [`Decoding::tick`] has to look for cameras that are gone.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (!self.lanes.is_empty()).then(|| self.looked + LOOK_EVERY)
    }

    /// Ends the sessions of cameras that have sent nothing for `silence`, and forgets those of
    /// which nothing is left.
    pub fn let_go(&mut self, silence: Duration) {
        self.lanes.retain(|camera, known| {
            if known.last_unit.elapsed() < silence {
                return true;
            }
            let is_over = known.lane.is_over();
            if is_over {
                tracing::debug!(%camera, "silent; its decoder and its memory are given back");
            } else {
                self.workers.push(&known.lane, Job::Finish);
            }
            !is_over
        });
    }

    /// How many cameras have a decoder or memory.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.lanes.len()
    }

    /// Gives out what the decoders hold back, within a limit, and stops the workers.
    ///
    /// # Errors
    /// A worker has died: a bug.
    pub fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        let lanes: Vec<_> = self.lanes.values().map(|it| Arc::clone(&it.lane)).collect();
        for lane in &lanes {
            self.workers.push(lane, Job::Finish);
        }
        let deadline = Instant::now() + CLOSE_AT_MOST;
        while !self.is_idle() && Instant::now() < deadline {
            // The workers may be waiting for room.
            if let Ok(frame) = self.frames.recv_timeout(Duration::from_millis(5)) {
                out.send(vec![frame]);
                self.last_frame = Some(Instant::now());
            }
            self.tick(out)?;
        }
        for (camera, known) in &self.lanes {
            let left = self.workers.forget(&known.lane);
            self.context
                .counters
                .dropped(camera, reason::STOPPED, left as u64);
        }
        self.tick(out)?;
        self.workers.stop();
        Ok(())
    }

    /// Whether all units that were taken are decoded, and their frames in the
    /// stage's hands or further. Frames that a decoder holds back for reordering
    /// do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.workers.are_idle()
    }

    fn lane(&mut self, camera: &Arc<str>) -> Arc<Lane<B>> {
        if let Some(known) = self.lanes.get_mut(camera) {
            known.last_unit = Instant::now();
            return Arc::clone(&known.lane);
        }
        let backend = (self.make)(camera);
        let counters = self.context.counters.clone();
        let lane = Lane::new(Camera::new(Arc::clone(camera), backend, counters));
        let known = Known {
            lane: Arc::clone(&lane),
            last_unit: Instant::now(),
        };
        self.lanes.insert(Arc::clone(camera), known);
        lane
    }
}

impl<B: Backend> Drop for Decoding<B> {
    /// The last frames have just been sent, and with this process their pools end.
    /// So the stage stays for as long as somebody goes on reading, up to a few seconds.
    fn drop(&mut self) {
        self.workers.stop();
        let Some(last_frame) = self.last_frame else {
            return;
        };
        let mut last_held = Instant::now();
        while last_frame.elapsed() < LINGER_AT_MOST && last_held.elapsed() < LINGER_QUIET {
            std::thread::sleep(Duration::from_millis(10));
            if self.lanes.values().any(|known| known.lane.is_held()) {
                last_held = Instant::now();
            }
        }
    }
}
