//! The messages between camweave's nodes.
//!
//! A message is an Arrow struct array: one row per access unit, frame, head or
//! frame of detections. A single frame is a list of one row, so a stage cannot
//! tell, and need not know, whether a batcher stands before it. Every message
//! carries its schema's name and version in the column `schema`; anything
//! malformed is a [`MessageError`] that names the schema, the field, the row
//! and the value. Messages come from other processes, so all that is in them is
//! checked once, when they are read ([`Row::read`], [`limits`]).
//!
//! `docs/messages.md` is the contract for nodes in other languages.
//!
//! Pixels and tensors never travel in a message: [`Frame`] and [`Head`] carry
//! weak references into pools (`camweave-pool`).

pub mod camera_id;
mod columns;
mod detections;
mod error;
mod frames;
mod group_turn;
mod heads;
mod identity;
mod keyframe_gate;
pub mod limits;
mod passage;
mod picture;
mod received;
mod selection;
mod text;
mod units;

pub use detections::{DetectedBox, Detections};
pub use error::MessageError;
pub use frames::Frame;
pub use group_turn::GroupTurn;
pub use heads::{Head, TensorShape};
pub use identity::{CapturedClock, FrameId, StagePass, Trace};
pub use keyframe_gate::KeyframeGate;
pub use passage::{Never, Passage};
pub use picture::PictureRef;
pub use received::{Received, RefusedRow};
pub use selection::Selection;
pub use units::{Codec, Unit};

pub use camweave_vision::Orientation;

use arrow_array::{Array, StructArray};

/// One row of a message.
pub trait Row: Clone + Send + Sync + 'static {
    /// The schema's name and version, as it stands in the column `schema`.
    const SCHEMA: &'static str;

    /// Packs `rows` into one Arrow struct array. An empty slice gives an array of length 0.
    fn to_arrow(rows: &[Self]) -> StructArray;

    /// Unpacks and checks an Arrow array; what is wrong with one row costs that row.
    ///
    /// All that is in the rows lies within [`limits`].
    ///
    /// # Errors
    /// Names the schema, field and type where the array as a whole is not what
    /// `docs/messages.md` says: a column is missing, or has another type, or nulls.
    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError>;

    /// As [`Row::read`], for one who wants all rows or none.
    ///
    /// # Errors
    /// As [`Row::read`], and names field, row and value of the first row that is refused.
    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError> {
        Self::read(array)?.all()
    }

    /// Which frame of which camera this row is about.
    fn id(&self) -> &FrameId;

    /// The stages passed so far.
    fn trace(&self) -> &Trace;

    /// The stages passed so far, for the stage that adds itself.
    fn trace_mut(&mut self) -> &mut Trace;

    /// Bytes that the row keeps in memory while it waits, where they are many: a coded picture,
    /// boxes, names.
    fn bytes(&self) -> usize {
        0
    }

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
mod hostile_tests;
#[cfg(test)]
mod tests;
