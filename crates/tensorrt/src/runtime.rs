//! Running plans: engines and execution contexts.
#![expect(unsafe_code, reason = "calls the shim")]

use std::ffi::{CStr, CString, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::library::TensorRt;
use crate::log::{self, LogSink};
use crate::plan::PlanHeader;
use crate::shape::{ElementType, Shape, TensorInfo};
use crate::sys;

/// What TensorRT sends lines to; one per process would mix up errors of several threads.
struct Runtime {
    tensorrt: TensorRt,
    raw: NonNull<c_void>,
    /// Its address is the runtime's, so it stays in its box.
    sink: Box<LogSink<'static>>,
}

// SAFETY: TensorRT's runtime may be used by any thread; `sink` is synchronised by itself.
unsafe impl Send for Runtime {}
// SAFETY: shared use is by `Engine` and `ExecutionContext`, which say what they promise.
unsafe impl Sync for Runtime {}

impl Runtime {
    fn new(tensorrt: &TensorRt) -> Result<Self, Error> {
        tensorrt.check_device()?;
        let sink = Box::new(LogSink::default());
        let create = tensorrt.create_runtime.pointer();
        // SAFETY: `create` is the library's own function for this; the sink outlives the runtime.
        let raw = unsafe { (tensorrt.shim.runtime_create)(create, log::receive, sink.user()) };
        let raw = NonNull::new(raw).ok_or_else(|| {
            let why = reasons(&sink.take_errors());
            Error::missing(format!("{} gives no runtime: {why}", tensorrt.version()))
        })?;
        Ok(Self {
            tensorrt: tensorrt.clone(),
            raw,
            sink,
        })
    }

    fn shim(&self) -> &sys::Shim {
        &self.tensorrt.shim
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once, after all engines, which hold an `Arc` of it.
        unsafe { (self.tensorrt.shim.runtime_free)(self.raw.as_ptr()) };
    }
}

/// TensorRT's own words, oldest first.
pub(crate) fn reasons(lines: &[String]) -> String {
    match lines {
        [] => "it does not say why".to_owned(),
        lines => lines.join("; "),
    }
}

/// A plan in device memory.
pub struct Engine {
    inner: Arc<EngineInner>,
    tensors: Vec<TensorInfo>,
}

struct EngineInner {
    runtime: Runtime,
    raw: NonNull<c_void>,
    name: String,
}

// SAFETY: an engine belongs to no thread.
unsafe impl Send for EngineInner {}
// SAFETY: TensorRT lets several threads use one engine, each with an execution context of its own.
unsafe impl Sync for EngineInner {}

impl Drop for EngineInner {
    fn drop(&mut self) {
        // SAFETY: made in `Engine::load`, freed once, after all contexts, which hold an `Arc`.
        unsafe { (self.runtime.shim().engine_free)(self.raw.as_ptr()) };
    }
}

impl Engine {
    /// Deserializes a plan onto the current CUDA context's device; `name` is for errors.
    ///
    /// # Errors
    /// The bytes are no whole plan, of another TensorRT or GPU, or the device's memory is short.
    pub fn load(tensorrt: &TensorRt, name: &str, plan: &[u8]) -> Result<Self, Error> {
        let header = PlanHeader::read(name, plan)?;
        let runtime = Runtime::new(tensorrt)?;
        // SAFETY: the slice is valid for the call; TensorRT copies what it keeps.
        let raw = unsafe {
            (runtime.shim().engine_create)(runtime.raw.as_ptr(), plan.as_ptr().cast(), plan.len())
        };
        let raw = NonNull::new(raw).ok_or_else(|| {
            let lines = runtime.sink.take_errors();
            if log::is_out_of_memory(&lines) {
                return Error::resource(format!(
                    "no device memory for the engine of plan '{name}', {} bytes and more: {}",
                    plan.len(),
                    reasons(&lines)
                ));
            }
            Error::input(format!(
                "plan '{name}', built by TensorRT {}, does not run here with {}: {}; expected a plan that was built with this TensorRT on such a GPU ('camweave engine build')",
                header.version_text(),
                tensorrt.version(),
                reasons(&lines)
            ))
        })?;
        let inner = Arc::new(EngineInner {
            runtime,
            raw,
            name: name.to_owned(),
        });
        let tensors = inner.tensors()?;
        Ok(Self { inner, tensors })
    }

    /// Inputs and outputs, in the engine's order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The smallest, best and largest shape of an input in the first profile.
    ///
    /// # Errors
    /// There is no such input.
    pub fn profile(&self, input: &str) -> Result<[Shape; 3], Error> {
        let name = c_string(input)?;
        let mut shapes = [Shape::default(); 3];
        for (which, shape) in (0..).zip(&mut shapes) {
            let mut found = sys::Shape::default();
            // SAFETY: the engine lives; the name and the place are this function's own.
            let known = unsafe {
                (self.inner.runtime.shim().engine_profile)(
                    self.inner.raw.as_ptr(),
                    0,
                    name.as_ptr(),
                    which,
                    &raw mut found,
                )
            };
            if known == 0 {
                return Err(self
                    .inner
                    .refuse(&format!("it has no profile of '{input}'")));
            }
            *shape = Shape::from_sys(&found);
        }
        Ok(shapes)
    }

    /// Device memory of each execution context, for activations, in bytes.
    #[must_use]
    pub fn context_bytes(&self) -> u64 {
        // SAFETY: the engine lives.
        unsafe { (self.inner.runtime.shim().engine_context_bytes)(self.inner.raw.as_ptr()) }
    }

    /// Makes an execution context, with device memory of its own.
    ///
    /// # Errors
    /// The device's memory is short, or the engine is of TensorRT 8 and was built for one context
    /// ([`ErrorKind::Configuration`]).
    pub fn context(&self) -> Result<ExecutionContext, Error> {
        let EngineInner { runtime, raw, .. } = &*self.inner;
        // SAFETY: the engine lives, and outlives the context by the `Arc` below.
        let context = unsafe { (runtime.shim().context_create)(raw.as_ptr()) };
        let context = NonNull::new(context).ok_or_else(|| {
            let lines = runtime.sink.take_errors();
            Error::resource(format!(
                "no device memory for an execution context of plan '{}': {} bytes wanted: {}",
                self.inner.name,
                self.context_bytes(),
                reasons(&lines)
            ))
        })?;
        let context = ExecutionContext {
            engine: Arc::clone(&self.inner),
            raw: context,
        };
        // SAFETY: the context lives.
        let profile = unsafe { (runtime.shim().context_profile)(context.raw.as_ptr()) };
        if profile < 0 {
            drop(context);
            runtime.sink.take_errors();
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "plan '{}' allows one execution context only, expected one that was built by 'camweave engine build'",
                    self.inner.name
                ),
            ));
        }
        Ok(context)
    }
}

