//! What the kernels leave to the host: what heads have beside boxes, of few objects in a frame, and
//! frames of too many candidates.

use camweave_cuda::{Context as Device, CudaError, PinnedBuffer, Stream};
use camweave_detect::floats;
use camweave_detect::postprocess::{Classes, malformed, most_points};
use camweave_message::DetectedBox;
use camweave_stage::Refusal;
use camweave_vision::{Candidate, NmsConfig, ShapeScratch, decode, keep_best_of, shapes};

use crate::heads::Held;

/// Memory of the host for one head at a time.
pub struct HostCopy {
    device: Device,
    /// Room for the largest head so far.
    pinned: Option<PinnedBuffer>,
}

impl HostCopy {
    /// Memory comes with the first head.
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            pinned: None,
        }
    }

    /// The bytes of a head, once they are copied.
    pub fn of(&mut self, held: &Held, stream: &Stream) -> Result<&[u8], CudaError> {
        let memory = held.memory()?;
        let bytes = memory.len();
        let fitting = self.pinned.take().filter(|pinned| pinned.len() >= bytes);
        let pinned = match fitting {
            Some(pinned) => pinned,
            None => PinnedBuffer::new(&self.device, bytes, "a head for the host")?,
        };
        let pinned = self.pinned.insert(pinned);
        stream.download(memory, pinned, 0..bytes)?;
        Ok(&pinned.bytes()?[..bytes])
    }
}

/// The boxes of a head whose bytes these are, with what it has beside them. `candidates` are what
/// the kernels have kept of it; `None`: it is decoded and suppressed here.
pub fn boxes(
    bytes: &[u8],
    held: &Held,
    candidates: Option<Vec<Candidate>>,
    nms: &NmsConfig,
    classes: &Classes,
    scratch: &mut ShapeScratch,
) -> Result<Vec<DetectedBox>, Refusal> {
    let (format, letterbox) = (&held.format, &held.letterbox);
    let values = floats(bytes).map_err(malformed)?;
    let candidates = match candidates {
        Some(candidates) => candidates,
        None => {
            let (size, least) = (letterbox.model, nms.confidence);
            let mut all = Vec::new();
            decode(values, format, size, least, &mut all).map_err(malformed)?;
            all.retain(|candidate| classes.keeps(candidate.class_id));
            keep_best_of(values, &mut all, format, nms);
            all
        }
    };
    let most = most_points(candidates.len());
    let found = shapes(values, format, letterbox, &candidates, most, scratch);
    Ok(classes.named_shaped(found, letterbox.source))
}
