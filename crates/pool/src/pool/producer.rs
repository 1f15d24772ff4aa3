//! The producer's side of a pool.

use std::fmt;
use std::sync::Arc;

use super::error::PoolError;
use super::host::HostMemory;
use super::id::PoolId;
use super::memory::Memory;
use super::process::{self, Liveness};
use super::shared::Shared;
use super::spec::{PoolSpec, WriteQueues};
use super::usage::Usage;
use super::write::WriteSlot;
use crate::protocol::{consumers, state};

/// Owner of a pool. Clones are handles of the same pool, which is closed when the last of them,
/// and the last slot being written or retained, is dropped.
pub struct Producer<M: Memory = HostMemory> {
    shared: Arc<Shared<M>>,
}

impl Producer<HostMemory> {
    /// Creates a pool in the host's memory, which is taken from the system at once.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be allocated.
    pub fn create(spec: &PoolSpec) -> Result<Self, PoolError> {
        Self::create_in(&(), spec)
    }
}

impl<M: Memory> Producer<M> {
    /// Creates a pool in memory of the given place, whose slots [several](WriteQueues::Several)
    /// queues may write.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be allocated.
    pub fn create_in(place: &M::Place, spec: &PoolSpec) -> Result<Self, PoolError> {
        Self::create_for(place, spec, WriteQueues::Several)
    }

    /// Creates a pool in memory of the given place, whose slots are written through `queues`.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be allocated.
    pub fn create_for(
        place: &M::Place,
        spec: &PoolSpec,
        queues: WriteQueues,
    ) -> Result<Self, PoolError> {
        let layout = spec.layout()?;
        let created = Shared::create(place, &spec.name, layout, queues);
        let shared = created.map_err(|source| PoolError::Memory {
            name: spec.name.as_str().into(),
            source,
        })?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The pool's name for consumers.
    #[must_use]
    pub fn id(&self) -> &PoolId {
        self.shared.id()
    }

    /// Bytes of a slot: those asked for, rounded up to whole pages.
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        self.shared.control.layout().slot_bytes()
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.shared.control.layout().slots()
    }

    /// The memory of all slots.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.shared.memory
    }

    /// Takes the least recently published slot that nobody holds. Never waits.
    ///
    /// References to the slot's former content expire. Slots of consumers that have died are
    /// found at the latest when there is no other slot left.
    ///
    /// # Errors
    /// [`PoolError::Exhausted`]: every slot is held, retained or being written.
    pub fn begin(&self) -> Result<WriteSlot<M>, PoolError> {
        if self.shared.reap.is_due() {
            self.reap();
        }
        let taken = self.shared.take().or_else(|| {
            self.reap();
            self.shared.take()
        });
        match taken {
            Some((slot, generation)) => {
                Ok(WriteSlot::new(Arc::clone(&self.shared), slot, generation))
            }
            None => Err(PoolError::Exhausted {
                name: Arc::clone(self.shared.name()),
                usage: self.usage(),
            }),
        }
    }

    /// Takes back what dead consumers have left; returns how many there were.
    ///
    /// `begin` does this by itself. A producer that may be idle for long can call it from a timer,
    /// so that entries of dead consumers come free for new ones.
    pub fn reap(&self) -> usize {
        let control = &self.shared.control;
        let is_dead = |consumer| process::liveness(consumer) == Liveness::Dead;
        consumers::reap(control.consumers(), || control.words(), is_dead)
    }

    /// Who has the slots.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let control = &self.shared.control;
        let held = control
            .words()
            .filter(|word| state::look(word).holders() > 0)
            .count();
        let order = self.shared.order();
        // All counts are at most the number of slots.
        Usage {
            slots: self.slots(),
            held: held as u32,
            writing: order.writing() as u32,
            retained: order.retained() as u32,
            consumers: consumers::count(control.consumers()) as u32,
        }
    }
}

impl<M: Memory> Clone for Producer<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M: Memory> fmt::Debug for Producer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Producer");
        debug
            .field("name", self.shared.name())
            .field("id", self.id());
        debug.field("usage", &self.usage()).finish()
    }
}