impl EngineInner {
    fn refuse(&self, what: &str) -> Error {
        Error::input(format!("plan '{}': {what}", self.name))
    }

    fn tensors(&self) -> Result<Vec<TensorInfo>, Error> {
        // SAFETY: the engine lives.
        let count = unsafe { (self.runtime.shim().engine_tensors)(self.raw.as_ptr()) };
        (0..count)
            .map(|index| {
                let mut found = sys::Tensor {
                    name: std::ptr::null(),
                    is_input: 0,
                    element_type: 0,
                    shape: sys::Shape::default(),
                };
                // SAFETY: the engine lives; the place is this function's own.
                let known = unsafe {
                    (self.runtime.shim().engine_tensor)(self.raw.as_ptr(), index, &raw mut found)
                };
                if known == 0 || found.name.is_null() {
                    return Err(self.refuse(&format!("its tensor {index} cannot be read")));
                }
                // SAFETY: the shim gave the engine's name of the tensor, which ends with a zero byte.
                let name = unsafe { CStr::from_ptr(found.name) };
                Ok(TensorInfo {
                    name: name.to_string_lossy().into_owned(),
                    is_input: found.is_input != 0,
                    element_type: ElementType::from_number(found.element_type),
                    shape: Shape::from_sys(&found.shape),
                })
            })
            .collect()
    }
}

