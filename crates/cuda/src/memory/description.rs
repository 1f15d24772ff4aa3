//! What consumers learn of device memory through the pool's control block.
//!
//! Bytes: device UUID (16), nonce (16), bytes of the allocation (u64), way of sharing (u64: 1
//! descriptor, 2 CUDA IPC), CUDA's handle of the memory (64, zeros for a descriptor), event handles
//! (64 each): one per slot, or a single one for all slots; numbers in the machine's own byte order.
//! The nonce also lies in the memory itself, behind the last slot, so that another allocation
//! behind a reused descriptor is told from this one.

use camweave_pool::MemoryError;
use rustix::rand::{GetRandomFlags, getrandom};
use uuid::Uuid;

/// Tells an allocation from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Nonce(pub [u8; 16]);

pub(super) const NONCE_BYTES: usize = 16;
const HANDLE_BYTES: usize = 64;
const HEAD_BYTES: usize = 16 + NONCE_BYTES + 8 + 8 + HANDLE_BYTES;

/// How consumers get at the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The pool's data descriptor is the memory's.
    Descriptor,
    /// `cuIpcOpenMemHandle` opens this; the pool's data descriptor is a [lease](super::lease).
    Ipc([u8; HANDLE_BYTES]),
}

const DESCRIPTOR: u64 = 1;
const IPC: u64 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub device: [u8; 16],
    pub nonce: Nonce,
    pub mapped_bytes: u64,
    pub way: Way,
    /// One per slot, or one for all.
    pub events: Vec<[u8; HANDLE_BYTES]>,
}

impl Nonce {
    pub fn random() -> Result<Self, MemoryError> {
        let mut bytes = [0; NONCE_BYTES];
        // So few bytes are never given in part.
        getrandom(&mut bytes, GetRandomFlags::empty())
            .map_err(MemoryError::io(|| "get random bytes".to_owned()))?;
        Ok(Self(bytes))
    }
}

/// Bytes of all slots and the nonce behind them.
pub(super) fn with_nonce(data_bytes: usize) -> usize {
    data_bytes + NONCE_BYTES
}

impl Description {
    pub fn encode(&self) -> Vec<u8> {
        let (way, handle) = match self.way {
            Way::Descriptor => (DESCRIPTOR, [0; HANDLE_BYTES]),
            Way::Ipc(handle) => (IPC, handle),
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.events.len() * HANDLE_BYTES);
        bytes.extend(self.device);
        bytes.extend(self.nonce.0);
        bytes.extend(self.mapped_bytes.to_ne_bytes());
        bytes.extend(way.to_ne_bytes());
        bytes.extend(handle);
        bytes.extend(self.events.as_flattened());
        bytes
    }

    pub fn decode(bytes: &[u8], slots: u32) -> Result<Self, MemoryError> {
        let slots = slots as usize;
        let parts = (|| {
            let (device, rest) = bytes.split_first_chunk()?;
            let (nonce, rest) = rest.split_first_chunk()?;
            let (mapped, rest) = rest.split_first_chunk()?;
            let (way, rest) = rest.split_first_chunk()?;
            let (handle, rest) = rest.split_first_chunk()?;
            let (events, rest) = rest.as_chunks::<HANDLE_BYTES>();
            let is_whole = rest.is_empty();
            is_whole.then_some((device, nonce, mapped, way, handle, events))
        })();
        let parts = parts.ok_or_else(|| MemoryError::Mismatch {
            what: "size of the memory's description in bytes",
            found: bytes.len().to_string(),
            expected: format!("{HEAD_BYTES} and {HANDLE_BYTES} for each event"),
        });
        let (device, nonce, mapped, way, handle, events) = parts?;
        if events.is_empty() || (events.len() != 1 && events.len() != slots) {
            return Err(MemoryError::Mismatch {
                what: "number of events in the memory's description",
                found: events.len().to_string(),
                expected: format!("1 for all slots or one for each of {slots}"),
            });
        }
        let way = match u64::from_ne_bytes(*way) {
            DESCRIPTOR => Way::Descriptor,
            IPC => Way::Ipc(*handle),
            other => {
                return Err(MemoryError::Mismatch {
                    what: "way of sharing device memory",
                    found: other.to_string(),
                    expected: format!("{DESCRIPTOR} (descriptor) or {IPC} (CUDA IPC)"),
                });
            }
        };
        Ok(Self {
            device: *device,
            nonce: Nonce(*nonce),
            mapped_bytes: u64::from_ne_bytes(*mapped),
            way,
            events: events.to_vec(),
        })
    }
}

/// As `nvidia-smi -L` prints it.
pub(super) fn uuid_text(uuid: [u8; 16]) -> String {
    format!("GPU-{}", Uuid::from_bytes(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_events(count: u8, way: Way) -> Description {
        Description {
            device: [1; 16],
            nonce: Nonce::random().expect("random bytes"),
            mapped_bytes: 6 << 20,
            way,
            events: (0..count).map(|event| [event; 64]).collect(),
        }
    }

    fn description(way: Way) -> Description {
        with_events(3, way)
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for way in [Way::Descriptor, Way::Ipc([9; 64])] {
            let description = description(way);
            let bytes = description.encode();
            let decoded = Description::decode(&bytes, 3).expect("its own bytes");
            assert_eq!(decoded, description);
            let only = with_events(1, way);
            for slots in [1, 3, 4096] {
                let decoded = Description::decode(&only.encode(), slots);
                assert_eq!(decoded.expect("one event for all slots"), only);
            }
        }
    }

    fn refused(bytes: &[u8], slots: u32) -> String {
        let error = Description::decode(bytes, slots).expect_err("must be refused");
        error.to_string()
    }

    #[test]
    fn events_are_one_or_as_many_as_slots() {
        for (events, slots) in [(0, 16), (0, 1), (0, 0), (2, 16), (15, 16), (17, 16), (2, 1)] {
            let bytes = with_events(events, Way::Descriptor).encode();
            assert_eq!(
                refused(&bytes, slots),
                format!(
                    "number of events in the memory's description is {events}, expected 1 for all slots or one for each of {slots}"
                )
            );
        }
    }

    #[test]
    fn a_description_ends_only_after_an_event() {
        let bytes = with_events(2, Way::Descriptor).encode();
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            match length {
                // Whole with fewer events.
                112 => assert!(refused(cut, 2).contains("is 0, expected 1 for all")),
                176 => assert!(Description::decode(cut, 2).is_ok()),
                _ => assert_eq!(
                    refused(cut, 2),
                    format!(
                        "size of the memory's description in bytes is {length}, expected 112 and 64 for each event"
                    )
                ),
            }
        }
    }

    #[test]
    fn an_unknown_way_of_sharing_is_named() {
        let mut bytes = description(Way::Descriptor).encode();
        bytes[40..48].copy_from_slice(&7_u64.to_ne_bytes());
        let error = Description::decode(&bytes, 3).expect_err("no such way");
        let expected = "way of sharing device memory is 7, expected 1 (descriptor) or 2 (CUDA IPC)";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn devices_are_named_as_their_tools_do() {
        let uuid = std::array::from_fn(|index| index as u8);
        let text = uuid_text(uuid);
        assert_eq!(text, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
