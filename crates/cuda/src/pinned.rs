//! Memory of the host that a device can copy from and to.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ops::Range;
use std::{ptr, slice};

use crate::context::{Context, count_allocation};
use crate::error::CudaError;
use crate::event::Event;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::stream::{Stream, same_length};
use crate::sys;

/// Memory of the host at a fixed place, which a device copies from and to without another copy.
///
/// This is memory of Rust's, other than the device's: while its bytes are lent, no copy is under way.
/// It knows the last copy that a [`Stream`] makes with it, and waits for it before it lends its bytes
/// or is freed. Copies are put in by `&mut`, so none begins while they are lent, and no two streams
/// begin one at the same time.
#[derive(Debug)]
pub struct PinnedBuffer {
    context: Context,
    place: *mut u8,
    bytes: usize,
    /// Recorded after the last copy. Copies of several streams wait for one another.
    pending: Event,
    /// Why a copy may be under way that nothing tells the end of. The bytes are neither lent nor freed
    /// any more.
    lost: Option<CudaError>,
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
            lost: None,
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
        self.wait()?;
        // SAFETY: allocated and set to zeros in `new`. The device has finished its copies, and
        // another needs the buffer mutably.
        Ok(unsafe { slice::from_raw_parts(self.place, self.bytes) })
    }

    /// The bytes for writing, once the last copy is done.
    ///
    /// # Errors
    /// As of [`Self::bytes`].
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], CudaError> {
        self.wait()?;
        // SAFETY: as in `bytes`; nothing else borrows the buffer, nor does the device read it.
        Ok(unsafe { slice::from_raw_parts_mut(self.place, self.bytes) })
    }

    /// Waits until no copy is under way.
    fn wait(&self) -> Result<(), CudaError> {
        match &self.lost {
            Some(error) => Err(error.clone()),
            None => self.pending.synchronize(),
        }
    }

    /// Makes work that is put into the stream from now on wait for the last copy of any stream.
    pub(crate) fn before_next_copy(&self, stream: &Stream) -> Result<(), CudaError> {
        stream.wait(&self.pending)
    }

    /// Puts a copy into the stream by `copy`, after the last one of any stream.
    fn copied_on(
        &mut self,
        stream: &Stream,
        copy: impl FnOnce() -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        if self.context.raw_device() != stream.context().raw_device() {
            return Err(CudaError::Argument {
                what: "the pinned memory's device",
                found: self.context.to_string(),
                expected: format!("{}, the stream's", stream.context()),
            });
        }
        if let Some(error) = &self.lost {
            return Err(error.clone());
        }
        stream.wait(&self.pending)?;
        let put = copy().and_then(|()| self.pending.record(stream));
        if let Err(error) = &put {
            // The copy may be in the stream all the same, and the event not after it.
            if stream.synchronize().is_err() {
                self.lost = Some(error.clone());
            }
        }
        put
    }

    /// Where a range begins, which must be as long as the device's part of a copy.
    fn part(&self, range: &Range<usize>, device: DeviceSlice<'_>) -> Result<*mut u8, CudaError> {
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

impl Stream {
    /// Copies bytes of pinned memory to the device.
    ///
    /// # Errors
    /// `from` is not in the buffer, or not as long as `to`; another device's memory; the driver's.
    pub fn upload(
        &self,
        buffer: &mut PinnedBuffer,
        from: Range<usize>,
        to: DeviceSlice<'_>,
    ) -> Result<(), CudaError> {
        let source = buffer.part(&from, to)?;
        to.check_device(self.context())?;
        buffer.copied_on(self, || {
            // SAFETY: `part` has compared both lengths; the device's memory is borrowed, and the
            // buffer waits for the copy before it lends its bytes or goes away.
            let code = unsafe {
                sys::cuMemcpyHtoDAsync_v2(to.address(), source.cast(), to.len(), self.raw())
            };
            check(code, || format!("copy {} bytes to the device", to.len()))
        })
    }

    /// Copies bytes of the device to pinned memory.
    ///
    /// # Errors
    /// `to` is not in the buffer, or not as long as `from`; another device's memory; the driver's.
    pub fn download(
        &self,
        from: DeviceSlice<'_>,
        buffer: &mut PinnedBuffer,
        to: Range<usize>,
    ) -> Result<(), CudaError> {
        let target = buffer.part(&to, from)?;
        from.check_device(self.context())?;
        buffer.copied_on(self, || {
            // SAFETY: as in `upload`.
            let code = unsafe {
                sys::cuMemcpyDtoHAsync_v2(target.cast(), from.address(), from.len(), self.raw())
            };
            check(code, || {
                format!("copy {} bytes from the device", from.len())
            })
        })
    }
}

impl Drop for PinnedBuffer {
    fn drop(&mut self) {
        // Where it cannot be waited for, the memory stays.
        let freed = self.wait().and_then(|()| {
            // SAFETY: allocated in `new`, freed once; the device has finished its copies.
            let code = unsafe { sys::cuMemFreeHost(self.place.cast()) };
            check(code, || {
                format!("free {} pinned bytes of the host", self.bytes)
            })
        });
        self.context.dropped(freed);
    }
}
