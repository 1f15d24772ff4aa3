//! What work on the device fails with.

use camweave_cuda::CudaError;
use camweave_engine::{of_cuda, of_tensorrt};
use camweave_pool::AcquireError;
use camweave_stage::StageError;
use camweave_tensorrt::Error;

/// What a batch failed with.
#[derive(Debug)]
pub enum LaneError {
    Cuda(CudaError),
    TensorRt(Error),
    Pool(AcquireError),
}

impl From<CudaError> for LaneError {
    fn from(error: CudaError) -> Self {
        Self::Cuda(error)
    }
}

impl From<Error> for LaneError {
    fn from(error: Error) -> Self {
        Self::TensorRt(error)
    }
}

impl LaneError {
    pub fn into_stage(self) -> StageError {
        match self {
            Self::Cuda(error) => of_cuda(&error),
            Self::TensorRt(error) => of_tensorrt(&error),
            Self::Pool(error) => StageError::resource(error.to_string()),
        }
    }
}
