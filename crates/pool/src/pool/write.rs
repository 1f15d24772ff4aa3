//! Slots in the producer's hands: being written, or kept after publication.

use std::fmt;
use std::sync::Arc;

use super::error::PoolError;
use super::host::HostMemory;
use super::id::Reference;
use super::memory::Memory;
use super::shared::Shared;
use crate::protocol::state;

/// A slot that is being written. It starts with older content. Dropped without being published,
/// it is abandoned: the slot is free again and no reference to it exists.
#[must_use = "dropping it abandons the slot"]
pub struct WriteSlot<M: Memory = HostMemory> {
    shared: Arc<Shared<M>>,
    slot: u32,
    generation: u32,
    is_published: bool,
}

/// The producer's own hold of a published slot, which is not overwritten until this is dropped.
/// A video decoder keeps its reference pictures so.
pub struct Retained<M: Memory = HostMemory> {
    shared: Arc<Shared<M>>,
    slot: u32,
}

impl WriteSlot<HostMemory> {
    /// Makes the content readable and the newest of its pool.
    #[must_use = "without its reference nobody can read the slot"]
    pub fn publish(self) -> Reference {
        self.announce(false).0
    }

    /// As [`publish`](Self::publish), and keeps the slot from being overwritten.
    #[must_use = "without its reference nobody can read the slot"]
    pub fn publish_retained(self) -> (Reference, Retained) {
        let (reference, shared) = self.announce(true);
        let slot = reference.slot;
        (reference, Retained { shared, slot })
    }
}

impl<M: Memory> WriteSlot<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>, slot: u32, generation: u32) -> Self {
        Self {
            shared,
            slot,
            generation,
            is_published: false,
        }
    }

    /// Makes the content readable once the writes that were put into `queue` are done. Does not
    /// wait for them: consumers do, on their own queues.
    ///
    /// # Errors
    /// The order of the writes could not be recorded; the slot is abandoned.
    pub fn publish_on(self, queue: &M::Queue) -> Result<Reference, PoolError> {
        self.order_after(queue)?;
        Ok(self.announce(false).0)
    }

    /// As [`publish_on`](Self::publish_on), and keeps the slot from being overwritten.
    ///
    /// # Errors
    /// The order of the writes could not be recorded; the slot is abandoned.
    pub fn publish_retained_on(
        self,
        queue: &M::Queue,
    ) -> Result<(Reference, Retained<M>), PoolError> {
        self.order_after(queue)?;
        let (reference, shared) = self.announce(true);
        let slot = reference.slot;
        Ok((reference, Retained { shared, slot }))
    }

    /// The slot, counted from 0.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Where the slot is.
    #[must_use]
    pub fn address(&self) -> M::Address<'_> {
        self.shared.memory.address(self.slot)
    }

    /// Bytes that may be written from there.
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        self.shared.layout().slot_bytes()
    }

    /// The memory of all slots.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.shared.memory
    }

    fn order_after(&self, queue: &M::Queue) -> Result<(), PoolError> {
        let name = || Arc::clone(self.shared.name());
        let written = self.shared.memory.written(self.slot, queue);
        written.map_err(|source| PoolError::Memory {
            name: name(),
            source,
        })
    }

    fn announce(mut self, is_retained: bool) -> (Reference, Arc<Shared<M>>) {
        self.is_published = true;
        state::end(self.shared.word(self.slot));
        let mut order = self.shared.order();
        if is_retained {
            order.retain(self.slot);
        }
        order.published(self.slot);
        drop(order);
        let reference = Reference {
            pool: self.shared.id().clone(),
            slot: self.slot,
            generation: self.generation,
        };
        (reference, Arc::clone(&self.shared))
    }
}

impl<M: Memory> Drop for WriteSlot<M> {
    fn drop(&mut self) {
        if !self.is_published {
            state::end(self.shared.word(self.slot));
            self.shared.order().abandoned(self.slot);
        }
    }
}

impl<M: Memory> Retained<M> {
    /// The slot, counted from 0.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Where the slot is.
    #[must_use]
    pub fn address(&self) -> M::Address<'_> {
        self.shared.memory.address(self.slot)
    }

    /// Bytes that may be read from there.
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        self.shared.layout().slot_bytes()
    }
}

impl<M: Memory> Clone for Retained<M> {
    fn clone(&self) -> Self {
        self.shared.order().retain(self.slot);
        Self {
            shared: Arc::clone(&self.shared),
            slot: self.slot,
        }
    }
}

impl<M: Memory> Drop for Retained<M> {
    fn drop(&mut self) {
        self.shared.order().let_go(self.slot);
    }
}

impl<M: Memory> fmt::Debug for WriteSlot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WriteSlot");
        debug
            .field("pool", self.shared.id())
            .field("slot", &self.slot);
        debug.field("generation", &self.generation).finish()
    }
}

impl<M: Memory> fmt::Debug for Retained<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Retained");
        debug
            .field("pool", self.shared.id())
            .field("slot", &self.slot)
            .finish()
    }
}
