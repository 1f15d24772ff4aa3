//! What a pool's producer and the slots in its hands share.

use std::sync::{Arc, MutexGuard, PoisonError};

use rustix::rand::{GetRandomFlags, getrandom};

use super::clock::Every;
use super::control::Control;
use super::header::{Header, MAX_DESCRIPTION_BYTES, padded};
use super::id::{PoolAddress, PoolId};
use super::mapping::SealedFile;
use super::memory::Memory;
use super::memory_error::MemoryError;
use super::order::Order;
use super::process::{self, Host};
use super::spec::{Layout, WriteQueues};
use crate::protocol::state;
use crate::protocol::sync::{AtomicU64, Mutex};

/// How often `begin` looks for dead consumers while there are free slots.
const REAP_MILLIS: u64 = 100;

/// One pool in its producer; closed when the last of those that share it is dropped.
pub(crate) struct Shared<M: Memory> {
    id: PoolId,
    name: Arc<str>,
    pub control: Control,
    pub memory: M,
    /// Consumers find the control block through this open descriptor.
    _control_file: SealedFile,
    order: Mutex<Order>,
    /// When `begin` next looks for dead consumers.
    pub reap: Every,
}

impl<M: Memory> Shared<M> {
    pub fn create(
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
            control_fd: control_file.raw_fd(),
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

    pub fn take(&self) -> Option<(u32, u32)> {
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
