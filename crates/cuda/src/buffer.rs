//! Memory of the device, and memory of the host that the device can copy from and to.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ops::Range;
use std::{ptr, slice};

use crate::context::{Context, count_allocation};
use crate::error::CudaError;
use crate::event::Event;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::stream::same_length;
use crate::sys;

/// Memory of a device, freed when dropped. Freeing waits for all work of the device, so whatever
/// is in a stream has passed it; allocate at start, not per frame.
#[derive(Debug)]
pub struct DeviceBuffer {
    context: Context,
    memory: DeviceSlice,
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
            memory: DeviceSlice::new(address, bytes),
        })
    }

    /// All of it.
    #[must_use]
    pub fn slice(&self) -> DeviceSlice {
        self.memory
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        let freed = self.context.bind().and_then(|()| {
            // SAFETY: allocated in `new`, freed once; the driver waits for the device's work.
            let code = unsafe { sys::cuMemFree_v2(self.memory.address()) };
            check(code, || {
                format!("free {} bytes of the device", self.memory.len())
            })
        });
        self.context.dropped(freed);
    }
}

/// Memory of the host at a fixed place, which a device copies from and to without another copy.
///
/// It knows the last copy that a [`Stream`](crate::Stream) makes with it, and waits for it before
/// it lends its bytes.
#[derive(Debug)]
pub struct PinnedBuffer {
    context: Context,
    place: *mut u8,
    bytes: usize,
    /// Recorded behind the last copy. Copies of several streams wait for one another.
    pending: Event,
}

// SAFETY: the memory is the process's, and access follows the usual rules of borrowing.
unsafe impl Send for PinnedBuffer {}
// SAFETY: as above.
unsafe impl Sync for PinnedBuffer {}

impl PinnedBuffer {
    /// Memory of `bytes` zeros; `what` it is for is part of errors.
    ///
    /// # Errors
    /// The driver's, among them a lack of memory.
    pub fn new(context: &Context, bytes: usize, what: &str) -> Result<Self, CudaError> {
        let pending = Event::new(context)?;
        context.bind()?;
        let mut place = ptr::null_mut();
        // SAFETY: the place is this function's own; freed when dropped.
        let code = unsafe { sys::cuMemHostAlloc(&raw mut place, bytes.max(1), 0) };
        check(code, || format!("pin {bytes} bytes of the host for {what}"))?;
        count_allocation();
        let place = place.cast::<u8>();
        // SAFETY: just allocated, of this size.
        unsafe { place.write_bytes(0, bytes) };
        Ok(Self {
            context: context.clone(),
            place,
            bytes,
            pending,
        })
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The bytes, once the last copy is done.
    ///
    /// # Errors
    /// The driver's; also those of the work before the copy.
    pub fn bytes(&self) -> Result<&[u8], CudaError> {
        self.pending.synchronize()?;
        // SAFETY: allocated and set to zeros in `new`. The device writes only in `download`, which
        // borrows the buffer mutably, and has finished: the event has passed.
        Ok(unsafe { slice::from_raw_parts(self.place, self.bytes) })
    }

    /// The bytes for writing, once the last copy is done.
    ///
    /// # Errors
    /// As of [`Self::bytes`].
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], CudaError> {
        self.pending.synchronize()?;
        // SAFETY: as in `bytes`; nothing else borrows the buffer, nor does the device read it.
        Ok(unsafe { slice::from_raw_parts_mut(self.place, self.bytes) })
    }

    /// What the last copy is known by.
    pub(crate) fn pending(&self) -> &Event {
        &self.pending
    }

    /// Where a range begins, which must be as long as the device's part of a copy.
    pub(crate) fn part(
        &self,
        range: &Range<usize>,
        device: DeviceSlice,
    ) -> Result<*mut u8, CudaError> {
        if range.start > range.end || range.end > self.bytes {
            return Err(CudaError::Argument {
                what: "a range of pinned memory",
                found: format!("{range:?}"),
                expected: format!("a part of 0..{}", self.bytes),
            });
        }
        same_length(range.len(), device.len())?;
        Ok(self.place.wrapping_add(range.start))
    }
}

impl Drop for PinnedBuffer {
    fn drop(&mut self) {
        let freed = self.pending.synchronize().and_then(|()| {
            // SAFETY: allocated in `new`, freed once; the device has finished its copies.
            let code = unsafe { sys::cuMemFreeHost(self.place.cast()) };
            check(code, || {
                format!("free {} pinned bytes of the host", self.bytes)
            })
        });
        self.context.dropped(freed);
    }
}