/// What runs an engine: one batch at a time, on one stream at a time.
pub struct ExecutionContext {
    engine: Arc<EngineInner>,
    raw: NonNull<c_void>,
}

// SAFETY: a context belongs to no thread; all its methods take `&mut self`.
unsafe impl Send for ExecutionContext {}

impl ExecutionContext {
    fn call(
        &self,
        what: impl FnOnce() -> String,
        run: impl FnOnce(&sys::Shim, *mut c_void) -> i32,
    ) -> Result<(), Error> {
        let runtime = &self.engine.runtime;
        if run(runtime.shim(), self.raw.as_ptr()) != 0 {
            return Ok(());
        }
        let lines = runtime.sink.take_errors();
        let kind = if log::is_out_of_memory(&lines) {
            ErrorKind::Resource
        } else {
            ErrorKind::Input
        };
        Err(Error::new(
            kind,
            format!(
                "plan '{}': {}: {}",
                self.engine.name,
                what(),
                reasons(&lines)
            ),
        ))
    }

    /// Sets the shape of an input for the batches to come.
    ///
    /// # Errors
    /// The shape is outside of the engine's profile.
    pub fn set_input_shape(&mut self, input: &str, shape: &Shape) -> Result<(), Error> {
        let (name, raw) = (c_string(input)?, shape.to_sys());
        self.call(
            || format!("input '{input}' cannot be {shape}"),
            // SAFETY: the context lives; name and shape are valid for the call.
            |shim, context| unsafe {
                (shim.context_set_shape)(context, name.as_ptr(), &raw const raw)
            },
        )
    }

    /// The shape of a tensor, with the inputs that have been set.
    ///
    /// # Errors
    /// There is no such tensor.
    pub fn shape(&self, tensor: &str) -> Result<Shape, Error> {
        let name = c_string(tensor)?;
        let mut found = sys::Shape::default();
        self.call(
            || format!("the shape of '{tensor}' is not available"),
            // SAFETY: the context lives; name and place are valid for the call.
            |shim, context| unsafe { (shim.context_shape)(context, name.as_ptr(), &raw mut found) },
        )?;
        Ok(Shape::from_sys(&found))
    }

    /// Sets where a tensor lies.
    ///
    /// # Safety
    /// `address` is device memory with room for the tensor's largest shape, aligned to 256 bytes.
    /// It stays so, and belongs to nothing else, until every [`ExecutionContext::enqueue`] with it
    /// and every graph that was captured of one is through.
    ///
    /// # Errors
    /// There is no such tensor.
    pub unsafe fn set_address(&mut self, tensor: &str, address: u64) -> Result<(), Error> {
        let name = c_string(tensor)?;
        self.call(
            || format!("tensor '{tensor}' cannot be placed"),
            // SAFETY: the context lives; the name is valid for the call; the rest is the caller's promise.
            |shim, context| unsafe { (shim.context_set_address)(context, name.as_ptr(), address) },
        )
    }

    /// Puts an inference into a stream (a `CUstream`).
    ///
    /// # Safety
    /// `stream` is a live stream of the engine's device. This context is not dropped before the work,
    /// and that of every graph that was captured of it, is through; until then, its work on another
    /// stream waits for it.
    ///
    /// # Errors
    /// Shapes or addresses have not been set, or the work cannot be launched.
    pub unsafe fn enqueue(&mut self, stream: *mut c_void) -> Result<(), Error> {
        self.call(
            || "an inference cannot be put into a stream".to_owned(),
            // SAFETY: the context lives; the rest is the caller's promise.
            |shim, context| unsafe { (shim.context_enqueue)(context, stream) },
        )
    }
}

impl Drop for ExecutionContext {
    fn drop(&mut self) {
        // SAFETY: made in `Engine::context`, freed once; its engine outlives it.
        unsafe { (self.engine.runtime.shim().context_free)(self.raw.as_ptr()) };
    }
}

fn c_string(name: &str) -> Result<CString, Error> {
    CString::new(name).map_err(|_| Error::input(format!("name {name:?} contains a zero byte")))
}
