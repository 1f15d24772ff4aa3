//! One camera's decoders and slots, as the shared half of decoding wants them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_cuda::{Context, CudaError, CudaMemory, DeviceClock, Stream};
use camweave_decode::{Backend, Budget, CameraPools, Decoded, Decoder, Failure, Unpublished};
use camweave_message::{Codec, Orientation, PictureRef};
use camweave_nvdec::{DecodeError, Limits, Picture, PictureError, Refusal};
use camweave_stage::telemetry::DeviceRange;
use tracing::warn;

use crate::settings::Settings;

/// Slots beyond those for consumers: pictures that are decoded, but not sent yet.
const SLOTS_OF_ITS_OWN: u32 = 4;

/// What broke the device's context, and with it every camera's decoder.
pub(crate) type Broken = Arc<Mutex<Option<String>>>;

/// Locks what no panic leaves half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One camera's decoders, which copy into the camera's pools.
pub(crate) struct Nvdec {
    camera: String,
    context: Context,
    limits: Limits,
    pools: Arc<Mutex<CameraPools<CudaMemory>>>,
    /// Of a session that has ended: its memory on the chip serves the next.
    spare: Option<camweave_nvdec::Decoder>,
    /// Where the device's time is measured.
    clock: Option<DeviceClock>,
    broken: Broken,
}

impl Nvdec {
    pub fn new(
        context: Context,
        camera: &str,
        Settings { slots, limits, .. }: Settings,
        budget: &Arc<Budget>,
        clock: Option<DeviceClock>,
        broken: Broken,
    ) -> Self {
        let pools = CameraPools::new(context.clone(), camera, slots, budget);
        Self {
            camera: camera.to_owned(),
            context,
            limits,
            pools: Arc::new(Mutex::new(pools)),
            spare: None,
            clock,
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
            None => Stream::urgent(&self.context)
                .map_err(DecodeError::from)
                .and_then(|stream| {
                    let pools = Arc::clone(&self.pools);
                    let camera = self.camera.clone();
                    let slots = Box::new(move |bytes| {
                        let begun = lock(&pools).begin(bytes, SLOTS_OF_ITS_OWN);
                        begun.map_err(|error| error.into_pool_error(&camera))
                    });
                    let mut decoder =
                        camweave_nvdec::Decoder::open(codec, stream, self.limits, slots)?;
                    if let Some(clock) = &self.clock
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
                received: None,
                broken,
            }),
            Err(error) => Err(failure(&error, &broken)),
        }
    }

    fn close(&mut self, session: Session) {
        self.spare = Some(session.decoder);
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

/// A session's decoder, and the picture that it gave last.
pub(crate) struct Session {
    decoder: camweave_nvdec::Decoder,
    received: Option<Picture>,
    broken: Broken,
}

impl Decoder for Session {
    fn send(&mut self, data: &[u8], ticket: i64) -> Result<(), Failure> {
        let sent = self.decoder.send(data, ticket);
        sent.map_err(|error| failure(&error, &self.broken))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let finished = self.decoder.finish();
        finished.map_err(|error| failure(&error, &self.broken))
    }

    fn receive(&mut self, more_waiting: bool) -> Result<Option<Decoded>, Failure> {
        let received = self.decoder.receive(more_waiting);
        self.received = received.map_err(|error| failure(&error, &self.broken))?;
        Ok(self.received.as_ref().map(|picture| Decoded {
            ticket: picture.ticket,
            is_damaged: picture.is_damaged,
        }))
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

/// What the counters and the log get; notes an error after which no decoder of the process can go on.
fn failure(error: &DecodeError, broken: &Broken) -> Failure {
    const OUT_OF_MEMORY: u32 = 2;
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
        DecodeError::Call(_) | DecodeError::NoSequence { .. } => "decode",
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
}
