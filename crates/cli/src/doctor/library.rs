//! Foreign libraries: whether they load, and what version they say they are.
#![expect(
    unsafe_code,
    reason = "loads libraries and calls their version functions"
)]

use std::ffi::{CStr, c_char, c_int, c_void};

use libloading::Library;

/// What became of a search for a library.
pub enum Search {
    /// None of the names is in the dynamic linker's paths.
    Missing(String),
    /// The file of this name does not load; why.
    Broken(String),
    /// The library of this name.
    Loaded(&'static str, Library),
}

/// Loads the first of `names` that is there, by the dynamic linker's own search.
pub fn search(names: &[&'static str]) -> Search {
    let mut broken = None;
    for name in names {
        match open(name) {
            Ok(library) => return Search::Loaded(name, library),
            Err(error) if is_absent(name, &error) => {}
            Err(error) => {
                broken.get_or_insert_with(|| format!("{name} does not load: {error}"));
            }
        }
    }
    match broken {
        Some(why) => Search::Broken(why),
        None => Search::Missing(format!("{} not found; {}", names.join(", "), searched())),
    }
}

/// Where the dynamic linker looks.
pub fn searched() -> String {
    match std::env::var("LD_LIBRARY_PATH") {
        Ok(path) if !path.is_empty() => {
            format!("looked in LD_LIBRARY_PATH={path} and the system's folders")
        }
        _ => "looked in the system's folders (LD_LIBRARY_PATH is not set)".to_owned(),
    }
}

/// Loads one library.
///
/// # Errors
/// The loader's own words.
pub fn open(name: &str) -> Result<Library, String> {
    // SAFETY: these are vendors' libraries, whose constructors may run in any process.
    unsafe { Library::new(name) }.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let text = source.unwrap_or_else(|| error.to_string());
        text.lines().next().unwrap_or_default().to_owned()
    })
}

/// Whether the error says that this very file is nowhere (and not one that it needs).
pub fn is_absent(name: &str, error: &str) -> bool {
    error.contains(&format!("{name}: cannot open shared object file"))
}

/// The result of `int symbol(void)`; `None` if the library has no such function.
pub fn number(library: &Library, symbol: &str) -> Option<i32> {
    // SAFETY: the callers name functions of this type by their vendors' headers.
    let function = unsafe { library.get::<unsafe extern "C" fn() -> c_int>(symbol) }.ok()?;
    // SAFETY: the function takes nothing and only tells a number.
    Some(unsafe { function() })
}

/// What `int symbol(int *)` writes; `None` if there is no such function or it fails.
pub fn written_number(library: &Library, symbol: &str) -> Option<i32> {
    type Function = unsafe extern "C" fn(*mut c_int) -> c_int;
    // SAFETY: the callers name functions of this type by their vendors' headers.
    let function = unsafe { library.get::<Function>(symbol) }.ok()?;
    let mut value = 0;
    // SAFETY: the place is this function's own.
    let code = unsafe { function(&raw mut value) };
    (code == 0).then_some(value)
}

/// What ONNX Runtime says in `OrtApiBase::GetVersionString` (onnxruntime_c_api.h).
pub fn onnxruntime_version(library: &Library) -> Option<String> {
    #[repr(C)]
    struct ApiBase {
        get_api: *const c_void,
        get_version: Option<unsafe extern "C" fn() -> *const c_char>,
    }
    type Function = unsafe extern "C" fn() -> *const ApiBase;
    // SAFETY: `OrtGetApiBase` has this type in all versions.
    let function = unsafe { library.get::<Function>("OrtGetApiBase") }.ok()?;
    // SAFETY: the function takes nothing.
    let base = unsafe { function() };
    // SAFETY: a pointer to a static structure, or null.
    let version = unsafe { base.as_ref() }?.get_version?;
    // SAFETY: the function takes nothing.
    let text = unsafe { version() };
    if text.is_null() {
        return None;
    }
    // SAFETY: a static string, ended by zero.
    Some(
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    )
}

/// Whether the library has a function of this name.
pub fn has(library: &Library, symbol: &str) -> bool {
    // SAFETY: the address is not called.
    unsafe { library.get::<unsafe extern "C" fn()>(symbol) }.is_ok()
}
