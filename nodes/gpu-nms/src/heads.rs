//! A row's head where it lies on the device.

use std::ops::Range;

use camweave_cuda::{CudaError, CudaMemory, DeviceSlice, Stream};
use camweave_detect::place;
use camweave_detect::postprocess::malformed;
use camweave_message::Head;
use camweave_pool::{Attachments, Memory as _, ReadSlot, Reference};
use camweave_stage::Refusal;
use camweave_vision::{HeadFormat, Letterbox};

/// A head that can be read by work on the stream.
pub struct Held {
    pub format: HeadFormat,
    pub letterbox: Letterbox,
    /// Has its values. Kept until the stream has passed the work.
    slot: ReadSlot<CudaMemory>,
    /// Which bytes of the slot.
    range: Range<usize>,
}

impl Held {
    /// Its values.
    pub fn memory(&self) -> Result<DeviceSlice<'_>, CudaError> {
        let Range { start, .. } = self.range;
        Ok(self.slot.address().part(start, self.range.len())?)
    }
}

/// Holds a row's head, and makes the stream wait for its values.
pub fn hold(
    head: &Head,
    attachments: &Attachments<CudaMemory>,
    stream: &Stream,
) -> Result<Held, Refusal> {
    let letterbox = head.letterbox();
    let letterbox = letterbox.map_err(malformed)?;
    if let Some(refusal) = elsewhere(&head.tensor) {
        return Err(refusal);
    }
    let slot = attachments.acquire(&head.tensor);
    let slot = slot.map_err(|error| Refusal::from(&error))?;
    let range = place(head, slot.slot_bytes()).map_err(malformed)?;
    let waits = slot.wait_on(stream);
    waits.map_err(|error| Refusal::from(&error))?;
    Ok(Held {
        format: head.format,
        letterbox,
        slot,
        range,
    })
}

/// Whether the head is in memory that this stage does not read.
fn elsewhere(tensor: &Reference) -> Option<Refusal> {
    let backend = &*tensor.pool.address().backend;
    (backend != CudaMemory::BACKEND).then(|| Refusal {
        reason: camweave_stage::DropReason::UNREACHABLE.name,
        error: Some("incompatible_pool"),
        message: format!(
            "the outputs of pool {} are in {backend} memory, gpu-nms reads {}: use cpu-nms after this detector",
            tensor.pool,
            CudaMemory::BACKEND,
        ),
    })
}

#[cfg(test)]
mod tests {
    use camweave_pool::{PoolSpec, Producer};

    use super::*;

    #[test]
    fn heads_on_the_host_are_refused_with_what_reads_them() {
        let spec = PoolSpec {
            name: "heads".to_owned(),
            slots: 1,
            slot_bytes: 64,
        };
        let pool = Producer::create(&spec).expect("a small pool");
        let reference = pool.begin().expect("a free slot").publish();
        let refusal = elsewhere(&reference).expect("host memory");
        assert_eq!(refusal.reason, "unreachable");
        for part in ["host memory", "reads cuda", "cpu-nms"] {
            assert!(refusal.message.contains(part), "{}", refusal.message);
        }
    }
}
