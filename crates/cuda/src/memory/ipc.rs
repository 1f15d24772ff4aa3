//! Device memory that is shared by CUDA IPC.
#![expect(unsafe_code, reason = "calls the driver")]

use std::mem::ManuallyDrop;
use std::thread;

use super::lease::{Borrowed, Lease};
use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::sys;

/// What other processes open memory with.
pub(super) type Handle = [u8; 64];

/// The driver puts small allocations into blocks of this size together, and a handle is the whole
/// block's: others' memory would be shared with it, and the place within the block be lost.
const BLOCK_BYTES: usize = 2 << 20;

/// The producer's: freed when it is dropped and no consumer has it.
#[derive(Debug)]
pub(super) struct Allocation {
    context: Context,
    address: u64,
    bytes: usize,
    lease: Lease,
}

impl Allocation {
    /// Allocates at least `bytes`, of any content.
    pub fn create(
        context: &Context,
        bytes: usize,
        what: &str,
        lease: Lease,
    ) -> Result<Self, CudaError> {
        context.bind()?;
        let bytes = bytes.next_multiple_of(BLOCK_BYTES);
        let mut address = 0;
        // SAFETY: the place is this function's own; freed when dropped.
        let code = unsafe { sys::cuMemAlloc_v2(&raw mut address, bytes) };
        context.check_allocation(code, what, bytes)?;
        Ok(Self {
            context: context.clone(),
            address,
            bytes,
            lease,
        })
    }

    /// What consumers open it with.
    pub fn handle(&self) -> Result<Handle, CudaError> {
        self.context.bind()?;
        let mut handle = sys::CUipcMemHandle {
            reserved: [0; size_of::<Handle>()],
        };
        // SAFETY: the address is an allocation's first; the place is this function's own.
        let code = unsafe { sys::cuIpcGetMemHandle(&raw mut handle, self.address) };
        check(code, || {
            let bytes = self.bytes;
            format!("share {bytes} bytes of device memory by CUDA IPC")
        })?;
        Ok(handle.reserved.map(i8::cast_unsigned))
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn slice(&self) -> DeviceSlice<'_> {
        DeviceSlice::new(&self.context, self.address, self.bytes)
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        let (context, address, bytes) = (self.context.clone(), self.address, self.bytes);
        if self.lease.try_end() {
            context.dropped(free(&context, address, bytes));
            return;
        }
        let waiting = self.lease.hidden().map_err(|error| error.to_string());
        let waiting = waiting.and_then(|lease| {
            let wait = move || {
                lease.end();
                context.dropped(free(&context, address, bytes));
            };
            let thread = thread::Builder::new().name("closed pool".to_owned());
            thread.spawn(wait).map_err(|error| error.to_string())
        });
        self.context.dropped(match waiting {
            Ok(_) => Ok(()),
            Err(found) => Err(CudaError::Argument {
                what: "the wait for the consumers of a closed pool, whose memory stays taken,",
                found,
                expected: "a thread".to_owned(),
            }),
        });
    }
}

fn free(context: &Context, address: u64, bytes: usize) -> Result<(), CudaError> {
    context.bind()?;
    // SAFETY: allocated in `create`, freed once, when no consumer has it and no view is left; the
    // driver waits for the device's work, as at `DeviceBuffer`.
    let code = unsafe { sys::cuMemFree_v2(address) };
    check(code, || format!("free {bytes} bytes of a pool"))
}

/// The consumer's.
#[derive(Debug)]
pub(super) struct Opened {
    context: Context,
    address: u64,
    bytes: usize,
    /// Given back after the memory: the producer frees it then.
    lease: ManuallyDrop<Borrowed>,
}

impl Opened {
    /// Maps `bytes` of another process's memory. The driver can only map it for writing. An error
    /// gives the lease back, which tells whether the producer has ended.
    pub fn open(
        context: &Context,
        handle: Handle,
        bytes: usize,
        lease: Borrowed,
    ) -> Result<Self, (CudaError, Borrowed)> {
        let handle = sys::CUipcMemHandle {
            reserved: handle.map(u8::cast_signed),
        };
        let flags = sys::CUipcMem_flags_enum::CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS as u32;
        let mut address = 0;
        let opened = context.bind().and_then(|()| {
            // SAFETY: the place is this function's own; a wrong handle is an error of the
            // driver's. Closed when dropped; opened twice in a process, it is at the same place
            // and counted.
            let code = unsafe { sys::cuIpcOpenMemHandle_v2(&raw mut address, handle, flags) };
            check(code, || {
                format!("open {bytes} bytes of another process's memory on {context} by CUDA IPC")
            })
        });
        match opened {
            Ok(()) => Ok(Self {
                context: context.clone(),
                address,
                bytes,
                lease: ManuallyDrop::new(lease),
            }),
            Err(error) => Err((error, lease)),
        }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn slice(&self) -> DeviceSlice<'_> {
        DeviceSlice::new(&self.context, self.address, self.bytes)
    }

    pub fn lease(&self) -> &Borrowed {
        &self.lease
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Closing does not wait for work that uses the memory.
        let closed = self.context.finish("a pool").and_then(|()| {
            // SAFETY: opened in `open`, closed once; no view is left, and the work is done.
            let code = unsafe { sys::cuIpcCloseMemHandle(self.address) };
            check(code, || "close the memory of a pool".to_owned())
        });
        // The driver need not know the memory of a dead process any more.
        let has_ended = self.lease.check().is_err();
        if closed.is_ok() || has_ended {
            // SAFETY: not used after this. Where work may still be under way, the lease stays, and
            // with it the producer's memory, until this process ends.
            unsafe { ManuallyDrop::drop(&mut self.lease) };
        }
        if !has_ended {
            self.context.dropped(closed);
        }
    }
}
