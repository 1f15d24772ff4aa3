//! The shim's C interface; `shim/shim.h` is the same in C and says what each function does.
#![expect(unsafe_code, reason = "functions of a library loaded at run time")]

use std::ffi::{c_char, c_void};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};

/// `CAMWEAVE_SHIM_ABI`: a shim of another number is refused.
pub const ABI: i32 = 2;

/// `CAMWEAVE_MAX_DIMS`.
pub const MAX_DIMS: usize = 8;

pub type Log = unsafe extern "C" fn(user: *mut c_void, severity: i32, text: *const c_char);
pub type Progress = unsafe extern "C" fn(
    user: *mut c_void,
    phase: *const c_char,
    parent: *const c_char,
    step: i32,
    steps: i32,
) -> i32;

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    pub rank: i32,
    pub dims: [i64; MAX_DIMS],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Tensor {
    pub name: *const c_char,
    pub is_input: i32,
    pub element_type: i32,
    pub shape: Shape,
}

#[repr(C)]
pub struct Build {
    pub onnx_path: *const c_char,
    pub min_batch: i32,
    pub opt_batch: i32,
    pub max_batch: i32,
    pub height: i32,
    pub width: i32,
    pub fp16: i32,
    pub level: i32,
    pub version_compatible: i32,
    pub workspace_bytes: u64,
    pub timing_cache: *const c_void,
    pub timing_cache_bytes: usize,
}

#[repr(C)]
pub struct Built {
    pub plan: *mut c_void,
    pub timing_cache: *mut c_void,
}

