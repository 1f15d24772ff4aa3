//! libavdevice, which has the demuxer for cameras of the machine (V4L2).
//!
//! It is looked for at run time: its package draws in half a desktop, and only those with a camera
//! at a USB port need it.
#![expect(unsafe_code, reason = "a function of a library that is loaded")]

use std::sync::OnceLock;

use ffmpeg_next::format;
use libloading::{Library, Symbol};

/// Makes libavdevice's demuxers known to FFmpeg; once per process.
///
/// # Errors
/// One line that names the library.
pub(crate) fn register() -> Result<(), String> {
    // Its demuxers stay known to libavformat, so it is loaded until the process ends.
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    match LIBRARY.get_or_init(load) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.clone()),
    }
}

fn load() -> Result<Library, String> {
    // libavdevice and libavformat of one FFmpeg have the same major version.
    let name = format!("libavdevice.so.{}", format::version() >> 16);
    let missing = |error: libloading::Error| {
        format!(
            "cameras of this machine need {name}, which cannot be loaded ({error}), expected the library of Debian's and Ubuntu's package libavdevice*"
        )
    };
    // SAFETY: FFmpeg's own library; its initializers only fill in tables.
    let library = unsafe { Library::new(&name) }.map_err(missing)?;
    {
        // SAFETY: `void avdevice_register_all(void)` in every version of libavdevice.
        let register: Symbol<'_, unsafe extern "C" fn()> =
            unsafe { library.get(b"avdevice_register_all\0") }.map_err(missing)?;
        // SAFETY: as above; called once.
        unsafe { register() };
    }
    Ok(library)
}
