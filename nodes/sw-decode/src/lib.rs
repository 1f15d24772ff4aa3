//! The sw-decode stage: units in, frames out.
//!
//! Many cameras are decoded by a few threads, with FFmpeg's libavcodec on the CPU.
//! The decoder writes its frames straight into slots of a pool in shared memory
//! (module `direct`): between the coded bytes and a consumer in another process no
//! pixel is copied.

mod color;
mod convert;
mod decoder;
mod direct;
mod dpb;
mod facts;
mod jpeg;
mod luma;
mod marks;
mod settings;
mod stream;
mod upright;

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_decode::{Decoding, half_of_memory, reason};
use camweave_message::{Frame, Unit};
use camweave_stage::{Context, DropReason, Fact, Output, QueuePolicy, Stage, StageError};

use facts::{CAMERA_MB, FACTS, POOLS_MB};
pub use settings::SwDecodeSettings;
use stream::{Software, Tally};

/// Decodes H.264, H.265, VP9, AV1, Motion JPEG and MPEG-4 part 2 on the CPU.
pub struct SwDecode {
    context: Context,
    tally: Arc<Tally>,
    decoding: Decoding<Software>,
}

impl Stage for SwDecode {
    const KIND: &'static str = "sw-decode";
    const ABOUT: &'static str =
        "Decodes the video of many cameras on the CPU, directly into shared memory.";
    type Settings = SwDecodeSettings;
    const DROPS: &'static [DropReason] = reason::ALL;
    const FACTS: &'static [Fact] = FACTS;
    type In = Unit;
    type Out = Frame;

    fn open(settings: SwDecodeSettings, context: &Context) -> Result<Self, StageError> {
        let (threads, limits) = (settings.threads(), settings.frames);
        ffmpeg_next::init()
            .map_err(|error| StageError::missing(format!("libavcodec cannot be used: {error}")))?;
        // What matters is counted and logged here, by camera; libavcodec does not know cameras.
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        let budget = limits.budget(settings.camera_mb, half_of_memory());
        let (of_camera, of_all) = (budget.camera_bytes(), budget.total_bytes());
        for (fact, bytes) in [(CAMERA_MB, of_camera), (POOLS_MB, of_all)] {
            context.counters.fact(&fact, &(bytes >> 20).to_string());
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