/// Declares the functions of a library and loads all of them at once.
macro_rules! functions {
    ($($name:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The shim's functions. The library stays loaded until the process ends.
        #[derive(Debug, Clone, Copy)]
        pub struct Shim {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Shim {
            /// Loads a shim and checks its interface; the reason if it is none.
            pub fn load(path: &Path) -> Result<Self, String> {
                let library = open(path)?;
                type Abi = unsafe extern "C" fn() -> i32;
                // SAFETY: the symbol has this type in every version of the interface.
                let abi: Symbol<Abi> = unsafe { library.get(b"camweave_shim_abi\0") }
                    .map_err(|error| format!("it is no shim of camweave's: {}", why(&error)))?;
                // SAFETY: as above.
                let found = unsafe { abi() };
                if found != ABI {
                    return Err(format!("it has interface {found}, expected {ABI}"));
                }
                let shim = Self {
                    $($name: {
                        // SAFETY: the types are those of shim.h with this interface number.
                        let symbol = unsafe { library.get(concat!($symbol, "\0").as_bytes()) };
                        *symbol.map_err(|error| why(&error))?
                    },)*
                };
                stay(library);
                Ok(shim)
            }
        }
    };
}

functions! {
    header_version = "camweave_header_version": fn() -> i32;
    strongly_typed = "camweave_strongly_typed": fn() -> i32;
    runtime_create = "camweave_runtime_create": fn(*mut c_void, Log, *mut c_void) -> *mut c_void;
    runtime_free = "camweave_runtime_free": fn(*mut c_void);
    engine_create = "camweave_engine_create": fn(*mut c_void, *const c_void, usize) -> *mut c_void;
    engine_free = "camweave_engine_free": fn(*mut c_void);
    engine_tensors = "camweave_engine_tensors": fn(*mut c_void) -> i32;
    engine_tensor = "camweave_engine_tensor": fn(*mut c_void, i32, *mut Tensor) -> i32;
    engine_profile = "camweave_engine_profile": fn(*mut c_void, i32, *const c_char, i32, *mut Shape) -> i32;
    engine_context_bytes = "camweave_engine_context_bytes": fn(*mut c_void) -> u64;
    context_create = "camweave_context_create": fn(*mut c_void) -> *mut c_void;
    context_free = "camweave_context_free": fn(*mut c_void);
    context_profile = "camweave_context_profile": fn(*mut c_void) -> i32;
    context_set_shape = "camweave_context_set_shape": fn(*mut c_void, *const c_char, *const Shape) -> i32;
    context_shape = "camweave_context_shape": fn(*mut c_void, *const c_char, *mut Shape) -> i32;
    context_set_address = "camweave_context_set_address": fn(*mut c_void, *const c_char, u64) -> i32;
    context_enqueue = "camweave_context_enqueue": fn(*mut c_void, *mut c_void) -> i32;
    build_engine = "camweave_build_engine": fn(*mut c_void, *mut c_void, *const Build, Log, Progress, *mut c_void, *mut Built) -> i32;
    buffer_data = "camweave_buffer_data": fn(*mut c_void) -> *const c_void;
    buffer_bytes = "camweave_buffer_bytes": fn(*mut c_void) -> usize;
    buffer_free = "camweave_buffer_free": fn(*mut c_void);
}

impl Shim {
    /// `NV_TENSORRT_VERSION` of the headers that it was compiled with.
    pub fn headers(&self) -> u32 {
        // SAFETY: the function has no preconditions.
        let number = unsafe { (self.header_version)() };
        u32::try_from(number).unwrap_or(0)
    }

    /// Whether the precision comes from the ONNX file alone.
    pub fn is_strongly_typed(&self) -> bool {
        // SAFETY: the function has no preconditions.
        unsafe { (self.strongly_typed)() != 0 }
    }
}

/// One of TensorRT's own libraries.
#[derive(Debug)]
pub struct NvLibrary {
    library: Library,
}

// The functions that the shim is given; it calls them, nothing here does.
impl NvLibrary {
    /// Loads a library by path or by name; what the loader says if it cannot.
    pub fn load(path: &Path) -> Result<Self, String> {
        open(path).map(|library| Self { library })
    }

    /// Keeps it until the process ends.
    pub fn stay(self) {
        stay(self.library);
    }

    /// What `getInferLibVersion()` says.
    pub fn infer_version(&self) -> Result<u32, String> {
        type Get = unsafe extern "C" fn() -> i32;
        // SAFETY: NvInferRuntime.h declares the function so in every version.
        let get: Symbol<Get> = unsafe { self.library.get(b"getInferLibVersion\0") }
            .map_err(|error| format!("it is no TensorRT: {}", why(&error)))?;
        // SAFETY: as above.
        let number = unsafe { get() };
        u32::try_from(number).map_err(|_| format!("getInferLibVersion() gives {number}"))
    }

    /// The address of a function, to be passed on; `name` ends with a zero byte.
    pub fn function(&self, name: &'static [u8]) -> Result<*mut c_void, String> {
        // SAFETY: the symbol is only looked up, as the address of a function.
        let symbol: Symbol<unsafe extern "C" fn()> =
            unsafe { self.library.get(name) }.map_err(|error| why(&error))?;
        Ok(*symbol as *mut c_void)
    }
}

/// Whether there is a CUDA driver with a device; else what is missing.
///
/// TensorRT 8.6 and 11.4 crash without one instead of saying so: `createInferRuntime` of the one,
/// deserialising with the other.
pub fn cuda_device() -> Result<(), String> {
    const NAME: &str = "libcuda.so.1";
    type Init = unsafe extern "C" fn(u32) -> i32;
    type GetCount = unsafe extern "C" fn(*mut i32) -> i32;
    let library = open(Path::new(NAME))?;
    // SAFETY: cuda.h declares the function so in every version.
    let init: Symbol<Init> = unsafe { library.get(b"cuInit\0") }.map_err(|error| why(&error))?;
    // SAFETY: as above.
    let count: Symbol<GetCount> =
        unsafe { library.get(b"cuDeviceGetCount\0") }.map_err(|error| why(&error))?;
    // SAFETY: may be called any number of times; 0 are the only flags there are.
    let code = unsafe { init(0) };
    if code != 0 {
        return Err(format!("{NAME} is there, cuInit gives {code}"));
    }
    let mut devices = 0;
    // SAFETY: the driver is initialised; the place is this function's own.
    let code = unsafe { count(&raw mut devices) };
    stay(library);
    if code == 0 && devices > 0 {
        Ok(())
    } else {
        Err(format!("{NAME} is there, but no device"))
    }
}

fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: initialisers of TensorRT's libraries and of the shim have no preconditions.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| why(&error))
}

/// What the loader says stands behind what libloading says.
fn why(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// TensorRT does not expect to be unloaded: it has threads and handlers of its own.
fn stay(library: Library) {
    let _ = library.into_raw();
}
