//! Device memory as a backend of `camweave-pool`.
//!
//! One allocation for all slots, and interprocess events, recorded after the producer's writes: one
//! for the whole pool where one stream writes all slots, else one per slot. A process gets only
//! some 4,096 interprocess events, however much memory there is. The allocation is exported as a file descriptor (CUDA's virtual memory
//! management), and lives until the last process that has imported it ends; where that cannot be,
//! it is shared by CUDA IPC, and ends with its producer. In the producer's own process both are
//! shared directly: CUDA opens no event in the process that it comes from.

mod backing;
mod description;
mod descriptor;
mod ipc;
mod lease;
mod mapping;
mod registry;
mod shared;
mod sharing;

use std::sync::Arc;

use camweave_pool::{Export, Layout, Memory, MemoryError, Source, WriteQueues, WriteSlot};

use self::backing::{Backing, Made};
use self::description::{Description, Nonce};
use self::shared::Shared;
use self::sharing::{Sharing, Wanted};
use crate::context::Context;
use crate::error::{CudaError, SliceError};
use crate::event::Event;
use crate::slice::DeviceSlice;
use crate::stream::{Rows, Stream};

/// Memory of a device, shared between processes. In consumers it is for reading only.
///
/// # Memory and contents
/// A slot's view is borrowed from whoever holds the slot, and the pool's memory waits for the device
/// before it is unmapped (the rule at [`DeviceSlice`]). So a slot that is given back too early costs
/// contents, not memory: its bytes are anything once another may write them. Who may do what, in
/// which order:
///
/// - A producer puts writes into a stream, and publishes on it
///   ([`WriteSlot::publish_on`]): the slot's event is recorded after them.
/// - A consumer makes its stream wait for that event ([`ReadSlot::wait_on`](camweave_pool::ReadSlot::wait_on))
///   before it reads, and drops its slot once the stream has passed the reads: an event of its own,
///   or a stream that has been waited for.
/// - A producer begins a slot that nobody holds: no consumer reads it any more. Earlier writes may be
///   on their way on another stream: [`Self::before_writing`] orders it after those that were published.
///   Who abandons a slot has waited for its writes, or goes on in the same stream.
///
/// A consumer's view is for reading only. A write through it is a fault of the device where it can tell
/// (the context is lost), else it changes what others read.
///
/// Memory that is shared by CUDA IPC ends with its producer: after that, acquiring a slot and
/// waiting for its writes are refused as [`MemoryError::Gone`], and no slot must be read. Of work
/// that is under way then CUDA promises nothing.
#[derive(Debug)]
pub struct CudaMemory(Arc<Shared>);

impl CudaMemory {
    /// Makes `stream` wait until earlier writes to the slot are done.
    ///
    /// A producer that writes a pool's slots on more than one stream calls this before it writes:
    /// the slot's last content may still be on its way on another stream, if nobody has read it.
    /// In a pool that [one stream](WriteQueues::One) writes, it waits for all earlier writes.
    ///
    /// # Errors
    /// The driver's.
    pub fn before_writing(slot: &WriteSlot<Self>, stream: &Stream) -> Result<(), MemoryError> {
        slot.memory().wait_readable(slot.slot(), stream)
    }

    /// How the memory is shared, for logs and facts.
    #[must_use]
    pub fn sharing(&self) -> &'static str {
        match self.0.backing.sharing() {
            Sharing::Descriptor if self.0.backing.is_write_protected() => {
                "virtual memory as a file descriptor, read only in consumers"
            }
            sharing => sharing.text(),
        }
    }

    /// How this process will share memory of a device, for logs and facts before there is any.
    ///
    /// # Errors
    /// The environment variable `CAMWEAVE_CUDA_SHARING` is none of `auto`, `descriptor` and `ipc`;
    /// the driver's.
    pub fn sharing_on(context: &Context) -> Result<&'static str, MemoryError> {
        let sharing = Wanted::from_env()?.on(context);
        let asking = || format!("ask {context} how it shares memory");
        let sharing = sharing.map_err(|error| from_cuda(asking(), error))?;
        Ok(sharing.text())
    }

    /// `count` slots from `first` on, as rows of which each is a slot. The caller holds them.
    ///
    /// # Errors
    /// The pool has fewer.
    pub fn rows(&self, first: u32, count: usize) -> Result<Rows<'_>, SliceError> {
        let (layout, all) = (self.0.layout, self.0.backing.slice());
        let offset = |slot| layout.offset(slot).unwrap_or(usize::MAX);
        let (start, next) = (offset(first), offset(first.saturating_add(1)));
        // The last slot of a pool has none behind it.
        let pitch = match count {
            0 | 1 => layout.slot_bytes(),
            _ => next.saturating_sub(start),
        };
        let bytes = pitch.saturating_mul(count.saturating_sub(1));
        let bytes = bytes.saturating_add(layout.slot_bytes());
        let memory = all.part(start, bytes)?;
        Ok(Rows { memory, pitch })
    }

    fn event(&self, slot: u32) -> Result<&Event, MemoryError> {
        let (events, slots) = (&self.0.events, self.0.layout.slots());
        of_slot(events, slot, slots).ok_or_else(|| MemoryError::Mismatch {
            what: "slot",
            found: slot.to_string(),
            expected: format!("a number below {slots}"),
        })
    }
}

