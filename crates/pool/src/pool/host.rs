//! Memory of the host: one anonymous file for all slots of a pool.

use std::fmt;

use super::mapping::{Access, Mapping, SealedFile};
use super::memory::{Export, Memory, Source};
use super::memory_error::MemoryError;
use super::spec::{Layout, WriteQueues};

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

    pub(crate) fn identity(&self, slot: u32) -> MemoryIdentity {
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
            fd: file.raw_fd(),
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
