//! Anonymous memory files and their mappings.
#![expect(
    unsafe_code,
    reason = "mapping memory is a raw operation of the kernel"
)]

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};

use rustix::fs::{FileType, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::memory_error::MemoryError;
use super::process::{Liveness, liveness};
use crate::protocol::consumers::Process;

/// Below this a huge page has nothing to gain.
const HUGE_PAGE_BYTES: usize = 2 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// An anonymous file in memory whose size can never change, so that no access to its mapping can
/// fail for lack of a file below it.
#[derive(Debug)]
pub(crate) struct SealedFile {
    fd: OwnedFd,
    bytes: usize,
    device: u64,
    inode: u64,
}

impl SealedFile {
    pub fn create(name: &str, bytes: usize) -> Result<Self, MemoryError> {
        let failed = |what: &'static str| {
            let about = move || format!("{what} {bytes} bytes of shared memory for {name:?}");
            MemoryError::io::<Errno>(about)
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
            // Kernels before 6.3 do not know the last flag.
            Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
            created => created,
        }
        .map_err(failed("create"))?;
        rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR).map_err(failed("restrict"))?;
        rustix::fs::ftruncate(&fd, bytes as u64).map_err(failed("reserve"))?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)
            .map_err(failed("seal"))?;
        Self::of_sealed(fd)
    }

    /// Opens a descriptor of another process. It may have been closed, or be something else by
    /// now: then the memory is gone.
    pub fn open(process: Process, fd: RawFd, access: Access) -> Result<Self, MemoryError> {
        let path = format!("/proc/{}/fd/{fd}", process.pid());
        let failed = |error: Errno| {
            if liveness(process) == Liveness::Dead {
                return MemoryError::Gone {
                    detail: format!("process {} has ended", process.pid()),
                };
            }
            match error {
                Errno::NOENT => MemoryError::Gone {
                    detail: format!("{path} is closed"),
                },
                Errno::ACCESS | Errno::PERM => {
                    let about =
                        || format!("open {path}; producer and consumer must be of one user");
                    MemoryError::io(about)(error)
                }
                _ => MemoryError::io(|| format!("open {path}"))(error),
            }
        };
        // First without opening what lies behind: it could be a pipe or a device by now.
        let place = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed)?;
        let stat = rustix::fs::fstat(&place).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(MemoryError::Gone {
                detail: format!("{path} is no longer a memory file"),
            });
        }
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        let opened = format!("/proc/self/fd/{}", place.as_raw_fd());
        let fd =
            rustix::fs::open(&opened, flags | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let sealed = rustix::fs::fcntl_get_seals(&fd)
            .is_ok_and(|seals| seals.contains(SealFlags::SHRINK | SealFlags::GROW));
        if !sealed {
            return Err(MemoryError::Gone {
                detail: format!("{path} is no longer a sealed memory file"),
            });
        }
        Self::of_sealed(fd)
    }

    fn of_sealed(fd: OwnedFd) -> Result<Self, MemoryError> {
        let stat = rustix::fs::fstat(&fd)
            .map_err(MemoryError::io(|| "look at shared memory".to_owned()))?;
        let bytes = usize::try_from(stat.st_size).map_err(|_| MemoryError::Mismatch {
            what: "size of shared memory",
            found: stat.st_size.to_string(),
            expected: "a number of bytes that fits the address space".to_owned(),
        })?;
        Ok(Self {
            fd,
            bytes,
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }

    /// From now on nobody maps or writes it again for writing; what is mapped stays writable.
    pub fn forbid_new_writers(&self) -> Result<(), MemoryError> {
        match rustix::fs::fcntl_add_seals(&self.fd, SealFlags::FUTURE_WRITE | SealFlags::SEAL) {
            // Kernels before 5.1 do not know the first seal: there consumers' own care must do.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(MemoryError::io(|| "seal shared memory".to_owned())(error)),
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub fn device(&self) -> u64 {
        self.device
    }

    pub fn inode(&self) -> u64 {
        self.inode
    }
}

impl AsFd for SealedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A whole [`SealedFile`] in this process's address space.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is an address range that belongs to this value until it is dropped; it is
// bound to no thread. What may be read and written through it is the users' concern.
unsafe impl Send for Mapping {}
// SAFETY: as above; the methods only tell the range.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub fn new(file: &SealedFile, access: Access) -> Result<Self, MemoryError> {
        let bytes = file.bytes;
        let failed =
            |error: Errno| MemoryError::io(|| format!("map {bytes} bytes of shared memory"))(error);
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: a new mapping at a place of the kernel's choice touches no existing memory.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                bytes,
                protection,
                MapFlags::SHARED,
                file,
                0,
            )
        };
        let base = base.map_err(failed)?;
        // The kernel never places a mapping at address 0 unless told to.
        let base = NonNull::new(base.cast()).ok_or_else(|| failed(Errno::FAULT))?;
        let mapping = Self { base, bytes };
        if bytes >= HUGE_PAGE_BYTES {
            // Only a wish: most kernels are set up to refuse it for shared memory.
            let _ = mapping.advise(Advice::LinuxHugepage);
        }
        Ok(mapping)
    }

    /// Makes all pages exist now, so that lack of memory is an error here and not a signal later.
    pub fn populate(&self, file: &SealedFile) -> Result<(), MemoryError> {
        match self.advise(Advice::LinuxPopulateWrite) {
            // Kernels before 5.14.
            Err(Errno::INVAL) => {
                let all = rustix::fs::FallocateFlags::empty();
                rustix::fs::fallocate(file, all, 0, self.bytes as u64)
            }
            populated => populated,
        }
        .map_err(MemoryError::io(|| {
            format!("get {} bytes of shared memory", self.bytes)
        }))
    }

    fn advise(&self, advice: Advice) -> rustix::io::Result<()> {
        // SAFETY: the range is this mapping; neither advice that is used here changes contents.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast(), self.bytes, advice) }
    }

    /// The first byte; page-aligned.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new`, and borrows of it end with this value.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
        // Unmapping a whole mapping can fail only for a wrong range.
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::process;

    fn reopened(file: &SealedFile, access: Access) -> Result<SealedFile, MemoryError> {
        let this = process::current().expect("Linux has /proc");
        SealedFile::open(this, file.raw_fd(), access)
    }

    #[test]
    fn the_size_is_sealed() {
        let file = SealedFile::create("sealed", 8192).expect("memory");
        assert_eq!(rustix::fs::ftruncate(&file, 4096), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&file, 16384), Err(Errno::PERM));
        assert_eq!(file.bytes(), 8192);
    }

    #[test]
    fn the_kernel_refuses_a_second_writer() {
        let file = SealedFile::create("data", 4096).expect("memory");
        let mapping = Mapping::new(&file, Access::ReadWrite).expect("mapped");
        mapping.populate(&file).expect("memory");
        file.forbid_new_writers().expect("sealed");
        let again = reopened(&file, Access::ReadWrite).expect("opened");
        assert!(Mapping::new(&again, Access::ReadWrite).is_err());
        assert_eq!(rustix::io::pwrite(&again, b"x", 0), Err(Errno::PERM));
        assert!(Mapping::new(&again, Access::Read).is_ok());
    }

    #[test]
    fn what_is_not_a_sealed_memory_file_is_gone() {
        let this = process::current().expect("Linux has /proc");
        let gone = |fd: RawFd| {
            matches!(
                SealedFile::open(this, fd, Access::Read),
                Err(MemoryError::Gone { .. })
            )
        };
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        assert!(gone(reader.as_raw_fd()));
        let plain = rustix::fs::memfd_create("plain", MemfdFlags::CLOEXEC).expect("memory");
        assert!(gone(plain.as_raw_fd()));
        assert!(gone(i32::MAX));
    }
}
