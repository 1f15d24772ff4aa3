//! One camera's decoders and slots, as the shared half of decoding wants them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_cuda::luma::LumaKernel;
use camweave_cuda::{Context, CudaError, CudaMemory, DeviceClock, Stream};
use camweave_decode::{
    Backend, Budget, CameraPools, Decoded, Decoder, Failure, Unpublished, reason,
};
use camweave_message::{Codec, Orientation, PictureRef};
use camweave_nvdec::{Chips, DecodeError, Limits, Picture, PictureError, Refusal};
use camweave_stage::telemetry::DeviceRange;
use camweave_vision::LumaGrid;
use tracing::warn;

/// Slots beyond those for consumers: frames that are decoded, but not sent yet.
const SLOTS_OF_ITS_OWN: u32 = 4;

/// What broke the device's context, and with it every camera's decoder.
pub(crate) type Broken = Arc<Mutex<Option<String>>>;

/// Locks what no panic leaves half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The device, and what all cameras use on it.
#[derive(Clone)]
pub(crate) struct Device {
    context: Context,
    /// Where the device's time is measured.
    clock: Option<DeviceClock>,
    /// Loaded for the first camera whose frames are looked at for motion.
    luma: Arc<Mutex<Option<LumaKernel>>>,
}

impl Device {
    pub fn new(context: Context, clock: Option<DeviceClock>) -> Self {
        Self {
            context,
            clock,
            luma: Arc::default(),
        }
    }

    fn luma_kernel(&self) -> Result<LumaKernel, CudaError> {
        let mut kernel = lock(&self.luma);
        if let Some(kernel) = &*kernel {
            return Ok(kernel.clone());
        }
        let loaded = LumaKernel::load(&self.context)?;
        Ok(kernel.insert(loaded).clone())
    }
}

/// One camera's decoders, which copy into the camera's pools.
pub(crate) struct Nvdec {
    camera: String,
    device: Device,
    limits: Limits,
    /// The process's: cameras share them.
    chips: Chips,
    pools: Arc<Mutex<CameraPools<CudaMemory>>>,
    /// Of a session that has ended: its memory on the chip serves the next.
    spare: Option<camweave_nvdec::Decoder>,
    broken: Broken,
}

impl Nvdec {
    pub fn new(
        device: Device,
        camera: &str,
        (slots, limits): (u32, Limits),
        budget: &Arc<Budget>,
        chips: &Chips,
        broken: Broken,
    ) -> Self {
        let pools = CameraPools::new(device.context.clone(), camera, slots, budget);
        Self {
            camera: camera.to_owned(),
            device,
            limits,
            chips: chips.clone(),
            pools: Arc::new(Mutex::new(pools)),
            spare: None,
            broken,
        }
    }
}

impl Backend for Nvdec {
    type Decoder = Session;

    fn open(&mut self, codec: Codec, orientation: Orientation) -> Result<Session, Failure> {
        if orientation != Orientation::UPRIGHT {
            return Err(Failure::rotated("nvdec", orientation, "sw-decode"));
        }
        let codec = match codec {
            Codec::H264 => camweave_nvdec::Codec::H264,
            Codec::H265 => camweave_nvdec::Codec::H265,
            Codec::Vp9 => camweave_nvdec::Codec::Vp9,
            Codec::Av1 => camweave_nvdec::Codec::Av1,
            Codec::Mjpeg | Codec::Mpeg4 => {
                return Err(Failure {
                    kind: "no_decoder",
                    message: format!(
                        "nvdec does not decode {}, expected h264, h265, vp9 or av1; sw-decode decodes it on the CPU",
                        codec.as_str()
                    ),
                });
            }
        };
        let spare = self.spare.take().filter(|spare| spare.codec() == codec);
        let broken = Arc::clone(&self.broken);
        let opened = match spare {
            Some(mut decoder) => decoder.restart().map(|()| decoder),
            None => Stream::urgent(&self.device.context)
                .map_err(DecodeError::from)
                .and_then(|stream| {
                    let pools = Arc::clone(&self.pools);
                    let camera = self.camera.clone();
                    let slots = Box::new(move |bytes| {
                        let begun = lock(&pools).begin(bytes, SLOTS_OF_ITS_OWN);
                        begun.map_err(|error| error.into_pool_error(&camera))
                    });
                    let mut decoder = camweave_nvdec::Decoder::open(
                        codec,
                        stream,
                        self.limits,
                        slots,
                        &self.chips,
                    )?;
                    if let Some(clock) = &self.device.clock
                        && let Err(error) = decoder.measure_copies(clock)
                    {
                        warn!(camera = self.camera, "copies are not measured: {error}");
                    }
                    Ok(decoder)
                }),
        };
        match opened {
            Ok(decoder) => Ok(Session {
                decoder,
                device: self.device.clone(),
                chips: self.chips.clone(),
                received: None,
                broken,
            }),
            Err(error) => Err(failure(&error, &broken)),
        }
    }

