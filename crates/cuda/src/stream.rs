//! Queues of work on a device.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ptr;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::slice::DeviceSlice;
use crate::sys;

/// Work that a device does in order. Streams run beside each other unless an event orders them;
/// none of them orders itself after the legacy default stream.
///
/// Memory that work is put in for may be dropped at once: its owner waits (the rule is at
/// [`DeviceSlice`]).
#[derive(Debug)]
pub struct Stream {
    context: Context,
    raw: sys::CUstream,
}

// SAFETY: the handle is the process's, not a thread's; the driver synchronises its calls.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

/// Rows of bytes in device memory, for [`Stream::copy_rows`].
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// From the first byte of the first row on.
    pub memory: DeviceSlice<'a>,
    /// Bytes from one row's start to the next.
    pub pitch: usize,
}

impl Stream {
    /// An empty stream.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        // The driver's default.
        Self::with_priority(context, 0)
    }

    /// An empty stream whose work goes before that of other streams, where both are ready: for short
    /// work that something waits for.
    ///
    /// # Errors
    /// The driver's.
    pub fn urgent(context: &Context) -> Result<Self, CudaError> {
        context.bind()?;
        let (mut least, mut greatest) = (0, 0);
        // SAFETY: the places are this function's own.
        let code = unsafe { sys::cuCtxGetStreamPriorityRange(&raw mut least, &raw mut greatest) };
        check(code, || {
            format!("ask {context} for its streams' priorities")
        })?;
        Self::with_priority(context, greatest)
    }

    fn with_priority(context: &Context, priority: i32) -> Result<Self, CudaError> {
        context.bind()?;
        let mut raw = ptr::null_mut();
        let flags = sys::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the place is this function's own; destroyed when dropped.
        let code = unsafe { sys::cuStreamCreateWithPriority(&raw mut raw, flags, priority) };
        check(code, || format!("make a stream on {context}"))?;
        let context = context.clone();
        Ok(Self { context, raw })
    }

    /// Where the stream's work is done.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The driver's handle, valid while the stream lives.
    #[must_use]
    pub fn raw(&self) -> sys::CUstream {
        self.raw
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// The driver's; also those of the work.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.context.bind()?;
        // SAFETY: the stream lives.
        check(unsafe { sys::cuStreamSynchronize(self.raw) }, || {
            "wait for a stream".to_owned()
        })
    }

    /// Copies bytes within the device.
    ///
    /// # Errors
    /// The lengths differ; another device's memory; the driver's.
    pub fn copy(&self, from: DeviceSlice<'_>, to: DeviceSlice<'_>) -> Result<(), CudaError> {
        same_length(from.len(), to.len())?;
        from.check_device(&self.context)?;
        to.check_device(&self.context)?;
        self.context.bind()?;
        // SAFETY: both are device memory of this length, and borrowed.
        let code = unsafe {
            sys::cuMemcpyDtoDAsync_v2(to.address(), from.address(), from.len(), self.raw)
        };
        check(code, || {
            format!("copy {} bytes within the device", from.len())
        })
    }

    /// Copies `rows` rows of `row_bytes` bytes within the device.
    ///
    /// # Errors
    /// The rows leave one of the memories, or overlap; another device's memory; the driver's.
    pub fn copy_rows(
        &self,
        from: Rows<'_>,
        to: Rows<'_>,
        row_bytes: usize,
        rows: usize,
    ) -> Result<(), CudaError> {
        if rows == 0 || row_bytes == 0 {
            return Ok(());
        }
        for side in [from, to] {
            if side.pitch < row_bytes {
                return Err(CudaError::Argument {
                    what: "a pitch in bytes",
                    found: side.pitch.to_string(),
                    expected: format!("at least a row's {row_bytes}"),
                });
            }
            let before_last = side.pitch.saturating_mul(rows - 1);
            side.memory.part(before_last, row_bytes)?;
            side.memory.check_device(&self.context)?;
        }
        self.context.bind()?;
        let device = sys::CUmemorytype_enum::CU_MEMORYTYPE_DEVICE;
        let copy = sys::CUDA_MEMCPY2D {
            srcXInBytes: 0,
            srcY: 0,
            srcMemoryType: device,
            srcHost: ptr::null(),
            srcDevice: from.memory.address(),
            srcArray: ptr::null_mut(),
            srcPitch: from.pitch,
            dstXInBytes: 0,
            dstY: 0,
            dstMemoryType: device,
            dstHost: ptr::null_mut(),
            dstDevice: to.memory.address(),
            dstArray: ptr::null_mut(),
            dstPitch: to.pitch,
            WidthInBytes: row_bytes,
            Height: rows,
        };
        // SAFETY: the last row of each side ends within its memory, as checked above, and both are
        // borrowed.
        check(
            unsafe { sys::cuMemcpy2DAsync_v2(&raw const copy, self.raw) },
            || format!("copy {rows} rows of {row_bytes} bytes within the device"),
        )
    }

    /// Sets all bytes to `value`.
    ///
    /// # Errors
    /// Another device's memory; the driver's.
    pub fn fill(&self, memory: DeviceSlice<'_>, value: u8) -> Result<(), CudaError> {
        memory.check_device(&self.context)?;
        self.context.bind()?;
        // SAFETY: device memory of this length, and borrowed.
        let code = unsafe { sys::cuMemsetD8Async(memory.address(), value, memory.len(), self.raw) };
        check(code, || format!("fill {} bytes", memory.len()))
    }
}

pub(crate) fn same_length(found: usize, expected: usize) -> Result<(), CudaError> {
    if found == expected {
        return Ok(());
    }
    Err(CudaError::Argument {
        what: "the number of bytes to copy",
        found: found.to_string(),
        expected: format!("{expected}, the target's"),
    })
}

impl Drop for Stream {
    fn drop(&mut self) {
        let destroyed = self.context.bind().and_then(|()| {
            // SAFETY: made in `new`, and not used after this. The driver keeps what the stream's
            // work needs until that is done, which owners of memory wait for.
            let code = unsafe { sys::cuStreamDestroy_v2(self.raw) };
            check(code, || "destroy a stream".to_owned())
        });
        self.context.dropped(destroyed);
    }
}
