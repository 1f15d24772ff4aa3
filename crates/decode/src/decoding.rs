//! The stage's half: cameras' queues and threads, and the frames that they give.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camweave_message::{Frame, Row, Selection, Unit};
use camweave_stage::{Context, Fact, Output, QueuePolicy, StageError};

use crate::backend::Backend;
use crate::backlog::{Job, UNITS_PER_CAMERA};
use crate::camera::Camera;
use crate::reason;
use crate::worker::{Lane, Workers};

/// How many threads decode.
pub const THREADS: Fact = Fact {
    name: "threads",
    help: "threads that decode",
};
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

/// A camera of which nobody wants frames (`detect: off`, or removed from the source) keeps its memory
/// for so long, for frames that are on their way.
const UNWANTED_FOR: Duration = Duration::from_secs(1);
/// How often such cameras are looked for.
const LOOK_FOR_UNWANTED_EVERY: Duration = Duration::from_millis(100);

/// A camera is new up to so many units, as far as decoders are concerned.
const NEW_UNITS: u32 = 8;
/// So many new cameras have a decoder at a time; the units of others wait. A decoder costs one to
/// two megabytes, and ids cost nothing: hundreds of cameras that begin together take turns, and ids
/// that come once each do not fill the memory.
const MOST_NEW: usize = 64;
/// While others wait, a new camera that was silent for so long gives its place to the next.
const NEW_GONE_AFTER: Duration = Duration::from_secs(2);
/// How often it is looked for.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_millis(50);
/// Units and coded bytes of new cameras that wait for a decoder.
const MOST_WAITING: usize = 4096;
const MOST_WAITING_BYTES: usize = 32 << 20;

/// A camera that has sent something.
struct Known<B: Backend> {
    lane: Arc<Lane<B>>,
    last_unit: Instant,
    units: u32,
    /// Since when nobody wants its frames.
    unwanted: Option<Instant>,
}

impl<B: Backend> Known<B> {
    fn is_unwanted(&self) -> bool {
        self.unwanted
            .is_some_and(|since| since.elapsed() >= UNWANTED_FOR)
    }

    fn is_new(&self) -> bool {
        self.units < NEW_UNITS
    }
}

/// Units of cameras that have no decoder yet.
#[derive(Default)]
struct WaitingRoom {
    units: VecDeque<Unit>,
    bytes: usize,
}

impl WaitingRoom {
    /// Takes a unit, unless the room is full.
    fn enter(&mut self, unit: Unit) -> bool {
        let bytes = self.bytes + unit.bytes();
        if self.units.len() >= MOST_WAITING || bytes > MOST_WAITING_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.units.push_back(unit);
        true
    }

    fn has(&self, camera: &str) -> bool {
        self.units.iter().any(|unit| *unit.id.camera == *camera)
    }

    /// The units of the camera that has waited longest.
    fn leave(&mut self) -> Vec<Unit> {
        let Some(camera) = self.units.front().map(|unit| Arc::clone(&unit.id.camera)) else {
            return Vec::new();
        };
        let (left, gone): (Vec<Unit>, Vec<Unit>) = std::mem::take(&mut self.units)
            .into_iter()
            .partition(|unit| unit.id.camera != camera);
        self.units = left.into();
        self.bytes -= gone.iter().map(Unit::bytes).sum::<usize>();
        gone
    }
}

/// Makes the backend of a camera.
type MakeBackend<B> = Box<dyn Fn(&Arc<str>) -> B + Send>;

