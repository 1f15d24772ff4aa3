//! The messages between camweave's nodes.
//!
//! A message is an Arrow struct array: one row per access unit, frame, head, frame
//! of detections or event. A single frame is a list of one row, so a stage cannot
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

mod areas;
mod attributes;
pub mod camera_id;
mod columns;
mod detected_box;
mod detections;
mod error;
mod event_kind;
mod events;
mod extra_columns;
mod extras;
mod frames;
mod group_turn;
mod heads;
mod identity;
mod interned;
mod keyframe_gate;
pub mod limits;
mod passage;
mod picture;
mod received;
mod row;
mod selection;
mod text;
mod units;
mod watched;

pub use areas::{Areas, Ignored};
pub use detected_box::DetectedBox;
pub use detections::Detections;
pub use error::MessageError;
pub use event_kind::{Direction, EventKind, EventPhase};
pub use events::Event;
pub use extras::{Attribute, Extras};
pub use frames::Frame;
pub use group_turn::GroupTurn;
pub use heads::Head;
pub use identity::{CapturedClock, FrameId, StagePass, Trace};
pub use keyframe_gate::KeyframeGate;
pub use passage::{Never, Passage};
pub use picture::PictureRef;
pub use received::{Received, RefusedRow};
pub use row::Row;
pub use selection::Selection;
pub use units::{Codec, Unit};
pub use watched::Watched;

pub use camweave_vision::{Orientation, Polygon, Region};

#[cfg(test)]
mod areas_tests;
#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod extras_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
