//! Why a head cannot be read.

use super::HeadFormat;

/// A head that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The shape is that of none of the formats that a shape shows.
    #[error(
        "model output of shape {shape}: expected [batch, {rows}, anchors] (YOLOv8) or [batch, detections, 6] (end to end){reason}"
    )]
    Shape {
        /// The shape found, `?` where a dimension is dynamic.
        shape: String,
        /// The number of rows expected of a YOLOv8 head.
        rows: String,
        /// What more is known, or nothing.
        reason: &'static str,
    },
    /// The format contradicts itself.
    #[error("a head of {format}: expected {expected}")]
    Format {
        /// The format.
        format: Box<HeadFormat>,
        /// What it must have.
        expected: String,
    },
    /// The values of one frame are not as many as the format has.
    #[error("{found} values of one frame's head: {format} has {expected}")]
    Length {
        /// The format.
        format: Box<HeadFormat>,
        /// Values found.
        found: usize,
        /// Values of the format.
        expected: usize,
    },
}
