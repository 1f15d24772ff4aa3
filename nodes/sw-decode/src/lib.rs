//! The sw-decode stage: units in, frames out.
//!
//! Many cameras are decoded by a few threads, with FFmpeg's libavcodec on the CPU.
//! The decoder writes its pictures straight into slots of a pool in shared memory
//! (module `direct`): between the coded bytes and a consumer in another process no
//! pixel is copied.

mod backlog;
mod camera;
mod color;
mod convert;
mod decoder;
mod direct;
mod dpb;
mod identity;
mod plan;
mod pools;
mod reason;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use camweave_message::{Frame, Unit};
use camweave_stage::{Context, Env, Key, Output, QueuePolicy, Stage, StageError};
use camweave_vision::MAX_DIMENSION;

use backlog::{Job, UNITS_PER_CAMERA};
use camera::{Camera, Tally};
use worker::{Lane, Workers};

/// Frames that the workers may be ahead of the stage's loop.
const FRAMES_AHEAD: usize = 64;
/// How long `close` waits for units that are still to be decoded.
const CLOSE_AT_MOST: Duration = Duration::from_millis(2500);
/// How long pools are kept after the last frame for consumers that are still reading.
const LINGER_AT_MOST: Duration = Duration::from_secs(3);
/// When no slot has been held for so long, nobody is still reading.
const LINGER_QUIET: Duration = Duration::from_millis(250);

/// What the graph may set of pictures and pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Slots per pool; 0: by the stream.
    slots: u32,
    /// In pixels.
    max_width: u32,
    /// In pixels.
    max_height: u32,
}

/// Decodes H.264, H.265, VP9 and AV1 on the CPU.
pub struct SwDecode {
    context: Context,
    limits: Limits,
    tally: Arc<Tally>,
    lanes: HashMap<Arc<str>, Arc<Lane>>,
    workers: Workers,
    frames: Receiver<Frame>,
    last_frame: Option<Instant>,
}

impl Stage for SwDecode {
    const KIND: &'static str = "sw-decode";
    const ABOUT: &'static str =
        "Decodes the video of many cameras on the CPU, straight into shared memory.";
    const KEYS: &'static [Key] = &[
        Key {
            name: "THREADS",
            default: Some("0"),
            help: "decoding threads for all cameras together; 0: as many as cores, at most 4",
        },
        Key {
            name: "SLOTS",
            default: Some("0"),
            help: "frames per pool; 0: 12 and what the stream's decoder holds, at most 28",
        },
        Key {
            name: "MAX_WIDTH",
            default: Some("8192"),
            help: "the widest picture, in pixels",
        },
        Key {
            name: "MAX_HEIGHT",
            default: Some("8192"),
            help: "the highest picture, in pixels",
        },
    ];
    type In = Unit;
    type Out = Frame;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let threads = match env.number("THREADS", 0..=256_usize)? {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
            threads => threads,
        };
        let limits = Limits {
            slots: env.number("SLOTS", 0..=camweave_pool::MAX_SLOTS)?,
            max_width: env.number("MAX_WIDTH", 16..=MAX_DIMENSION)?,
            max_height: env.number("MAX_HEIGHT", 16..=MAX_DIMENSION)?,
        };
        ffmpeg_next::init()
            .map_err(|error| StageError::missing(format!("libavcodec cannot be used: {error}")))?;
        // What matters is counted and logged here, by camera; libavcodec does not know cameras.
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        let (sender, frames) = sync_channel(FRAMES_AHEAD);
        let workers = Workers::start(threads, &sender, &context.waker()).map_err(|error| {
            StageError::resource(format!("cannot start {threads} decoding threads: {error}"))
        })?;
        context.counters.fact("threads", &threads.to_string());
        Ok(Self {
            context: context.clone(),
            limits,
            tally: Arc::default(),
            lanes: HashMap::new(),
            workers,
            frames,
            last_frame: None,
        })
    }

    fn queue(&self) -> QueuePolicy {
        QueuePolicy::GroupOfPictures {
            per_camera: UNITS_PER_CAMERA,
        }
    }

    fn rows(&mut self, rows: Vec<Unit>, out: &mut Output<Frame>) -> Result<(), StageError> {
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

    fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        let mut count = 0_usize;
        while let Ok(frame) = self.frames.try_recv() {
            out.send(vec![frame]);
            count += 1;
        }
        if count > 0 {
            self.last_frame = Some(Instant::now());
            self.note_facts();
        }
        if self.workers.have_died() {
            return Err(StageError::internal(
                "a decoding thread has ended by itself",
            ));
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        let lanes: Vec<_> = self.lanes.values().map(Arc::clone).collect();
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
        for (camera, lane) in &self.lanes {
            let left = self.workers.forget(lane);
            self.context
                .counters
                .dropped(camera, reason::STOPPED, left as u64);
        }
        self.tick(out)?;
        self.workers.stop();
        self.note_facts();
        Ok(())
    }
}

impl SwDecode {
    /// Whether all units that were taken are decoded, and their frames in the
    /// stage's hands or further. Frames that a decoder holds back for reordering
    /// do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.workers.are_idle()
    }

    fn lane(&mut self, camera: &Arc<str>) -> Arc<Lane> {
        if let Some(lane) = self.lanes.get(camera) {
            return Arc::clone(lane);
        }
        let (counters, tally) = (self.context.counters.clone(), Arc::clone(&self.tally));
        let lane = Lane::new(Camera::new(
            Arc::clone(camera),
            self.limits,
            counters,
            tally,
        ));
        self.lanes.insert(Arc::clone(camera), Arc::clone(&lane));
        lane
    }

    fn note_facts(&self) {
        let count =
            |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed).to_string();
        self.context
            .counters
            .fact("direct_pictures", &count(&self.tally.direct));
        self.context
            .counters
            .fact("copied_pictures", &count(&self.tally.copied));
    }
}

impl Drop for SwDecode {
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
            if self.lanes.values().any(|lane| lane.is_held()) {
                last_held = Instant::now();
            }
        }
    }
}
