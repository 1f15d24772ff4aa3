//! Memory of the device.
#![expect(unsafe_code, reason = "calls the driver")]

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::sys;

/// Memory of a device, freed when dropped. Freeing waits for all work of the device; allocate at
/// start, not per frame.
#[derive(Debug)]
pub struct DeviceBuffer {
    context: Context,
    address: u64,
    bytes: usize,
}

impl DeviceBuffer {
    /// Memory of `bytes` bytes with any content; `what` it is for is part of errors.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`], which says how much was wanted and free; the driver's.
    pub fn new(context: &Context, bytes: usize, what: &str) -> Result<Self, CudaError> {
        context.bind()?;
        let mut address = 0;
        // SAFETY: the place is this function's own; freed when dropped. Zero bytes are an error
        // of the driver's, hence at least one.
        let code = unsafe { sys::cuMemAlloc_v2(&raw mut address, bytes.max(1)) };
        context.check_allocation(code, what, bytes)?;
        Ok(Self {
            context: context.clone(),
            address,
            bytes,
        })
    }

    /// All of it.
    #[must_use]
    pub fn slice(&self) -> DeviceSlice<'_> {
        DeviceSlice::new(&self.context, self.address, self.bytes)
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        let freed = self.context.bind().and_then(|()| {
            // SAFETY: allocated in `new`, freed once, and no view is left. The driver waits for
            // the device's work: it does without for memory of `cuMemAllocAsync` only.
            let code = unsafe { sys::cuMemFree_v2(self.address) };
            check(code, || format!("free {} bytes of the device", self.bytes))
        });
        self.context.dropped(freed);
    }
}
