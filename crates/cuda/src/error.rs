//! What can go wrong.

/// A CUDA call that failed, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// No driver, no device, or a driver that is too old; the whole line.
    #[error("{0}")]
    Missing(String),
    /// The device has not enough memory.
    #[error(
        "no device memory for {what}: {wanted_bytes} bytes wanted, {free_bytes} of {total_bytes} free"
    )]
    OutOfMemory {
        /// What it was for.
        what: String,
        /// Bytes wanted.
        wanted_bytes: usize,
        /// Bytes that were free.
        free_bytes: usize,
        /// Bytes of the device.
        total_bytes: usize,
    },
    /// The driver refused.
    #[error("could not {action}: {name} ({code}), {text}")]
    Driver {
        /// What was being done.
        action: String,
        /// The driver's code.
        code: u32,
        /// The code's name, such as `CUDA_ERROR_INVALID_VALUE`.
        name: String,
        /// The driver's explanation.
        text: String,
    },
    /// An argument that no call was made with.
    #[error("{what} is {found}, expected {expected}")]
    Argument {
        /// What it is.
        what: &'static str,
        /// Its value.
        found: String,
        /// What would be good.
        expected: String,
    },
    /// A part of device memory that is not there.
    #[error(transparent)]
    Slice(#[from] SliceError),
}

/// A part that leaves its [`DeviceSlice`](crate::DeviceSlice).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bytes {offset} to {offset} + {bytes} of device memory: expected to end within {available}"
)]
pub struct SliceError {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
    pub(crate) available: usize,
}

/// What sort of error it is, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CudaErrorKind {
    /// Nothing to run on.
    Missing,
    /// Not enough memory.
    OutOfMemory,
    /// Everything else.
    Other,
}

impl CudaError {
    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> CudaErrorKind {
        match self {
            Self::Missing(_) => CudaErrorKind::Missing,
            Self::OutOfMemory { .. } => CudaErrorKind::OutOfMemory,
            _ => CudaErrorKind::Other,
        }
    }
}
