//! Work that has been recorded once and is put into a stream as a whole.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ptr;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::stream::Stream;
use crate::sys;

/// A CUDA graph: one launch for all the work that was captured, with the arguments of then.
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
    /// What the work uses (memory, modules, execution contexts) must live as long as the graph.
    /// `work` must not wait for the device. Within it [`PinnedBuffer`](crate::PinnedBuffer)s cannot
    /// be used: their waiting would be recorded.
    ///
    /// # Errors
    /// The work's, or the driver's; the stream is usable again.
    pub fn capture<E: From<CudaError>>(
        stream: &Stream,
        work: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Self, E> {
        let context = stream.context().clone();
        context.bind()?;
        let mode = sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream lives; the capture ends below in any case.
        let code = unsafe { sys::cuStreamBeginCapture_v2(stream.raw(), mode) };
        check(code, || "begin to capture a stream".to_owned())?;
        let outcome = work(stream);
        let mut graph = ptr::null_mut();
        // SAFETY: as above; the place is this function's own.
        let code = unsafe { sys::cuStreamEndCapture(stream.raw(), &raw mut graph) };
        let captured = check(code, || "capture a stream".to_owned());
        let made = outcome.and_then(|()| {
            captured?;
            let mut raw = ptr::null_mut();
            // SAFETY: the graph was captured above; the place is this function's own.
            let code = unsafe { sys::cuGraphInstantiateWithFlags(&raw mut raw, graph, 0) };
            check(code, || "make a graph of a captured stream".to_owned())?;
            Ok(raw)
        });
        if !graph.is_null() {
            // SAFETY: the executable graph does not need it any more.
            let code = unsafe { sys::cuGraphDestroy(graph) };
            context.dropped(check(code, || "destroy a captured graph".to_owned()));
        }
        Ok(Self {
            context,
            raw: made?,
        })
    }

    /// Puts the work into a stream. A graph runs once at a time: launches wait for one another.
    ///
    /// # Errors
    /// The driver's.
    pub fn launch(&mut self, stream: &Stream) -> Result<(), CudaError> {
        self.context.bind()?;
        // SAFETY: both handles live.
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
