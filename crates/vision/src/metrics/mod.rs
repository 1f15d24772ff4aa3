//! Accuracy against ground truth: of detections (COCO's average precision) and of tracks (HOTA, IDF1
//! and CLEAR MOT).

pub mod assignment;
pub mod detection;
mod hota;
pub mod tracking;

use serde::{Deserialize, Serialize};

/// A true object in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TruthObject {
    /// Identity, the same for an object in every frame of its sequence.
    pub track_id: u64,
    /// Index of the class.
    pub class_id: u32,
    /// Edges x1, y1, x2, y2 in pixels of the picture.
    pub bbox: [f64; 4],
    /// Whether finding the object counts neither for nor against.
    #[serde(default)]
    pub ignore: bool,
}

/// The true objects of one frame. Reads the lines that the scene renderer writes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FrameTruth {
    /// The objects, in any order.
    pub objects: Vec<TruthObject>,
}

/// Results and ground truth that cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// There are not as many frames of results as of truth.
    #[error("sequence {sequence} has {results} frames of results: its truth has {truth}")]
    FrameCount {
        /// Index of the sequence; zero where there is only one.
        sequence: usize,
        /// Frames of results.
        results: usize,
        /// Frames of truth.
        truth: usize,
    },
    /// A box or a score is not a number.
    #[error(
        "{what} {index} of sequence {sequence}, frame {frame} has {value}: expected finite numbers"
    )]
    NotFinite {
        /// `truth`, `detection` or `track`.
        what: &'static str,
        /// Index of the sequence; zero where there is only one.
        sequence: usize,
        /// Index of the frame.
        frame: usize,
        /// Index in the frame.
        index: usize,
        /// The box and, where it has one, the score.
        value: String,
    },
    /// Two objects of a frame have the same identity.
    #[error(
        "{what} id {id} occurs twice in sequence {sequence}, frame {frame}: expected ids that are unique in a frame"
    )]
    DuplicateId {
        /// `truth` or `track`.
        what: &'static str,
        /// Index of the sequence.
        sequence: usize,
        /// Index of the frame.
        frame: usize,
        /// The identity.
        id: u64,
    },
}

fn check_box(
    what: &'static str,
    (sequence, frame, index): (usize, usize, usize),
    bbox: &[f64; 4],
) -> Result<(), MetricsError> {
    if bbox.iter().all(|edge| edge.is_finite()) {
        return Ok(());
    }
    let value = format!("the box {bbox:?}");
    Err(MetricsError::NotFinite {
        what,
        sequence,
        frame,
        index,
        value,
    })
}
