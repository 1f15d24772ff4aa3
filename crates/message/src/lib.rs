//! The messages between camweave's nodes.
//!
//! A message is an Arrow struct array: one row per access unit, frame, head or
//! frame of detections. A single frame is a list of one row, so a stage cannot
//! tell, and need not know, whether a batcher stands before it. Every message
//! carries its schema's name and version in the column `schema`; anything
//! malformed is a [`MessageError`] that names the schema, the field, the row
//! and the value.
//!
//! `docs/messages.md` is the contract for nodes in other languages.
//!
//! Pixels and tensors never travel in a message: [`Frame`] and [`Head`] carry
//! weak references into pools (`camweave-pool`).

mod columns;
mod detections;
mod error;
mod frames;
mod heads;
mod identity;
mod passage;
mod picture;
mod units;

pub use detections::{DetectedBox, Detections};
pub use error::MessageError;
pub use frames::Frame;
pub use heads::{Head, TensorShape};
pub use identity::{CapturedClock, FrameId, StagePass, Trace};
pub use passage::{Never, Passage};
pub use picture::PictureRef;
pub use units::{Codec, Unit};

use arrow_array::{Array, StructArray};

/// One row of a message.
pub trait Row: Clone + Send + Sync + 'static {
    /// The schema's name and version, as it stands in the column `schema`.
    const SCHEMA: &'static str;

    /// Packs `rows` into one Arrow struct array. An empty slice gives an array of length 0.
    fn to_arrow(rows: &[Self]) -> StructArray;

    /// Unpacks and checks an Arrow array.
    ///
    /// # Errors
    /// Names the schema, field, row and value where the array is not what `docs/messages.md` says.
    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError>;

    /// Which frame of which camera this row is about.
    fn id(&self) -> &FrameId;

    /// The stages passed so far.
    fn trace(&self) -> &Trace;

    /// The stages passed so far, for the stage that adds itself.
    fn trace_mut(&mut self) -> &mut Trace;

    /// Whether the row stands for a frame, and so is counted. The unit that ends a session does not.
    fn is_frame(&self) -> bool {
        true
    }

    /// Whether a stage can begin with this row. Only a unit can depend on the units before it.
    fn is_entry_point(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
