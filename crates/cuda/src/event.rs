//! Points in a stream's work.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ptr;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::stream::Stream;
use crate::sys::{self, CUevent_flags_enum as Flags};

/// A point in a stream's work that can be waited for. The CPU sleeps while it waits.
#[derive(Debug)]
pub struct Event {
    context: Context,
    raw: sys::CUevent,
}

// SAFETY: the handle is the process's, not a thread's; the driver synchronises its calls.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// An event that has not been recorded: waiting for it returns at once.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        let flags = Flags::CU_EVENT_BLOCKING_SYNC as u32 | Flags::CU_EVENT_DISABLE_TIMING as u32;
        Self::with_flags(context, flags)
    }

    /// An event that also tells the time; see [`Self::millis_since`].
    ///
    /// # Errors
    /// The driver's.
    pub fn timed(context: &Context) -> Result<Self, CudaError> {
        Self::with_flags(context, Flags::CU_EVENT_BLOCKING_SYNC as u32)
    }

    /// An event that other processes can wait for.
    pub(crate) fn interprocess(context: &Context) -> Result<Self, CudaError> {
        let flags = Flags::CU_EVENT_INTERPROCESS as u32 | Flags::CU_EVENT_DISABLE_TIMING as u32;
        Self::with_flags(context, flags)
    }

    fn with_flags(context: &Context, flags: u32) -> Result<Self, CudaError> {
        context.bind()?;
        let mut raw = ptr::null_mut();
        // SAFETY: the place is this function's own; destroyed when dropped.
        let code = unsafe { sys::cuEventCreate(&raw mut raw, flags) };
        check(code, || format!("make an event on {context}"))?;
        let context = context.clone();
        Ok(Self { context, raw })
    }

    /// An event of another process.
    pub(crate) fn open(context: &Context, handle: [u8; 64]) -> Result<Self, CudaError> {
        context.bind()?;
        let handle = sys::CUipcEventHandle {
            reserved: handle.map(u8::cast_signed),
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the place is this function's own; a wrong handle is an error of the driver's.
        let code = unsafe { sys::cuIpcOpenEventHandle(&raw mut raw, handle) };
        check(code, || {
            format!("open an event of another process on {context}")
        })?;
        let context = context.clone();
        Ok(Self { context, raw })
    }

    /// What another process opens an interprocess event with.
    pub(crate) fn handle(&self) -> Result<[u8; 64], CudaError> {
        self.context.bind()?;
        let mut handle = sys::CUipcEventHandle { reserved: [0; 64] };
        // SAFETY: the event lives; the place is this function's own.
        let code = unsafe { sys::cuIpcGetEventHandle(&raw mut handle, self.raw) };
        check(code, || "export an event to other processes".to_owned())?;
        Ok(handle.reserved.map(i8::cast_unsigned))
    }

    /// Moves the point behind all work that is in the stream now.
    ///
    /// # Errors
    /// The driver's, such as a stream of another device.
    pub fn record(&self, stream: &Stream) -> Result<(), CudaError> {
        self.context.bind()?;
        // SAFETY: both handles live.
        let code = unsafe { sys::cuEventRecord(self.raw, stream.raw()) };
        check(code, || "record an event".to_owned())
    }

    /// Waits until the stream has passed the point.
    ///
    /// # Errors
    /// The driver's; also those of the work before the point.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.context.bind()?;
        // SAFETY: the event lives.
        let code = unsafe { sys::cuEventSynchronize(self.raw) };
        check(code, || "wait for an event".to_owned())
    }

    /// Whether the stream has passed the point.
    ///
    /// # Errors
    /// The driver's; also those of the work before the point.
    pub fn is_done(&self) -> Result<bool, CudaError> {
        self.context.bind()?;
        // SAFETY: the event lives.
        let code = unsafe { sys::cuEventQuery(self.raw) };
        if code == sys::CUresult::CUDA_ERROR_NOT_READY {
            return Ok(false);
        }
        check(code, || "ask for an event".to_owned())?;
        Ok(true)
    }

    /// Milliseconds on the device from `earlier` to this point, of two [timed](Self::timed) events
    /// that have passed.
    ///
    /// # Errors
    /// The driver's; one of the events is not timed, not recorded, or has not passed.
    pub fn millis_since(&self, earlier: &Self) -> Result<f32, CudaError> {
        self.context.bind()?;
        let mut millis = 0.0;
        // SAFETY: both events live; the place is this function's own.
        let code = unsafe { sys::cuEventElapsedTime_v2(&raw mut millis, earlier.raw, self.raw) };
        check(code, || "measure the time between two events".to_owned())?;
        Ok(millis)
    }

    /// The driver's handle, valid while the event lives.
    #[must_use]
    pub fn raw(&self) -> sys::CUevent {
        self.raw
    }
}

impl Stream {
    /// Makes work that is put in from now on wait for the event, as it has been recorded last.
    ///
    /// # Errors
    /// The driver's.
    pub fn wait(&self, event: &Event) -> Result<(), CudaError> {
        self.context().bind()?;
        // SAFETY: both handles live.
        let code = unsafe { sys::cuStreamWaitEvent(self.raw(), event.raw, 0) };
        check(code, || "make a stream wait for an event".to_owned())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let destroyed = self.context.bind().and_then(|()| {
            // SAFETY: made in this type's constructors, and not used after this. Work that waits
            // for it goes on.
            let code = unsafe { sys::cuEventDestroy_v2(self.raw) };
            check(code, || "destroy an event".to_owned())
        });
        self.context.dropped(destroyed);
    }
}
