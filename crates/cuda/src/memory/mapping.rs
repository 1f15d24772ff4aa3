//! Virtual memory of a device that other processes can map.
#![expect(unsafe_code, reason = "calls the driver")]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::sys::{
    self, CUmemAccess_flags_enum as Access, CUmemAllocationHandleType_enum as HandleType,
};

/// An allocation in this process's device address space.
#[derive(Debug)]
pub(super) struct Mapping {
    context: Context,
    handle: sys::CUmemGenericAllocationHandle,
    /// Where addresses have been set aside.
    address: Option<u64>,
    bytes: usize,
    is_mapped: bool,
    is_write_protected: bool,
}

const DESCRIPTOR: sys::CUmemAllocationHandleType =
    HandleType::CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

impl Mapping {
    /// Producer: allocates at least `bytes`, of any content.
    pub fn create(context: &Context, bytes: usize, what: &str) -> Result<Self, CudaError> {
        context.bind()?;
        let properties = sys::CUmemAllocationProp {
            type_: sys::CUmemAllocationType_enum::CU_MEM_ALLOCATION_TYPE_PINNED,
            requestedHandleTypes: DESCRIPTOR,
            location: location(context),
            win32HandleMetaData: ptr::null_mut(),
            allocFlags: sys::CUmemAllocationProp_st__bindgen_ty_1 {
                compressionType: 0,
                gpuDirectRDMACapable: 0,
                usage: 0,
                reserved: [0; 4],
            },
        };
        let mut granularity = 0;
        let minimum = sys::CUmemAllocationGranularity_flags_enum::CU_MEM_ALLOC_GRANULARITY_MINIMUM;
        // SAFETY: the places are this function's own.
        let code = unsafe {
            sys::cuMemGetAllocationGranularity(&raw mut granularity, &raw const properties, minimum)
        };
        check(code, || {
            format!("ask {context} for the granularity of shared memory")
        })?;
        let bytes = bytes.next_multiple_of(granularity.max(1));
        let mut handle = 0;
        // SAFETY: as above; released when dropped.
        let code = unsafe { sys::cuMemCreate(&raw mut handle, bytes, &raw const properties, 0) };
        context.check_allocation(code, what, bytes)?;
        let mut mapping = Self::of(context, handle, bytes);
        mapping.map()?;
        mapping.allow(Access::CU_MEM_ACCESS_FLAGS_PROT_READWRITE)?;
        Ok(mapping)
    }

    /// Consumer: maps memory of another process, for reading where the device can tell.
    pub fn import(context: &Context, fd: &OwnedFd, bytes: usize) -> Result<Self, CudaError> {
        context.bind()?;
        let mut handle = 0;
        // CUDA takes the descriptor's number in place of a pointer.
        let number = ptr::without_provenance_mut(fd.as_raw_fd() as usize);
        // SAFETY: the place is this function's own; a descriptor of something else is an error of
        // the driver's, which duplicates what it keeps.
        let code =
            unsafe { sys::cuMemImportFromShareableHandle(&raw mut handle, number, DESCRIPTOR) };
        check(code, || {
            format!("import {bytes} bytes of another process's memory on {context}")
        })?;
        let mut mapping = Self::of(context, handle, bytes);
        mapping.map()?;
        let read_only = mapping.allow(Access::CU_MEM_ACCESS_FLAGS_PROT_READ);
        mapping.is_write_protected = read_only.is_ok();
        if read_only.is_err() {
            mapping.allow(Access::CU_MEM_ACCESS_FLAGS_PROT_READWRITE)?;
        }
        Ok(mapping)
    }

    fn of(context: &Context, handle: sys::CUmemGenericAllocationHandle, bytes: usize) -> Self {
        Self {
            context: context.clone(),
            handle,
            address: None,
            bytes,
            is_mapped: false,
            is_write_protected: false,
        }
    }

    /// Sets aside addresses and puts the memory there. What was done is undone by `drop`.
    fn map(&mut self) -> Result<(), CudaError> {
        let bytes = self.bytes;
        let mut address = 0;
        // SAFETY: the place is this function's own; freed when dropped.
        let code = unsafe { sys::cuMemAddressReserve(&raw mut address, bytes, 0, 0, 0) };
        check(code, || format!("reserve addresses for {bytes} bytes"))?;
        self.address = Some(address);
        // SAFETY: the range was reserved above, and nothing is mapped there.
        let code = unsafe { sys::cuMemMap(address, bytes, 0, self.handle, 0) };
        check(code, || format!("map {bytes} bytes of device memory"))?;
        self.is_mapped = true;
        Ok(())
    }

    fn allow(&self, flags: sys::CUmemAccess_flags) -> Result<(), CudaError> {
        let access = sys::CUmemAccessDesc {
            location: location(&self.context),
            flags,
        };
        let (address, bytes) = (self.slice().address(), self.bytes);
        // SAFETY: the range is mapped.
        let code = unsafe { sys::cuMemSetAccess(address, bytes, &raw const access, 1) };
        check(code, || format!("allow access to {bytes} mapped bytes"))
    }

    /// A descriptor that other processes can import.
    pub fn export(&self) -> Result<OwnedFd, CudaError> {
        self.context.bind()?;
        let mut fd: RawFd = -1;
        // SAFETY: for this type of handle the driver writes an int.
        let code = unsafe {
            sys::cuMemExportToShareableHandle((&raw mut fd).cast(), self.handle, DESCRIPTOR, 0)
        };
        check(code, || {
            format!("export {} bytes of device memory", self.bytes)
        })?;
        // SAFETY: the driver has just opened it for the caller.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// All bytes.
    pub fn slice(&self) -> DeviceSlice<'_> {
        let (address, bytes) = match self.address {
            Some(address) => (address, self.bytes),
            // Not before `map`.
            None => (0, 0),
        };
        DeviceSlice::new(&self.context, address, bytes)
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn is_write_protected(&self) -> bool {
        self.is_write_protected
    }
}

fn location(context: &Context) -> sys::CUmemLocation {
    sys::CUmemLocation {
        type_: sys::CUmemLocationType_enum::CU_MEM_LOCATION_TYPE_DEVICE,
        id: context.raw_device(),
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.is_mapped {
            // Unmapping does not wait for work that uses the memory. Where it cannot be waited for,
            // everything stays.
            if let Err(error) = self.context.finish("a pool") {
                self.context.dropped(Err(error));
                return;
            }
        }
        let undo = |what, call: &dyn Fn() -> sys::CUresult| {
            let bound = self.context.bind();
            let done = bound.and_then(|()| check(call(), || format!("{what} of a pool")));
            self.context.dropped(done);
        };
        let (bytes, handle) = (self.bytes, self.handle);
        if let Some(address) = self.address {
            if self.is_mapped {
                // SAFETY: mapped in `map`, unmapped once; no view is left, and the work is done.
                undo("unmap the memory", &|| unsafe {
                    sys::cuMemUnmap(address, bytes)
                });
            }
            // SAFETY: reserved in `map`, freed once.
            undo("free the addresses", &|| unsafe {
                sys::cuMemAddressFree(address, bytes)
            });
        }
        // SAFETY: created or imported once; other processes keep the memory through their own.
        undo("release the memory", &|| unsafe {
            sys::cuMemRelease(handle)
        });
    }
}
