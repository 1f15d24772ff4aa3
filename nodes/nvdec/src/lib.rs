//! The nvdec stage: units in, frames out, decoded by NVIDIA's engines.
//!
//! The same as `sw-decode` in all that a graph can see; frames lie in device memory. One process
//! decodes all cameras: contexts of several processes would take turns on the engines.

mod backend;
mod drops;
mod facts;
mod settings;

use std::sync::Arc;
use std::time::Instant;

use camweave_cuda::{CudaError, CudaErrorKind, CudaMemory, DeviceClock};
use camweave_decode::Decoding;
use camweave_message::{Frame, Unit};
use camweave_nvdec::{Chips, Library};
use camweave_pool::Memory;
use camweave_stage::{Context, DropReason, Fact, Output, QueuePolicy, Stage, StageError};
use tracing::warn;

use backend::{Broken, Device, Nvdec, lock};
use drops::DROPS;
use facts::{DEVICE, FACTS, MEMORY};
pub use settings::NvdecSettings;

/// Decodes H.264, H.265, VP9, and AV1 where the chip has it.
pub struct NvDec {
    decoding: Decoding<Nvdec>,
    broken: Broken,
}

impl Stage for NvDec {
    const KIND: &'static str = "nvdec";
    const ABOUT: &'static str =
        "Decodes the video of many cameras with NVIDIA's decoding engines, into device memory.";
    type Settings = NvdecSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Unit;
    type Out = Frame;

    fn open(settings: NvdecSettings, context: &Context) -> Result<Self, StageError> {
        let (slots, limits) = (settings.frames.slots, settings.limits()?);
        if let Some(line) = camweave_cuda::missing() {
            return Err(StageError::missing(line));
        }
        Library::get().map_err(|error| StageError::missing(error.to_string()))?;
        let refused = |error: CudaError| match error.kind() {
            CudaErrorKind::Missing => StageError::missing(error.to_string()),
            CudaErrorKind::OutOfMemory => StageError::resource(error.to_string()),
            _ => StageError::configuration(format!("env DEVICE='{}': {error}", settings.device)),
        };
        let device = camweave_cuda::Context::open(settings.device).map_err(refused)?;
        context.counters.fact(&DEVICE, device.name());
        let sharing = CudaMemory::sharing_on(&device);
        let sharing = sharing.map_err(|error| StageError::configuration(error.to_string()))?;
        let memory = format!("{}: {sharing}", CudaMemory::BACKEND);
        context.counters.fact(&MEMORY, &memory);
        let clock = context.counters.spans().are_timed();
        let clock = clock.then(|| DeviceClock::new(&device)).transpose();
        let clock = clock.unwrap_or_else(|error| {
            warn!("copies are not measured: the device's clock is not available: {error}");
            None
        });
        let device = Device::new(device, clock);
        let broken = Broken::default();
        let shared = Arc::clone(&broken);
        let budget = settings.frames.budget(settings.camera_mb, u64::MAX);
        let chips = Chips::default();
        let decoding = Decoding::start(settings.threads(), context, move |camera| {
            let (device, broken) = (device.clone(), Arc::clone(&shared));
            Nvdec::new(device, camera, (slots, limits), &budget, &chips, broken)
        })?;
        Ok(Self { decoding, broken })
    }

    fn queue(&self) -> QueuePolicy {
        Decoding::<Nvdec>::queue()
    }

    fn rows(&mut self, rows: Vec<Unit>, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.rows(rows, out)?;
        self.check()
    }

    fn deadline(&self) -> Option<Instant> {
        self.decoding.deadline()
    }

    fn tick(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.tick(out)?;
        self.check()
    }

    fn close(&mut self, out: &mut Output<Frame>) -> Result<(), StageError> {
        self.decoding.close(out)
    }
}

impl NvDec {
    /// Whether all units that were taken are decoded, and their frames in the
    /// stage's hands or further. Frames that a decoder holds back for reordering
    /// do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.decoding.is_idle()
    }

    /// A process whose context is gone decodes nothing any more; restarted, it does.
    fn check(&self) -> Result<(), StageError> {
        match lock(&self.broken).take() {
            Some(error) => Err(StageError::resource(format!(
                "the device's context is broken, expected to be restarted: {error}"
            ))),
            None => Ok(()),
        }
    }
}
