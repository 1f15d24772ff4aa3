//! Whether there is CUDA, without a panic where there is none.
#![expect(unsafe_code, reason = "asks the driver")]

use std::sync::OnceLock;

use crate::result::name;
use crate::sys;

/// What the shipped PTX (ISA 8.7) needs: CUDA 12.8, as `cuDriverGetVersion` counts.
const MIN_DRIVER: i32 = 12_080;

/// The same without a GPU.
const INSTEAD: &str = "dataflows/cpu-batched.yml does the same on the CPU";

/// What is missing for CUDA, in one line that names the library, where it was looked for and what
/// does the same on the CPU. `None`: there is at least one device.
#[must_use]
pub fn missing() -> Option<String> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(find_missing);
    missing.as_ref().map(|what| format!("{what}; {INSTEAD}"))
}

fn find_missing() -> Option<String> {
    // SAFETY: loads and closes a library; the driver's has no constructor that needs more.
    if !unsafe { sys::is_culib_present() } {
        let path = match std::env::var("LD_LIBRARY_PATH") {
            Ok(path) if !path.is_empty() => format!("LD_LIBRARY_PATH={path}"),
            _ => "LD_LIBRARY_PATH is not set".to_owned(),
        };
        return Some(format!(
            "no CUDA driver: libcuda.so and libcuda.so.1 are not in the dynamic linker's paths ({path})"
        ));
    }
    let mut version = 0;
    // SAFETY: the library is there; the place is this function's own.
    let code = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    if code != sys::CUresult::CUDA_SUCCESS {
        return Some(format!(
            "the CUDA driver does not report its version: {}",
            name(code)
        ));
    }
    if version < MIN_DRIVER {
        let [found, expected] = [version, MIN_DRIVER].map(version_text);
        return Some(format!(
            "the CUDA driver supports CUDA {found}, expected {expected} or newer"
        ));
    }
    // SAFETY: the library is there.
    let code = unsafe { sys::cuInit(0) };
    if code != sys::CUresult::CUDA_SUCCESS {
        let found = name(code);
        return Some(format!(
            "no CUDA device: libcuda was found, but cuInit returns {found}"
        ));
    }
    let mut count = 0;
    // SAFETY: the driver is initialised; the place is this function's own.
    let code = unsafe { sys::cuDeviceGetCount(&raw mut count) };
    if code != sys::CUresult::CUDA_SUCCESS || count == 0 {
        return Some("no CUDA device: libcuda is there, but no GPU that it knows".to_owned());
    }
    None
}

/// Number of devices; 0 where CUDA is missing.
#[must_use]
pub fn device_count() -> u32 {
    if missing().is_some() {
        return 0;
    }
    let mut count = 0;
    // SAFETY: `missing` has initialised the driver; the place is this function's own.
    unsafe { sys::cuDeviceGetCount(&raw mut count) };
    u32::try_from(count).unwrap_or(0)
}

/// As people write it: 12080 is 12.8.
fn version_text(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_panics_and_the_line_names_library_place_and_substitute() {
        let Some(line) = missing() else {
            assert!(device_count() > 0);
            return;
        };
        assert_eq!(device_count(), 0);
        assert!(!line.contains('\n'), "{line}");
        for part in ["libcuda", "dataflows/cpu-batched.yml"] {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn versions_read_as_people_write_them() {
        assert_eq!(version_text(12_080), "12.8");
        assert_eq!(version_text(13_000), "13.0");
    }
}
