//! A part of a file in memory, seen by other processes as well.
#![expect(
    unsafe_code,
    reason = "mapping memory is a raw operation of the kernel"
)]

use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

/// What the mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

/// A shared mapping. All access is atomic, because another process may write at any time.
#[derive(Debug)]
pub(super) struct Mapping {
    address: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value, and all access to it is atomic.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` bytes of `file`, which has them, at `offset`, a multiple of the page size.
    pub fn new(file: &File, offset: u64, bytes: usize, access: Access) -> io::Result<Self> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: the kernel chooses the address, so nothing of this process is replaced.
        let address = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                bytes,
                protection,
                MapFlags::SHARED,
                file,
                offset,
            )
        }?;
        let address = NonNull::new(address.cast::<u8>())
            .ok_or_else(|| io::Error::other("the kernel mapped a file at address 0"))?;
        Ok(Self { address, bytes })
    }

    /// Address of `size` bytes at `at`.
    fn place(&self, at: usize, size: usize) -> NonNull<u8> {
        assert!(
            at.is_multiple_of(size) && at + size <= self.bytes,
            "{size} bytes at {at} of a mapping of {}",
            self.bytes
        );
        // SAFETY: the place lies inside of the mapping.
        unsafe { self.address.add(at) }
    }

    /// The 64 bits at `at`.
    pub fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: inside of the mapping, aligned (mappings begin at a page), mapped for as long
        // as `self`, and accessed by atomic operations alone.
        unsafe { AtomicU64::from_ptr(self.place(at, 8).as_ptr().cast()) }
    }

    /// The 32 bits at `at`.
    pub fn half_word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: as in `word`.
        unsafe { AtomicU32::from_ptr(self.place(at, 4).as_ptr().cast()) }
    }

    fn byte(&self, at: usize) -> &AtomicU8 {
        // SAFETY: as in `word`.
        unsafe { AtomicU8::from_ptr(self.place(at, 1).as_ptr()) }
    }

    /// Writes `bytes` at `at`.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            self.byte(at + index).store(*byte, Ordering::Relaxed);
        }
    }

    /// The `count` bytes at `at`.
    pub fn read(&self, at: usize, count: usize) -> Vec<u8> {
        (at..at + count)
            .map(|at| self.byte(at).load(Ordering::Relaxed))
            .collect()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no reference outlives `self`.
        // A failure would leave the memory mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.bytes) };
    }
}