/// Decodes the units of many cameras. A stage passes on what the runtime asks of it.
pub struct Decoding<B: Backend> {
    context: Context,
    make: MakeBackend<B>,
    /// Held by the camera that tries again for a decoder.
    retries: Arc<Mutex<()>>,
    lanes: HashMap<Arc<str>, Known<B>>,
    waiting: WaitingRoom,
    looked: Instant,
    looked_for_room: Instant,
    looked_for_unwanted: Instant,
    /// Whether there may be cameras of which nobody wants frames.
    has_unwanted: bool,
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
        context.counters.fact(&THREADS, &threads.to_string());
        Ok(Self {
            context: context.clone(),
            make: Box::new(make),
            retries: Arc::default(),
            lanes: HashMap::new(),
            waiting: WaitingRoom::default(),
            looked: Instant::now(),
            looked_for_room: Instant::now(),
            looked_for_unwanted: Instant::now(),
            has_unwanted: false,
            workers,
            frames,
            last_frame: None,
        })
    }

    /// How many units may wait in front of the stage, and which are dropped.
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
            let is_known = self.lanes.contains_key(&camera);
            if unit.selection == Selection::Off && !is_known && !self.waiting.has(&camera) {
                // It needs neither a decoder nor memory.
                let frames = u64::from(unit.is_frame());
                let counters = &self.context.counters;
                counters.dropped(&camera, reason::NOT_SELECTED, frames);
            } else if is_known || self.has_room() && !self.waiting.has(&camera) {
                self.push(unit);
            } else if unit.is_frame() && !self.waiting.enter(unit) {
                let counters = &self.context.counters;
                counters.dropped(&camera, reason::DECODER_BACKLOG, 1);
            }
        }
        self.tick(out)
    }

    fn push(&mut self, unit: Unit) {
        let camera = Arc::clone(&unit.id.camera);
        let lane = self.lane(&camera, unit.selection == Selection::Off);
        let dropped = self.workers.push(&lane, Job::Unit(Box::new(unit)));
        self.context
            .counters
            .dropped(&camera, reason::DECODER_BACKLOG, dropped as u64);
    }

    /// Whether one more new camera may have a decoder.
    fn has_room(&self) -> bool {
        let counts = |known: &&Known<B>| known.is_new() && !known.lane.has_cost_nothing();
        self.lanes.len() < MOST_NEW || self.lanes.values().filter(counts).count() < MOST_NEW
    }

    /// Lets cameras in that wait for a decoder.
    fn admit(&mut self) {
        while !self.waiting.units.is_empty() && self.has_room() {
            for unit in self.waiting.leave() {
                self.push(unit);
            }
        }
        if !self.waiting.units.is_empty() && self.looked_for_room.elapsed() >= LOOK_FOR_ROOM_EVERY {
            self.looked_for_room = Instant::now();
            self.end(|known| known.is_new() && known.last_unit.elapsed() >= NEW_GONE_AFTER);
        }
    }

    /// Sends the frames that are ready, of whatever cameras, as one message.
    ///
    /// # Errors
    /// A worker has died: a bug.
    pub fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        // At most what the workers can be ahead: they go on meanwhile.
        let ready: Vec<_> = self.frames.try_iter().take(FRAMES_AHEAD).collect();
        if !ready.is_empty() {
            out.send(ready);
            self.last_frame = Some(Instant::now());
        }
        self.admit();
        if self.has_unwanted && self.looked_for_unwanted.elapsed() >= LOOK_FOR_UNWANTED_EVERY {
            self.looked_for_unwanted = Instant::now();
            self.end(Known::is_unwanted);
            self.has_unwanted = self.lanes.values().any(|it| it.unwanted.is_some());
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
        if !self.waiting.units.is_empty() {
            return Some(self.looked_for_room + LOOK_FOR_ROOM_EVERY);
        }
        if self.has_unwanted {
            return Some(self.looked_for_unwanted + LOOK_FOR_UNWANTED_EVERY);
        }
        (!self.lanes.is_empty()).then(|| self.looked + LOOK_EVERY)
    }

    /// Ends the sessions of cameras that have sent nothing for `silence`, and forgets those that
    /// hold nothing any more.
    pub fn let_go(&mut self, silence: Duration) {
        self.end(|known| known.last_unit.elapsed() >= silence);
    }

    fn end(&mut self, is_due: impl Fn(&Known<B>) -> bool) {
        self.lanes.retain(|camera, known| {
            if !is_due(known) {
                return true;
            }
            let is_over = known.lane.is_over();
            if is_over {
                tracing::debug!(%camera, "its decoder and its memory are given back");
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
        // Without a decoder: counted as what stays inside.
        self.waiting = WaitingRoom::default();
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
        self.workers.are_idle() && self.waiting.units.is_empty()
    }

    fn lane(&mut self, camera: &Arc<str>, is_unwanted: bool) -> Arc<Lane<B>> {
        self.has_unwanted |= is_unwanted;
        let now = || is_unwanted.then(Instant::now);
        if let Some(known) = self.lanes.get_mut(camera) {
            known.last_unit = Instant::now();
            known.units = known.units.saturating_add(1);
            known.unwanted = known.unwanted.filter(|_| is_unwanted).or_else(now);
            return Arc::clone(&known.lane);
        }
        let backend = (self.make)(camera);
        let counters = self.context.counters.clone();
        let retries = Arc::clone(&self.retries);
        let lane = Lane::new(Camera::new(Arc::clone(camera), backend, counters, retries));
        let known = Known {
            lane: Arc::clone(&lane),
            last_unit: Instant::now(),
            units: 1,
            unwanted: now(),
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
