//! Errors of the libraries as ends of a stage.

use camweave_cuda::{CudaError, CudaErrorKind};
use camweave_stage::StageError;
use camweave_tensorrt::{Error, ErrorKind};

/// What TensorRT says, as the end of a stage.
#[must_use]
pub fn of_tensorrt(error: &Error) -> StageError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Missing => StageError::missing(message),
        ErrorKind::Input => StageError::input(message),
        ErrorKind::Configuration => StageError::configuration(message),
        ErrorKind::Resource => StageError::resource(message),
    }
}

/// What CUDA says, as the end of a stage.
#[must_use]
pub fn of_cuda(error: &CudaError) -> StageError {
    let message = error.to_string();
    match error.kind() {
        CudaErrorKind::Missing => StageError::missing(message),
        _ => StageError::resource(message),
    }
}
