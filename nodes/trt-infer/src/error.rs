//! Errors of the libraries as ends of the stage.

use camweave_cuda::{CudaError, CudaErrorKind};
use camweave_model::{ModelError, ModelErrorKind};
use camweave_stage::StageError;
use camweave_tensorrt::{Error, ErrorKind};

pub fn of_model(error: &ModelError) -> StageError {
    let message = error.to_string();
    match error.kind() {
        ModelErrorKind::File => StageError::input(message),
        ModelErrorKind::Option => StageError::configuration(message),
    }
}

pub fn of_tensorrt(error: &Error) -> StageError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Missing => StageError::missing(message),
        ErrorKind::Input => StageError::input(message),
        ErrorKind::Configuration => StageError::configuration(message),
        ErrorKind::Resource => StageError::resource(message),
    }
}

pub fn of_cuda(error: &CudaError) -> StageError {
    let message = error.to_string();
    match error.kind() {
        CudaErrorKind::Missing => StageError::missing(message),
        _ => StageError::resource(message),
    }
}
