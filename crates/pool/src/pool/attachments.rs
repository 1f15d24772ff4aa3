//! The consumer's side: a process's attached pools.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::attached::Attached;
use super::clock::Every;
use super::error::AcquireError;
use super::host::HostMemory;
use super::id::{PoolId, Reference};
use super::memory::Memory;
use super::read::ReadSlot;

/// How often `acquire` looks for dead producers.
const SWEEP_MILLIS: u64 = 500;

/// The pools that a process has attached to. A process wants one of these; clones share it.
///
/// Pools are attached to when a reference to them is first acquired, and kept while their
/// producers live. A consumer that may receive nothing for long calls [`sweep`](Self::sweep) from
/// a timer, so that a dead producer's memory goes back to the system.
pub struct Attachments<M: Memory = HostMemory> {
    shared: Arc<Shared<M>>,
}

struct Shared<M: Memory> {
    place: M::Place,
    pools: RwLock<Pools<M>>,
    sweep: Every,
}

type Pools<M> = HashMap<PoolId, Arc<Attached<M>>, BuildHasherDefault<NonceHasher>>;

/// A pool id hashes as its nonce alone, which is random already.
#[derive(Default)]
struct NonceHasher(u64);

impl Hasher for NonceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, nonce: u64) {
        self.0 = nonce;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not used by pool ids; right for any other key all the same.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

impl Attachments<HostMemory> {
    /// Attaches to nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::new_in(())
    }
}

impl Default for Attachments<HostMemory> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Memory> Attachments<M> {
    /// Attaches to nothing yet; memory will be mapped at the given place.
    #[must_use]
    pub fn new_in(place: M::Place) -> Self {
        let shared = Shared {
            place,
            pools: RwLock::default(),
            sweep: Every::new(SWEEP_MILLIS),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Holds what the reference names until the returned slot is dropped. Never waits for the
    /// producer.
    ///
    /// # Errors
    /// [`AcquireError::Expired`] when the content has been overwritten, which is the ordinary fate
    /// of a late consumer; the others when the pool cannot be attached to.
    pub fn acquire(&self, reference: &Reference) -> Result<ReadSlot<M>, AcquireError> {
        if self.shared.sweep.is_due() {
            self.sweep();
        }
        let attached = self.attached(&reference.pool)?;
        attached.hold(reference)?;
        Ok(ReadSlot::new(attached, reference))
    }

    /// Detaches from pools whose producer is gone and of which no slot is held here; returns how
    /// many there were.
    pub fn sweep(&self) -> usize {
        let over: Vec<_> = self
            .pools()
            .values()
            .filter(|attached| attached.is_over())
            .map(|attached| attached.id().clone())
            .collect();
        if over.is_empty() {
            return 0;
        }
        let mut pools = self.pools_mut();
        // New holds come from the map, which is locked, or from holds that exist: a count of one
        // is the map's own and stays so.
        let is_unused = |id: &PoolId, attached: &mut Arc<Attached<M>>| {
            over.contains(id) && Arc::strong_count(attached) == 1
        };
        let unused: Vec<_> = pools.extract_if(is_unused).collect();
        drop(pools);
        // Only now unmapped, while others may acquire.
        unused.len()
    }

    /// How many pools are attached.
    #[must_use]
    pub fn pool_count(&self) -> usize {
        self.pools().len()
    }

    fn attached(&self, id: &PoolId) -> Result<Arc<Attached<M>>, AcquireError> {
        if let Some(attached) = self.pools().get(id) {
            return Ok(Arc::clone(attached));
        }
        let mut pools = self.pools_mut();
        // Another thread may have been faster.
        if let Some(attached) = pools.get(id) {
            return Ok(Arc::clone(attached));
        }
        let attached = Arc::new(Attached::new(&self.shared.place, id)?);
        pools.insert(id.clone(), Arc::clone(&attached));
        Ok(attached)
    }

    fn pools(&self) -> RwLockReadGuard<'_, Pools<M>> {
        self.shared
            .pools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pools_mut(&self) -> RwLockWriteGuard<'_, Pools<M>> {
        self.shared
            .pools
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Memory> Clone for Attachments<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M: Memory> fmt::Debug for Attachments<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pools().keys()).finish()
    }
}
