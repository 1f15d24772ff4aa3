//! Slots of the host's memory, lent out as slices. Why they can be:
//!
//! A `&[u8]` promises the compiler that its bytes do not change, and other processes have the same
//! pages. Whoever holds a slot relies on three things that nobody changes them:
//!
//! - **The kernel.** The producer alone has the data mapped for writing; nobody can map or write it
//!   again (`F_SEAL_FUTURE_WRITE`, Linux 5.1; before that consumers map it for reading by their own
//!   care). So a [`WriteSlot`] and a [`Retained`] rely on no other process.
//! - **The producer's own bookkeeping**, which is not in shared memory: no slot is lent for writing
//!   twice, nor one that is retained, whatever the control block says.
//! - **The protocol**, for a [`ReadSlot`] only: the producer begins no slot that somebody holds, and
//!   no consumer takes away another's bit. The bit is in memory that all of them write, so this cannot
//!   be checked from here. They are processes of one user, by the files' mode, and trusted as
//!   this one is (`docs/security.md`): such a process could as well write to this one's memory
//!   through `/proc`.
//!
//! A producer that breaks the protocol shows a consumer pixels that change while it reads them.
//! Nothing here takes an index or a length from a slot. Whoever copies only does without a slice:
//! [`ReadSlot::copy_to`].
#![expect(unsafe_code, reason = "slots are lent out as slices of shared memory")]

use std::ops::{Deref, DerefMut};
use std::{ptr, slice};

use super::host::{HostMemory, MemoryIdentity};
use super::read::ReadSlot;
use super::write::{Retained, WriteSlot};

impl Deref for WriteSlot<HostMemory> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the slot's bytes are mapped for as long as `self` holds the pool, and are always
        // initialised (zeros or older content). Nobody writes them but the holder of this value:
        // other processes by the kernel, this one by its own bookkeeping.
        unsafe { slice::from_raw_parts(self.address(), self.slot_bytes()) }
    }
}

impl DerefMut for WriteSlot<HostMemory> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; `&mut self` excludes other borrows of this value. The slot's word
        // keeps out readers of this process, which have a mapping of their own.
        unsafe { slice::from_raw_parts_mut(self.address(), self.slot_bytes()) }
    }
}

impl WriteSlot<HostMemory> {
    /// The slot's first byte, page-aligned; valid for the slice's length while `self` lives.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.address()
    }

    /// Which memory this is, to compare with a consumer's.
    #[must_use]
    pub fn identity(&self) -> MemoryIdentity {
        self.memory().identity(self.slot())
    }
}

impl Deref for Retained<HostMemory> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped and initialised as for `WriteSlot`. This process's bookkeeping begins no
        // writing in a retained slot, and the kernel lets no other process write.
        unsafe { slice::from_raw_parts(self.address(), self.slot_bytes()) }
    }
}

impl Deref for ReadSlot<HostMemory> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the slot's bytes are mapped for as long as `self` holds the attachment, and are
        // initialised. The producer, who alone can write them, begins no writing while this
        // process's bit is in the slot's word, which it is until the last `ReadSlot` of the slot is
        // dropped. That rests on the producer and the other consumers: see the module's docs.
        unsafe { slice::from_raw_parts(self.address(), self.slot_bytes()) }
    }
}

impl ReadSlot<HostMemory> {
    /// Copies the slot's first bytes, as many as `to` has room for and the slot has; gives their
    /// number. It makes no slice of the slot: a producer that writes meanwhile, against the
    /// protocol, changes what is copied and nothing else.
    pub fn copy_to(&self, to: &mut [u8]) -> usize {
        let bytes = to.len().min(self.slot_bytes());
        // SAFETY: the slot's bytes are mapped for as long as `self` holds the attachment, and `to`
        // is this process's own memory, which no mapping overlaps.
        unsafe { ptr::copy_nonoverlapping(self.address(), to.as_mut_ptr(), bytes) };
        bytes
    }

    /// Which memory this is, to compare with another process's.
    #[must_use]
    pub fn identity(&self) -> MemoryIdentity {
        self.memory().identity(self.slot())
    }
}