    fn close(&mut self, session: Session) {
        self.spare = Some(session.decoder);
    }

    fn released(&self) -> u64 {
        camweave_nvdec::released()
    }

    fn tidy(&mut self) {
        lock(&self.pools).tidy();
    }

    fn is_held(&self) -> bool {
        lock(&self.pools).is_held()
    }

    fn slots_in_use(&self) -> Option<u64> {
        Some(lock(&self.pools).slots_in_use())
    }
}

/// A session's decoder, and the frame that it gave last.
pub(crate) struct Session {
    decoder: camweave_nvdec::Decoder,
    device: Device,
    chips: Chips,
    received: Option<Picture>,
    broken: Broken,
}

impl Session {
    /// What the library, which may only now have been asked for a decoder, refused.
    fn failed(&self, error: &DecodeError) -> Failure {
        if is_refused_by_chip(error) {
            let memory = self.device.context.memory().ok();
            return no_decoder_left(error, self.chips.open(), memory);
        }
        failure(error, &self.broken)
    }
}

impl Decoder for Session {
    fn expect_luma(&mut self, ticket: i64) {
        let device = &self.device;
        self.decoder.expect_luma(ticket, || device.luma_kernel());
    }

    fn send(&mut self, data: &[u8], ticket: i64) -> Result<(), Failure> {
        let sent = self.decoder.send(data, ticket);
        sent.map_err(|error| self.failed(&error))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let finished = self.decoder.finish();
        finished.map_err(|error| self.failed(&error))
    }

    fn receive(&mut self, more_waiting: bool) -> Result<Option<Decoded>, Failure> {
        let received = self.decoder.receive(more_waiting);
        self.received = received.map_err(|error| failure(&error, &self.broken))?;
        Ok(self.received.as_ref().map(|picture| Decoded {
            ticket: picture.ticket,
            is_damaged: picture.is_damaged,
        }))
    }

    fn luma(&self) -> Result<Option<LumaGrid>, String> {
        let received = self.received.as_ref();
        let Some(frame) = received.filter(|it| it.content.is_ok()) else {
            return Ok(None);
        };
        match &frame.luma {
            Some(Ok(grid)) => Ok(Some(grid.clone())),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it was not known that this frame would be looked at".to_owned()),
        }
    }

    fn copied(&self) -> Option<DeviceRange> {
        self.received.as_ref()?.copied
    }

    fn publish(&mut self) -> Result<PictureRef, Unpublished> {
        let Some(picture) = self.received.take() else {
            return Err(Unpublished::Failed("no picture was received".to_owned()));
        };
        match picture.content {
            Ok((layout, slot)) => {
                let slot = self.decoder.publish(slot)?;
                Ok(PictureRef { layout, slot })
            }
            Err(PictureError::Pool(error)) => Err(error.into()),
            Err(PictureError::Decode(error)) => {
                Err(Unpublished::Failed(failure(&error, &self.broken).message))
            }
        }
    }

    fn release(&mut self) {
        self.received = None;
    }
}

/// `CUDA_ERROR_OUT_OF_MEMORY`.
const OUT_OF_MEMORY: u32 = 2;

/// Whether the chip opens no further decoder. The driver says 'out of memory', whatever is short.
fn is_refused_by_chip(error: &DecodeError) -> bool {
    matches!(error, DecodeError::Call(call)
        if call.call == "cuvidCreateDecoder" && call.code == OUT_OF_MEMORY)
}

