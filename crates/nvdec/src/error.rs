//! Why a unit or a picture is lost.

use camweave_cuda::CudaError;
use camweave_pool::PoolError;

use crate::library::{CallError, LoadError};
use crate::stream::Refusal;

/// A unit that cannot be decoded, or a picture that is lost.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DecodeError {
    /// The library is missing.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The stream is none that this decoder takes.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The library refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The driver refused.
    #[error(transparent)]
    Cuda(#[from] CudaError),
    /// The stream shares a decoder, and refers to more pictures than that keeps for it. It begins
    /// again at its next keyframe, with a decoder of its own.
    #[error(
        "the stream refers to more frames than a shared decoder keeps for it, and gets its own decoder at the next keyframe"
    )]
    Crowded,
    /// The stream shares a decoder, and a picture that it refers to is missing, or was not decoded.
    /// It goes on at its next keyframe.
    #[error("a reference frame is missing; the stream continues at its next keyframe")]
    Incomplete,
    /// The unit does not follow from a sequence header.
    #[error("a {codec} frame came before any sequence header that can be decoded")]
    NoSequence {
        /// The codec's name.
        codec: &'static str,
    },
}

/// Why a decoded picture has no slot.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// There is no slot for it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// It was decoded, and then lost.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}
