//! The sw-decode stage: units in, frames out.
//!
//! Many cameras are decoded by a few threads, with FFmpeg's libavcodec on the CPU.
//! The decoder writes its pictures straight into slots of a pool in shared memory
//! (module `direct`): between the coded bytes and a consumer in another process no
//! pixel is copied.

mod color;
mod convert;
mod decoder;
mod direct;
mod dpb;
mod jpeg;
mod luma;
mod marks;
mod stream;
mod upright;

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_decode::{Budget, Decoding, half_of_memory};
use camweave_message::{Frame, Unit};
use camweave_stage::{Context, Env, Key, Output, QueuePolicy, Stage, StageError};
use camweave_vision::MAX_DIMENSION;

use stream::{Software, Tally};

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

/// Decodes H.264, H.265, VP9, AV1, Motion JPEG and MPEG-4 part 2 on the CPU.
pub struct SwDecode {
    context: Context,
    tally: Arc<Tally>,
    decoding: Decoding<Software>,
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
        Key {
            name: "CAMERA_MB",
            default: Some("256"),
            help: "memory for the pictures of one camera, in MiB; larger pictures are dropped as too_large",
        },
        Key {
            name: "POOLS_MB",
            default: Some("0"),
            help: "memory for the pictures of all cameras, in MiB; 0: half of the machine's",
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
        let camera_bytes = env.number("CAMERA_MB", 1..=65_536_u64)? << 20;
        let total_bytes = match env.number("POOLS_MB", 0..=16_777_216_u64)? {
            0 => half_of_memory(),
            mebibytes => mebibytes << 20,
        };
        let budget = Budget::new(camera_bytes, total_bytes);
        for (name, bytes) in [("camera_mb", camera_bytes), ("pools_mb", total_bytes)] {
            context.counters.fact(name, &(bytes >> 20).to_string());
        }
        let tally = Arc::<Tally>::default();
        let shared = Arc::clone(&tally);
        let decoding = Decoding::start(threads, context, move |camera| {
            Software::new(camera, limits, &budget, Arc::clone(&shared))
        })?;
        Ok(Self {
            context: context.clone(),
            tally,
            decoding,
        })
    }

    fn queue(&self) -> QueuePolicy {
        Decoding::<Software>::queue()
    }

    fn rows(&mut self, rows: Vec<Unit>, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.rows(rows, out)?;
        self.tally.note(&self.context.counters);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.decoding.deadline()
    }

    fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.tick(out)?;
        self.tally.note(&self.context.counters);
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.close(out)?;
        self.tally.note(&self.context.counters);
        Ok(())
    }
}

impl SwDecode {
    /// How many cameras have a decoder or memory.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.decoding.cameras()
    }

    /// Gives back decoders and memory of cameras that have sent nothing for `silence`: at first
    /// their sessions end, and where nothing is left they are forgotten. The stage does so by
    /// itself after two minutes.
    pub fn let_go(&mut self, silence: Duration) {
        self.decoding.let_go(silence);
    }

    /// Whether all units that were taken are decoded, and their frames in the
    /// stage's hands or further. Frames that a decoder holds back for reordering
    /// do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.decoding.is_idle()
    }
}
