//! Where a frame's head is inside its slot.

use std::ops::Range;

use camweave_message::Head;
use camweave_vision::{HeadError, HeadFormat};

/// A head that is not where or what its row says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Its format contradicts itself, or the network's input.
    #[error(transparent)]
    Format(#[from] HeadError),
    /// The head ends behind its slot.
    #[error("row {row} of {format} float32: expected to end within the slot's {slot_bytes} bytes")]
    OutOfSlot {
        /// Position in the batch.
        row: u32,
        /// How the head is read.
        format: Box<HeadFormat>,
        /// Bytes of the slot.
        slot_bytes: usize,
    },
    /// The slot's memory does not begin where floats can.
    #[error("the head's memory is not aligned to 4 bytes")]
    Misaligned,
}

/// The bytes of a row's head within a slot of `slot_bytes` bytes.
///
/// # Errors
/// The format contradicts itself or the network's input, or they leave the slot.
pub fn place(head: &Head, slot_bytes: usize) -> Result<Range<usize>, TensorError> {
    head.format.validate_for(head.model_size)?;
    // Numbers of a message may be anything.
    let bytes = head.format.bytes();
    let end = (head.row as usize)
        .checked_add(1)
        .and_then(|rows| bytes.checked_mul(rows));
    end.filter(|&end| end <= slot_bytes)
        .map(|end| end - bytes..end)
        .ok_or_else(|| TensorError::OutOfSlot {
            row: head.row,
            format: Box::new(head.format),
            slot_bytes,
        })
}

/// The values of a row's head in its slot.
///
/// # Errors
/// The format contradicts itself or the network's input, they leave the slot, or it does not begin where floats can.
pub fn values<'a>(head: &Head, slot: &'a [u8]) -> Result<&'a [f32], TensorError> {
    floats(&slot[place(head, slot.len())?])
}

/// The values of a head that is all of `bytes`.
///
/// # Errors
/// It does not begin where floats can, or ends within one.
pub fn floats(bytes: &[u8]) -> Result<&[f32], TensorError> {
    bytemuck::try_cast_slice(bytes).map_err(|_| TensorError::Misaligned)
}
