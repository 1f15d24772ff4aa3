//! From the driver's codes to errors.
#![expect(unsafe_code, reason = "asks the driver for the texts of its codes")]

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::error::CudaError;
use crate::sys::{CUresult, cuGetErrorName, cuGetErrorString};

/// An error unless `code` is success; `action` completes 'could not …'.
pub(crate) fn check(code: CUresult, action: impl FnOnce() -> String) -> Result<(), CudaError> {
    if code == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    Err(CudaError::Driver {
        action: action(),
        code: code as u32,
        name: name(code),
        text: text(code),
    })
}

/// A code's name, such as `CUDA_ERROR_NO_DEVICE`.
pub(crate) fn name(code: CUresult) -> String {
    let mut name = ptr::null();
    // SAFETY: the place is this function's own. Codes come from the driver, so it is loaded.
    unsafe { cuGetErrorName(code, &raw mut name) };
    to_text(name)
}

fn text(code: CUresult) -> String {
    let mut text = ptr::null();
    // SAFETY: as in `name`.
    unsafe { cuGetErrorString(code, &raw mut text) };
    to_text(text)
}

fn to_text(text: *const c_char) -> String {
    if text.is_null() {
        return "unknown".to_owned();
    }
    // SAFETY: the driver's texts are constants that end with zero; null is excluded above.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}
