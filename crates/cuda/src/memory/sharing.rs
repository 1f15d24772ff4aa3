//! The two ways to share device memory, and which of them is used.
#![expect(unsafe_code, reason = "calls the driver")]

use std::env;

use camweave_pool::MemoryError;

use super::descriptor;
use crate::context::Context;
use crate::error::CudaError;
use crate::result::check;
use crate::sys::{self, CUdevice_attribute_enum as Attribute};

/// How other processes get at device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Virtual memory, exported as a file descriptor: lives until its last user ends.
    Descriptor,
    /// `cuIpcGetMemHandle`: ends with its producer.
    Ipc,
}

/// What the owner of the machine wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Descriptors where they work, CUDA IPC otherwise.
    Auto,
    Only(Sharing),
}

const VARIABLE: &str = "CAMWEAVE_CUDA_SHARING";

impl Sharing {
    pub fn text(self) -> &'static str {
        match self {
            Self::Descriptor => "virtual memory as a file descriptor",
            Self::Ipc => "CUDA IPC, ends with its producer",
        }
    }
}

impl Wanted {
    pub fn from_env() -> Result<Self, MemoryError> {
        let value = env::var_os(VARIABLE).unwrap_or_default();
        let value = value.to_string_lossy();
        Self::parse(&value).ok_or_else(|| MemoryError::Mismatch {
            what: "env CAMWEAVE_CUDA_SHARING",
            found: format!("'{value}'"),
            expected: "auto, descriptor or ipc".to_owned(),
        })
    }

    /// `None` for what is no way. A variable that is set to nothing is not set.
    fn parse(value: &str) -> Option<Self> {
        match value {
            "" | "auto" => Some(Self::Auto),
            "descriptor" => Some(Self::Only(Sharing::Descriptor)),
            "ipc" => Some(Self::Only(Sharing::Ipc)),
            _ => None,
        }
    }

    /// The way for memory of a device, as far as it can be told without making any.
    pub fn on(self, context: &Context) -> Result<Sharing, CudaError> {
        match self {
            Self::Only(sharing) => Ok(sharing),
            Self::Auto if descriptor::can_be_taken() && exports_descriptors(context)? => {
                Ok(Sharing::Descriptor)
            }
            Self::Auto => Ok(Sharing::Ipc),
        }
    }
}

/// Whether the device has virtual memory, and exports it.
fn exports_descriptors(context: &Context) -> Result<bool, CudaError> {
    let needed = [
        Attribute::CU_DEVICE_ATTRIBUTE_VIRTUAL_ADDRESS_MANAGEMENT_SUPPORTED,
        Attribute::CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED,
    ];
    for attribute in needed {
        let mut value = 0;
        // SAFETY: the context's device is one that the driver has named; the place is this
        // function's own.
        let code =
            unsafe { sys::cuDeviceGetAttribute(&raw mut value, attribute, context.raw_device()) };
        check(code, || format!("ask {context} for {attribute:?}"))?;
        if value == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_known_by_name() {
        assert_eq!(Wanted::parse(""), Some(Wanted::Auto));
        assert_eq!(Wanted::parse("auto"), Some(Wanted::Auto));
        let only = |sharing| Some(Wanted::Only(sharing));
        assert_eq!(Wanted::parse("descriptor"), only(Sharing::Descriptor));
        assert_eq!(Wanted::parse("ipc"), only(Sharing::Ipc));
        for wrong in ["IPC", "fd", "auto "] {
            assert_eq!(Wanted::parse(wrong), None, "{wrong}");
        }
    }
}
