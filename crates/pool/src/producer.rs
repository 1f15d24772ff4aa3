//! The producer's side of a pool.

use crate::{
    clock::Every,
    consumers,
    control::{Control, raw_fd},
    error::{MemoryError, PoolError},
    header::{Header, MAX_DESCRIPTION_BYTES, padded},
    host::HostMemory,
    id::{PoolAddress, PoolId},
    mapping::SealedFile,
    memory::Memory,
    order::Order,
    process::{self, Host, Liveness},
    spec::{Layout, PoolSpec, WriteQueues},
    state,
    sync::{AtomicU64, Mutex},
    write::WriteSlot,
};
use rustix::rand::{GetRandomFlags, getrandom};
use std::{
    fmt,
    sync::{Arc, MutexGuard, PoisonError},
};

/// How often `begin` looks for dead consumers while there are free slots.
const REAP_MILLIS: u64 = 100;

/// Owner of a pool. Clones are handles of the same pool, which is closed when the last of them,
/// and the last slot being written or retained, is dropped.
pub struct Producer<M: Memory = HostMemory> {
    shared: Arc<Shared<M>>,
}

/// Who has the slots of a pool, at about the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Number of slots.
    pub slots: u32,
    /// Slots held by at least one consumer process.
    pub held: u32,
    /// Slots being written.
    pub writing: u32,
    /// Slots retained by the producer; some of them may be held as well.
    pub retained: u32,
    /// Attached consumers, each one [`Attachments`](crate::Attachments) of a process.
    pub consumers: u32,
}

pub(crate) struct Shared<M: Memory> {
    id: PoolId,
    name: Arc<str>,
    control: Control,
    pub memory: M,
    /// Consumers find the control block through this open descriptor.
    _control_file: SealedFile,
    order: Mutex<Order>,
    reap: Every,
}

impl Producer<HostMemory> {
    /// Creates a pool in the host's memory, which is taken from the system at once.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be had.
    pub fn create(spec: &PoolSpec) -> Result<Self, PoolError> {
        Self::create_in(&(), spec)
    }
}

impl<M: Memory> Producer<M> {
    /// Creates a pool in memory of the given place, whose slots [several](WriteQueues::Several)
    /// queues may write.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be had.
    pub fn create_in(place: &M::Place, spec: &PoolSpec) -> Result<Self, PoolError> {
        Self::create_for(place, spec, WriteQueues::Several)
    }

    /// Creates a pool in memory of the given place, whose slots are written through `queues`.
    ///
    /// # Errors
    /// The specification is invalid, or the memory cannot be had.
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
        &self.shared.id
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
                name: Arc::clone(&self.shared.name),
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

impl<M: Memory> Shared<M> {
    fn create(
        place: &M::Place,
        name: &str,
        layout: Layout,
        queues: WriteQueues,
    ) -> Result<Self, MemoryError> {
        let (host, process) = (Host::current()?, process::current()?);
        let (memory, export) = M::create(place, name, layout, queues)?;
        if export.description.len() > MAX_DESCRIPTION_BYTES {
            return Err(MemoryError::Mismatch {
                what: "description size in bytes",
                found: export.description.len().to_string(),
                expected: format!("at most {MAX_DESCRIPTION_BYTES}"),
            });
        }
        let header = Header {
            host,
            process,
            nonce: nonce()?,
            backend: padded(M::BACKEND),
            backend_version: M::VERSION,
            layout,
            description_bytes: export.description.len(),
            name: padded(name),
        };
        let file_name = format!("camweave-control:{name}");
        let (control, control_file) = Control::create(&file_name, &header, &export.description)?;
        let id = PoolId::new(PoolAddress {
            backend: M::BACKEND.into(),
            host,
            process,
            control_fd: raw_fd(&control_file),
            data_fd: export.fd,
            nonce: header.nonce,
        });
        Ok(Self {
            id,
            name: name.into(),
            control,
            memory,
            _control_file: control_file,
            order: Mutex::new(Order::new(layout)),
            reap: Every::new(REAP_MILLIS),
        })
    }

    pub fn id(&self) -> &PoolId {
        &self.id
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn layout(&self) -> Layout {
        self.control.layout()
    }

    pub fn word(&self, slot: u32) -> &AtomicU64 {
        let word = self.control.word(slot);
        word.expect("slots are numbered by this pool's own bookkeeping")
    }

    pub fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<(u32, u32)> {
        self.order().take(|slot| state::begin(self.word(slot)))
    }
}

impl<M: Memory> Drop for Shared<M> {
    fn drop(&mut self) {
        self.control.close();
    }
}

fn nonce() -> Result<u64, MemoryError> {
    let mut bytes = [0; 8];
    // Up to 256 bytes come whole or not at all.
    getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(MemoryError::io(|| "get random bytes".to_owned()))?;
    Ok(u64::from_ne_bytes(bytes))
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
            .field("name", &self.shared.name)
            .field("id", self.id());
        debug.field("usage", &self.usage()).finish()
    }
}
