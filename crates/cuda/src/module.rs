//! Kernels.
#![expect(unsafe_code, reason = "calls the driver")]

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Arc;

use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::stream::Stream;
use crate::sys;

/// Kernels that have been loaded from PTX, which the driver compiles for its device.
#[derive(Debug, Clone)]
pub struct Module(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    context: Context,
    raw: sys::CUmodule,
    name: String,
}

// SAFETY: the handle is the process's, not a thread's; the driver synchronises its calls.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Module {
    /// Loads PTX; `name` is for errors.
    ///
    /// # Errors
    /// The text has a zero byte; the driver's, such as a device older than the PTX is for.
    pub fn load(context: &Context, name: &str, ptx: &str) -> Result<Self, CudaError> {
        let image = terminated(ptx, "the PTX")?;
        context.bind()?;
        let mut raw = ptr::null_mut();
        // SAFETY: the text ends with zero and is only read during the call; unloaded when dropped.
        let code = unsafe { sys::cuModuleLoadData(&raw mut raw, image.as_ptr().cast()) };
        check(code, || format!("load the kernels '{name}' on {context}"))?;
        Ok(Self(Arc::new(Loaded {
            context: context.clone(),
            raw,
            name: name.to_owned(),
        })))
    }

    /// One of its kernels.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn function(&self, name: &str) -> Result<Function, CudaError> {
        self.0.context.bind()?;
        let text = terminated(name, "the kernel's name")?;
        let mut raw = ptr::null_mut();
        // SAFETY: the module lives; the name ends with zero; the place is this function's own.
        let code = unsafe { sys::cuModuleGetFunction(&raw mut raw, self.0.raw, text.as_ptr()) };
        check(code, || {
            format!("find kernel '{name}' in '{}'", self.0.name)
        })?;
        Ok(Function {
            _module: self.clone(),
            raw,
            name: name.to_owned(),
        })
    }
}

fn terminated(text: &str, what: &'static str) -> Result<CString, CudaError> {
    CString::new(text).map_err(|error| CudaError::Argument {
        what,
        found: format!("a text with a zero at byte {}", error.nul_position()),
        expected: "a text without zeros".to_owned(),
    })
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // Nobody says that unloading waits for kernels that run.
        let finished = self.context.finish(&format!("the kernels '{}'", self.name));
        let unloaded = finished.and_then(|()| {
            // SAFETY: loaded in `load`; no function of it is left, as each keeps the module, and
            // none runs.
            let code = unsafe { sys::cuModuleUnload(self.raw) };
            check(code, || format!("unload the kernels '{}'", self.name))
        });
        self.context.dropped(unloaded);
    }
}

/// A kernel.
#[derive(Debug, Clone)]
pub struct Function {
    _module: Module,
    raw: sys::CUfunction,
    name: String,
}

// SAFETY: the handle is the process's, not a thread's; the driver synchronises its calls.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

/// How many threads run a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchShape {
    /// Blocks in x, y and z.
    pub blocks: [u32; 3],
    /// Threads of each block in x, y and z.
    pub threads: [u32; 3],
}

impl Function {
    /// Puts the kernel into a stream. `arguments` point to one value each, which is copied.
    ///
    /// # Safety
    /// The arguments must be of the kernel's number and types. Memory that they name must be of the
    /// stream's device and as large as the kernel takes it to be, and either be borrowed during the
    /// call as a [`DeviceSlice`](crate::DeviceSlice), or live until the stream has passed the kernel.
    ///
    /// # Errors
    /// The driver's, such as a shape that the device cannot run.
    pub unsafe fn launch(
        &self,
        stream: &Stream,
        shape: LaunchShape,
        arguments: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        stream.context().bind()?;
        let ([bx, by, bz], [tx, ty, tz]) = (shape.blocks, shape.threads);
        let arguments = arguments.as_mut_ptr();
        // SAFETY: both handles live; the caller answers for the arguments.
        let code = unsafe {
            sys::cuLaunchKernel(
                self.raw,
                bx,
                by,
                bz,
                tx,
                ty,
                tz,
                0,
                stream.raw(),
                arguments,
                ptr::null_mut(),
            )
        };
        check(code, || {
            format!("launch kernel '{}' with {shape:?}", self.name)
        })
    }
}
