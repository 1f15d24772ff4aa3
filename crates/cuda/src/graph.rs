//! Work that has been recorded once and is put into a stream as a whole.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ptr;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::stream::Stream;
use crate::sys;

/// A CUDA graph: one launch for all the work that was captured, with the arguments of then.
///
/// The arguments are addresses, which borrow nothing: see [`Self::capture`].
#[derive(Debug)]
pub struct Graph {
    context: Context,
    raw: sys::CUgraphExec,
}

// SAFETY: the handle is the process's, not a thread's; launching needs `&mut`.
unsafe impl Send for Graph {}

impl Graph {
    /// Records what `work` puts into the stream, without doing it.
    ///
    /// `work` must not wait for the device. The driver refuses other threads' waits for the whole
    /// context meanwhile, and may end the capture: memory whose owner goes away just then stays (see
    /// [`Context::take_drop_errors`]).
    ///
    /// # Safety
    /// What the captured work uses (memory, kernels, execution contexts) outlives the graph, and
    /// whoever frees it waits for the device first, as a [`DeviceBuffer`](crate::DeviceBuffer) does.
    /// `work` uses no [`PinnedBuffer`](crate::PinnedBuffer), whose waiting would be recorded.
    /// Nothing else puts work into the stream meanwhile.
    ///
    /// # Errors
    /// The work's, or the driver's; the stream is usable again.
    pub unsafe fn capture<E: From<CudaError>>(
        stream: &Stream,
        work: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut capture = Capture::begin(stream)?;
        let outcome = work(stream);
        let ended = capture.end();
        outcome?;
        ended?;
        let mut raw = ptr::null_mut();
        // SAFETY: the graph was captured above; the place is this function's own.
        let code = unsafe { sys::cuGraphInstantiateWithFlags(&raw mut raw, capture.raw, 0) };
        check(code, || "make a graph of a captured stream".to_owned())?;
        Ok(Self {
            context: stream.context().clone(),
            raw,
        })
    }

    /// Puts the work into a stream. A graph runs once at a time: launches wait for one another.
    ///
    /// # Errors
    /// The driver's.
    pub fn launch(&mut self, stream: &Stream) -> Result<(), CudaError> {
        self.context.bind()?;
        // SAFETY: both handles live, and what the work uses does by the promise at `capture`.
        let code = unsafe { sys::cuGraphLaunch(self.raw, stream.raw()) };
        check(code, || "launch a graph".to_owned())
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        let destroyed = self.context.bind().and_then(|()| {
            // SAFETY: made in `capture`, and not used after this. Launched work goes on.
            let code = unsafe { sys::cuGraphExecDestroy(self.raw) };
            check(code, || "destroy a graph".to_owned())
        });
        self.context.dropped(destroyed);
    }
}

/// A stream that records, and then what it has recorded. Until the end it does nothing, so that
/// comes also where the work panics.
struct Capture<'a> {
    stream: &'a Stream,
    is_open: bool,
    raw: sys::CUgraph,
}

impl<'a> Capture<'a> {
    fn begin(stream: &'a Stream) -> Result<Self, CudaError> {
        stream.context().bind()?;
        let mode = sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream lives; the capture ends when the result is dropped, if not before.
        let code = unsafe { sys::cuStreamBeginCapture_v2(stream.raw(), mode) };
        check(code, || "begin to capture a stream".to_owned())?;
        Ok(Self {
            stream,
            is_open: true,
            raw: ptr::null_mut(),
        })
    }

    fn end(&mut self) -> Result<(), CudaError> {
        self.is_open = false;
        // SAFETY: the stream lives; the place is this value's own.
        let code = unsafe { sys::cuStreamEndCapture(self.stream.raw(), &raw mut self.raw) };
        check(code, || "capture a stream".to_owned())
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        let context = self.stream.context();
        if self.is_open {
            context.dropped(self.end());
        }
        if !self.raw.is_null() {
            // SAFETY: captured in `end`, and not used after this: an executable graph does not
            // need it.
            let code = unsafe { sys::cuGraphDestroy(self.raw) };
            context.dropped(check(code, || "destroy a captured graph".to_owned()));
        }
    }
}
