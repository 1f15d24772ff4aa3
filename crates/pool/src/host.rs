//! Memory of the host: one anonymous file for all slots of a pool.
//!
//! # Why slots are slices
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

use crate::{
    control::raw_fd,
    error::MemoryError,
    mapping::{Access, Mapping, SealedFile},
    memory::{Export, Memory, Source},
    read::ReadSlot,
    spec::{Layout, WriteQueues},
    write::{Retained, WriteSlot},
};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    ptr, slice,
};

/// Pages that the CPU reads and writes. Producers may write, consumers map it read-only.
#[derive(Debug)]
pub struct HostMemory {
    mapping: Mapping,
    file: SealedFile,
    layout: Layout,
}

/// Which bytes of which memory a slot is, the same in every process of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryIdentity {
    /// Device number of the pool's data file.
    pub device: u64,
    /// Inode number of the pool's data file.
    pub inode: u64,
    /// Where the slot begins, in bytes from the beginning of the file.
    pub offset: u64,
}

impl fmt::Display for MemoryIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}+{}", self.device, self.inode, self.offset)
    }
}

impl HostMemory {
    fn offset(&self, slot: u32) -> usize {
        let offset = self.layout.offset(slot);
        offset.expect("slots are numbered by this pool's own bookkeeping")
    }

    fn identity(&self, slot: u32) -> MemoryIdentity {
        MemoryIdentity {
            device: self.file.device(),
            inode: self.file.inode(),
            offset: self.offset(slot) as u64,
        }
    }

    fn description(file: &SealedFile) -> [u8; 16] {
        let mut description = [0; 16];
        description[..8].copy_from_slice(&file.device().to_ne_bytes());
        description[8..].copy_from_slice(&file.inode().to_ne_bytes());
        description
    }
}

impl Memory for HostMemory {
    const BACKEND: &'static str = "host";
    const VERSION: u32 = 1;

    type Place = ();
    type Queue = ();
    /// Valid for the layout's `slot_bytes`; in a consumer for reading only.
    type Address<'a> = *mut u8;

    fn create(
        _: &(),
        name: &str,
        layout: Layout,
        _: WriteQueues,
    ) -> Result<(Self, Export), MemoryError> {
        let file = SealedFile::create(&format!("camweave-data:{name}"), layout.data_bytes())?;
        let mapping = Mapping::new(&file, Access::ReadWrite)?;
        mapping.populate(&file)?;
        file.forbid_new_writers()?;
        let export = Export {
            fd: raw_fd(&file),
            description: Self::description(&file).to_vec(),
        };
        Ok((
            Self {
                mapping,
                file,
                layout,
            },
            export,
        ))
    }

    fn attach(_: &(), source: &Source<'_>) -> Result<Self, MemoryError> {
        let layout = source.layout;
        let file = SealedFile::open(source.producer, source.fd, Access::Read)?;
        if Self::description(&file) != source.description {
            let detail = "its data descriptor shows another file than the control block names";
            return Err(MemoryError::Gone {
                detail: detail.to_owned(),
            });
        }
        if file.bytes() != layout.data_bytes() {
            return Err(MemoryError::Mismatch {
                what: "data size in bytes",
                found: file.bytes().to_string(),
                expected: layout.data_bytes().to_string(),
            });
        }
        let mapping = Mapping::new(&file, Access::Read)?;
        Ok(Self {
            mapping,
            file,
            layout,
        })
    }

    fn address(&self, slot: u32) -> *mut u8 {
        self.mapping.base().as_ptr().wrapping_add(self.offset(slot))
    }

    fn written(&self, _: u32, (): &()) -> Result<(), MemoryError> {
        Ok(())
    }

    fn wait_readable(&self, _: u32, (): &()) -> Result<(), MemoryError> {
        Ok(())
    }
}

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
