//! One pool, attached to as a consumer.

use super::control::Control;
use super::error::AcquireError;
use super::id::{PoolId, Reference};
use super::memory::{Memory, Source};
use super::memory_error::MemoryError;
use super::process::{self, Host, Liveness, format_uuid};
use super::spec::Layout;
use crate::protocol::consumers;
use crate::protocol::hold::Hold;
use crate::protocol::state::{Consumer, State};
use crate::protocol::sync::AtomicU64;

/// A mapped pool and this consumer's entry in it; dropped when no slot of it is held any more.
pub(crate) struct Attached<M: Memory> {
    id: PoolId,
    control: Control,
    memory: M,
    consumer: Consumer,
    holds: Box<[Hold]>,
}

impl<M: Memory> Attached<M> {
    pub fn new(place: &M::Place, id: &PoolId) -> Result<Self, AcquireError> {
        let address = id.address();
        let failed = |error: MemoryError| AcquireError::from_memory(id, error);
        if &*address.backend != M::BACKEND {
            return Err(AcquireError::Incompatible {
                pool: id.clone(),
                what: "backend",
                found: address.backend.to_string(),
                expected: M::BACKEND.to_owned(),
            });
        }
        check_host(id)?;
        if process::liveness(address.process) == Liveness::Dead {
            let detail = format!("process {} has ended", address.process.pid());
            return Err(AcquireError::ProducerGone {
                pool: id.clone(),
                detail,
            });
        }
        let (control, description) = Control::attach(address, M::VERSION).map_err(failed)?;
        if control.is_closed() {
            let detail = "it has closed the pool".to_owned();
            return Err(AcquireError::ProducerGone {
                pool: id.clone(),
                detail,
            });
        }
        let layout = control.layout();
        let source = Source {
            producer: address.process,
            fd: address.data_fd,
            description: &description,
            layout,
        };
        let memory = M::attach(place, &source).map_err(failed)?;
        let this = process::current().map_err(failed)?;
        let consumer = consumers::claim(control.consumers(), this)
            .ok_or_else(|| AcquireError::TooManyConsumers { pool: id.clone() })?;
        let holds = (0..layout.slots()).map(|_| Hold::new()).collect();
        Ok(Self {
            id: id.clone(),
            control,
            memory,
            consumer,
            holds,
        })
    }

    pub fn id(&self) -> &PoolId {
        &self.id
    }

    pub fn memory(&self) -> &M {
        &self.memory
    }

    pub fn layout(&self) -> Layout {
        self.control.layout()
    }

    /// Whether there will be no more content: the producer has died or has closed the pool.
    pub fn is_over(&self) -> bool {
        self.control.is_closed() || process::liveness(self.id.address().process) == Liveness::Dead
    }

    /// Adds a hold; on `Ok` the caller must call `release` once.
    pub fn hold(&self, reference: &Reference) -> Result<(), AcquireError> {
        let checked = self.memory.check();
        checked.map_err(|error| AcquireError::from_memory(&self.id, error))?;
        let &Reference {
            slot, generation, ..
        } = reference;
        let Some((hold, word)) = self.slot(slot) else {
            let slots = self.layout().slots();
            return Err(AcquireError::SlotOutOfRange {
                pool: self.id.clone(),
                slot,
                slots,
            });
        };
        let expired = |state: State| AcquireError::Expired {
            pool: self.id.clone(),
            slot,
            generation,
            found: state.generation(),
            writing: state.is_writing(),
        };
        hold.acquire(word, generation, self.consumer)
            .map_err(expired)
    }

    /// Adds a hold of a slot that the caller holds already.
    pub fn hold_again(&self, slot: u32) {
        if let Some((hold, _)) = self.slot(slot) {
            hold.again();
        }
    }

    pub fn release(&self, slot: u32) {
        if let Some((hold, word)) = self.slot(slot) {
            hold.release(word, self.consumer);
        }
    }

    fn slot(&self, slot: u32) -> Option<(&Hold, &AtomicU64)> {
        Some((self.holds.get(slot as usize)?, self.control.word(slot)?))
    }
}

impl<M: Memory> Drop for Attached<M> {
    fn drop(&mut self) {
        consumers::vacate(
            self.control.consumers(),
            self.control.words(),
            self.consumer,
        );
    }
}

fn check_host(id: &PoolId) -> Result<(), AcquireError> {
    let theirs = id.address().host;
    let ours = Host::current().map_err(|error| AcquireError::from_memory(id, error))?;
    let foreign = |what, found, expected| {
        let pool = id.clone();
        Err(AcquireError::ForeignHost {
            pool,
            what,
            found,
            expected,
        })
    };
    if theirs.boot_id != ours.boot_id {
        return foreign(
            "boot id",
            format_uuid(theirs.boot_id),
            format_uuid(ours.boot_id),
        );
    }
    if theirs.pid_namespace != ours.pid_namespace {
        let (found, expected) = (
            theirs.pid_namespace.to_string(),
            ours.pid_namespace.to_string(),
        );
        return foreign("pid namespace", found, expected);
    }
    Ok(())
}