/// What a camera waits for. `open`: decoders that the process has; `memory`: free bytes, and all.
fn no_decoder_left(error: &DecodeError, open: usize, memory: Option<(usize, usize)>) -> Failure {
    /// More than a decoder of the largest frames needs.
    const PLENTY: usize = 4 << 30;
    let (free, found) = match memory {
        Some((free, all)) => (
            free,
            format!("{} of {} MiB are free", free >> 20, all >> 20),
        ),
        None => (0, "its free memory is unknown".to_owned()),
    };
    let what = if free >= PLENTY {
        "the chip opens no more decoders"
    } else {
        "the device has no room for another decoder"
    };
    Failure {
        kind: reason::NO_DECODER_LEFT,
        message: format!(
            "{what} than the {open} that this process has open ({error}; {found}); it gets one when another camera's is closed, or decode it on another GPU (a second nvdec, DEVICE) or with sw-decode (dataflows/mixed-batched.yml)"
        ),
    }
}

/// What the counters and the log get; notes an error after which no decoder of the process can go on.
fn failure(error: &DecodeError, broken: &Broken) -> Failure {
    /// `CUDA_ERROR_ILLEGAL_ADDRESS` to `CUDA_ERROR_LAUNCH_FAILED`: errors that end a context.
    const ENDS_CONTEXT: std::ops::RangeInclusive<u32> = 700..=720;
    let code = match error {
        DecodeError::Call(error) => error.code,
        DecodeError::Cuda(CudaError::Driver { code, .. }) => *code,
        DecodeError::Cuda(CudaError::OutOfMemory { .. }) => OUT_OF_MEMORY,
        _ => 0,
    };
    if ENDS_CONTEXT.contains(&code) {
        lock(broken).get_or_insert(error.to_string());
    }
    let kind = match error {
        _ if code == OUT_OF_MEMORY => "device_memory",
        DecodeError::Refused(Refusal::Size { .. }) => "picture_size",
        DecodeError::Refused(_) | DecodeError::Load(_) => "no_decoder",
        DecodeError::Call(_)
        | DecodeError::NoSequence { .. }
        | DecodeError::Crowded
        | DecodeError::Incomplete => "decode",
        DecodeError::Cuda(_) => "cuda",
    };
    Failure {
        kind,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use camweave_nvdec::CallError;

    #[test]
    fn a_refusal_is_the_cameras_and_a_broken_context_everybodys() {
        let broken = Broken::default();
        let refused = DecodeError::from(Refusal::Codec {
            codec: "AV1",
            bit_depth: 8,
        });
        let counted = failure(&refused, &broken);
        assert_eq!(counted.kind, "no_decoder");
        assert!(counted.message.contains("sw-decode"), "{}", counted.message);
        let driver = |code| {
            DecodeError::from(CudaError::Driver {
                action: "wait for a stream".to_owned(),
                code,
                name: "CUDA_ERROR".to_owned(),
                text: "text".to_owned(),
            })
        };
        assert_eq!(failure(&driver(2), &broken).kind, "device_memory");
        assert_eq!(failure(&driver(999), &broken).kind, "cuda");
        assert_eq!(*lock(&broken), None);
        failure(&driver(700), &broken);
        failure(&driver(719), &broken);
        let text = lock(&broken).clone().expect("noted");
        assert!(text.contains("(700)"), "the first one counts: {text}");
    }

    #[test]
    fn a_chip_that_opens_no_more_decoders_is_told_from_other_errors() {
        let refused = |call, code| {
            DecodeError::from(CallError {
                call,
                subject: "a h264 decoder of 1920x1080".to_owned(),
                code,
            })
        };
        assert!(is_refused_by_chip(&refused("cuvidCreateDecoder", 2)));
        assert!(!is_refused_by_chip(&refused("cuvidCreateDecoder", 801)));
        assert!(!is_refused_by_chip(&refused("cuvidMapVideoFrame64", 2)));
        let error = refused("cuvidCreateDecoder", 2);
        let failure = no_decoder_left(&error, 285, Some((90 << 30, 140 << 30)));
        assert_eq!(failure.kind, "no_decoder_left");
        for part in [
            "the chip opens no more decoders than the 285 that this process has open",
            "cuvidCreateDecoder failed for a h264 decoder of 1920x1080: out of device memory (2)",
            "92160 of 143360 MiB are free",
            "DEVICE",
            "dataflows/mixed-batched.yml",
        ] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        let full = no_decoder_left(&error, 12, Some((100 << 20, 8 << 30)));
        assert!(full.message.contains("no room"), "{}", full.message);
        assert!(!full.message.contains('\n'));
    }
}
