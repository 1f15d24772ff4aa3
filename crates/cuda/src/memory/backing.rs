//! A pool's memory, shared in either way.
#![expect(unsafe_code, reason = "calls the driver")]

use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use camweave_pool::{MemoryError, Source};

use super::description::{Description, NONCE_BYTES, Nonce, Way};
use super::descriptor;
use super::ipc::{Allocation, Opened};
use super::lease::{Borrowed, Lease};
use super::mapping::Mapping;
use super::sharing::{Sharing, Wanted};
use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::sys;

#[derive(Debug)]
pub(super) enum Backing {
    /// The producer's, with what consumers import.
    Exported(
        Mapping,
        #[expect(dead_code, reason = "kept open for consumers")] OwnedFd,
    ),
    /// A consumer's.
    Imported(Mapping),
    /// The producer's.
    Allocated(Allocation),
    /// A consumer's.
    Opened(Opened),
}

/// New memory, and what consumers are told of it.
pub(super) struct Made {
    pub backing: Backing,
    pub fd: RawFd,
    pub way: Way,
}

impl Backing {
    /// Producer: at least `bytes`, of any content. `failed` tells what an error of the driver's
    /// has prevented.
    pub fn create(
        context: &Context,
        wanted: Wanted,
        bytes: usize,
        what: &str,
        nonce: Nonce,
        failed: &dyn Fn(CudaError) -> MemoryError,
    ) -> Result<Made, MemoryError> {
        if wanted.on(context).map_err(failed)? == Sharing::Descriptor {
            match export(context, bytes, what) {
                // The driver knows better than the device's attributes.
                Err(error) if wanted == Wanted::Auto && is_unsupported(&error) => {}
                made => return made.map_err(failed),
            }
        }
        let lease = Lease::create(nonce)?;
        let fd = lease.fd();
        let allocation = Allocation::create(context, bytes, what, lease).map_err(failed)?;
        let way = Way::Ipc(allocation.handle().map_err(failed)?);
        Ok(Made {
            backing: Self::Allocated(allocation),
            fd,
            way,
        })
    }

    /// Consumer: the memory of another process.
    pub fn attach(
        context: &Context,
        source: &Source<'_>,
        description: &Description,
        bytes: usize,
        failed: &dyn Fn(CudaError) -> MemoryError,
    ) -> Result<Self, MemoryError> {
        match description.way {
            Way::Descriptor => {
                let fd = descriptor::take(source.producer, source.fd)?;
                let mapping = Mapping::import(context, &fd, bytes).map_err(failed)?;
                Ok(Self::Imported(mapping))
            }
            Way::Ipc(handle) => {
                let lease = Borrowed::take(source.producer, source.fd, description.nonce)?;
                let opened = Opened::open(context, handle, bytes, lease);
                let opened = opened.map_err(|(error, lease)| {
                    let gone = lease.check().err();
                    gone.unwrap_or_else(|| failed(error))
                })?;
                Ok(Self::Opened(opened))
            }
        }
    }

    pub fn sharing(&self) -> Sharing {
        match self {
            Self::Exported(..) | Self::Imported(_) => Sharing::Descriptor,
            Self::Allocated(_) | Self::Opened(_) => Sharing::Ipc,
        }
    }

    pub fn is_write_protected(&self) -> bool {
        match self {
            Self::Exported(mapping, _) | Self::Imported(mapping) => mapping.is_write_protected(),
            Self::Allocated(_) | Self::Opened(_) => false,
        }
    }

    /// All bytes.
    pub fn slice(&self) -> DeviceSlice<'_> {
        match self {
            Self::Exported(mapping, _) | Self::Imported(mapping) => mapping.slice(),
            Self::Allocated(allocation) => allocation.slice(),
            Self::Opened(opened) => opened.slice(),
        }
    }

    /// An error once the memory has ended with its producer.
    pub fn check(&self) -> Result<(), MemoryError> {
        match self {
            Self::Exported(..) | Self::Imported(_) | Self::Allocated(_) => Ok(()),
            Self::Opened(opened) => opened.lease().check(),
        }
    }

    fn context(&self) -> &Context {
        match self {
            Self::Exported(mapping, _) | Self::Imported(mapping) => mapping.context(),
            Self::Allocated(allocation) => allocation.context(),
            Self::Opened(opened) => opened.context(),
        }
    }

    /// Producer: writes the nonce at `offset`.
    pub fn write_nonce(&self, offset: usize, nonce: Nonce) -> Result<(), CudaError> {
        let part = self.slice().part(offset, NONCE_BYTES)?;
        self.context().bind()?;
        let from = nonce.0.as_ptr().cast();
        // SAFETY: memory that `create` has made, with room for it; the array is read on return.
        let code = unsafe { sys::cuMemcpyHtoD_v2(part.address(), from, NONCE_BYTES) };
        check(code, || "write to new device memory".to_owned())
    }

    /// Reads the nonce at `offset`.
    pub fn read_nonce(&self, offset: usize) -> Result<Nonce, CudaError> {
        let part = self.slice().part(offset, NONCE_BYTES)?;
        self.context().bind()?;
        let mut nonce = [0; NONCE_BYTES];
        let to = nonce.as_mut_ptr().cast();
        // SAFETY: mapped, and as long as the array; the copy is done on return.
        let code = unsafe { sys::cuMemcpyDtoH_v2(to, part.address(), NONCE_BYTES) };
        check(code, || "read another process's device memory".to_owned())?;
        Ok(Nonce(nonce))
    }
}

fn export(context: &Context, bytes: usize, what: &str) -> Result<Made, CudaError> {
    let mapping = Mapping::create(context, bytes, what)?;
    let exported = mapping.export()?;
    Ok(Made {
        fd: exported.as_raw_fd(),
        backing: Backing::Exported(mapping, exported),
        way: Way::Descriptor,
    })
}

fn is_unsupported(error: &CudaError) -> bool {
    const NOT_SUPPORTED: u32 = sys::CUresult::CUDA_ERROR_NOT_SUPPORTED as u32;
    matches!(error, CudaError::Driver { code, .. } if *code == NOT_SUPPORTED)
}
