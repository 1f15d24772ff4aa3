//! Slots in a consumer's hands.

use std::fmt;
use std::sync::Arc;

use super::attached::Attached;
use super::error::AcquireError;
use super::host::HostMemory;
use super::id::Reference;
use super::memory::Memory;

/// A published slot that this process holds: its content does not change until the last
/// `ReadSlot` of it in this process is dropped, as long as the producer and the other consumers keep
/// to `docs/pools.md`.
///
/// On a device, drop it after the device's reads. Dropped earlier, its memory stays, but the
/// producer may write to it: what the device reads then is anything.
pub struct ReadSlot<M: Memory = HostMemory> {
    attached: Arc<Attached<M>>,
    slot: u32,
    generation: u32,
}

impl<M: Memory> ReadSlot<M> {
    /// Takes over the hold that the caller has added.
    pub(crate) fn new(attached: Arc<Attached<M>>, reference: &Reference) -> Self {
        let &Reference {
            slot, generation, ..
        } = reference;
        Self {
            attached,
            slot,
            generation,
        }
    }

    /// Makes work that is put into `queue` from now on wait for the producer's writes.
    ///
    /// # Errors
    /// The order cannot be established; the slot must not be read on that queue.
    pub fn wait_on(&self, queue: &M::Queue) -> Result<(), AcquireError> {
        let waits = self.memory().wait_readable(self.slot, queue);
        waits.map_err(|error| AcquireError::from_memory(self.attached.id(), error))
    }

    /// The reference that was acquired.
    #[must_use]
    pub fn reference(&self) -> Reference {
        Reference {
            pool: self.attached.id().clone(),
            slot: self.slot,
            generation: self.generation,
        }
    }

    /// The slot, counted from 0.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Where the slot is.
    #[must_use]
    pub fn address(&self) -> M::Address<'_> {
        self.memory().address(self.slot)
    }

    /// Bytes that may be read from there.
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        self.attached.layout().slot_bytes()
    }

    /// The memory of all slots.
    #[must_use]
    pub fn memory(&self) -> &M {
        self.attached.memory()
    }
}

impl<M: Memory> Clone for ReadSlot<M> {
    fn clone(&self) -> Self {
        self.attached.hold_again(self.slot);
        Self {
            attached: Arc::clone(&self.attached),
            slot: self.slot,
            generation: self.generation,
        }
    }
}

impl<M: Memory> Drop for ReadSlot<M> {
    fn drop(&mut self) {
        self.attached.release(self.slot);
    }
}

impl<M: Memory> fmt::Debug for ReadSlot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReadSlot");
        debug
            .field("pool", self.attached.id())
            .field("slot", &self.slot);
        debug.field("generation", &self.generation).finish()
    }
}