/// A slot's own event, or the only one.
fn of_slot<T>(events: &[T], slot: u32, slots: u32) -> Option<&T> {
    match events {
        [only] => (slot < slots).then_some(only),
        events => events.get(slot as usize),
    }
}

impl Memory for CudaMemory {
    const BACKEND: &'static str = "cuda";
    const VERSION: u32 = 3;

    type Place = Context;
    type Queue = Stream;
    /// All bytes of the slot.
    type Address<'a> = DeviceSlice<'a>;

    fn create(
        context: &Context,
        name: &str,
        layout: Layout,
        queues: WriteQueues,
    ) -> Result<(Self, Export), MemoryError> {
        let making = || format!("make the device memory of pool '{name}' on {context}");
        let failed = |error| from_cuda(making(), error);
        let wanted = Wanted::from_env()?;
        let nonce = Nonce::random()?;
        let what = format!(
            "pool '{name}', {} slots of {} bytes",
            layout.slots(),
            layout.slot_bytes()
        );
        let bytes = description::with_nonce(layout.data_bytes());
        let Made { backing, fd, way } =
            Backing::create(context, wanted, bytes, &what, nonce, &failed)?;
        backing
            .write_nonce(layout.data_bytes(), nonce)
            .map_err(failed)?;
        let count = match queues {
            WriteQueues::One => 1,
            WriteQueues::Several => layout.slots(),
        };
        let events = (0..count).map(|_| Event::interprocess(context));
        let events: Vec<Event> = events.collect::<Result<_, _>>().map_err(failed)?;
        let handles = events.iter().map(Event::handle);
        let description = Description {
            device: context.uuid(),
            nonce,
            mapped_bytes: backing.slice().len() as u64,
            way,
            events: handles.collect::<Result<_, _>>().map_err(failed)?,
        };
        descriptor::allow_taking();
        let export = Export {
            fd,
            description: description.encode(),
        };
        let shared = Arc::new(Shared {
            events,
            backing,
            layout,
        });
        registry::add(nonce, &shared);
        Ok((Self(shared), export))
    }

    fn attach(context: &Context, source: &Source<'_>) -> Result<Self, MemoryError> {
        let layout = source.layout;
        let description = Description::decode(source.description, layout.slots())?;
        if description.device != context.uuid() {
            return Err(MemoryError::Mismatch {
                what: "CUDA device of the pool",
                found: description::uuid_text(description.device),
                expected: format!("{}, {context}", description::uuid_text(context.uuid())),
            });
        }
        if source.producer.pid() == std::process::id() {
            let shared = registry::find(description.nonce);
            return shared.map(Self).ok_or_else(|| MemoryError::Gone {
                detail: "its device memory is not in this process any more".to_owned(),
            });
        }
        let attaching = || format!("use another process's device memory on {context}");
        let failed = |error| from_cuda(attaching(), error);
        let bytes = usize::try_from(description.mapped_bytes).unwrap_or(0);
        let least = description::with_nonce(layout.data_bytes());
        if bytes < least {
            return Err(MemoryError::Mismatch {
                what: "size of the device memory in bytes",
                found: description.mapped_bytes.to_string(),
                expected: format!("at least {least}"),
            });
        }
        let backing = Backing::attach(context, source, &description, bytes, &failed)?;
        let nonce = backing.read_nonce(layout.data_bytes()).map_err(|error| {
            let gone = backing.check().err();
            gone.unwrap_or_else(|| failed(error))
        })?;
        if nonce != description.nonce {
            let detail = "its device memory is another than the control block names";
            return Err(MemoryError::Gone {
                detail: detail.to_owned(),
            });
        }
        let events = description.events.iter();
        let events = events.map(|&handle| Event::open(context, handle));
        Ok(Self(Arc::new(Shared {
            events: events.collect::<Result<_, _>>().map_err(failed)?,
            backing,
            layout,
        })))
    }

    fn check(&self) -> Result<(), MemoryError> {
        self.0.backing.check()
    }

    fn address(&self, slot: u32) -> DeviceSlice<'_> {
        let (layout, all) = (self.0.layout, self.0.backing.slice());
        let offset = layout.offset(slot);
        offset
            .and_then(|offset| all.part(offset, layout.slot_bytes()).ok())
            .expect("slots are numbered by the pool's own bookkeeping, and the memory has them all")
    }

    fn written(&self, slot: u32, stream: &Stream) -> Result<(), MemoryError> {
        let recorded = self.event(slot)?.record(stream);
        recorded.map_err(|error| from_cuda(format!("mark slot {slot} as written"), error))
    }

    fn wait_readable(&self, slot: u32, stream: &Stream) -> Result<(), MemoryError> {
        self.0.backing.check()?;
        let waits = stream.wait(self.event(slot)?);
        waits.map_err(|error| from_cuda(format!("wait for slot {slot}'s writes"), error))
    }
}

fn from_cuda(action: String, error: CudaError) -> MemoryError {
    MemoryError::Io {
        action,
        source: std::io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_its_own_event_or_the_only_one() {
        let all = ['a', 'b', 'c'];
        assert_eq!(of_slot(&all, 1, 3), Some(&'b'));
        assert_eq!(of_slot(&all, 3, 3), None);
        assert_eq!(of_slot(&all[..1], 0, 3), Some(&'a'));
        assert_eq!(of_slot(&all[..1], 2, 3), Some(&'a'));
        assert_eq!(of_slot(&all[..1], 3, 3), None);
        assert_eq!(of_slot(&all[..1], 0, 1), Some(&'a'));
    }
}
