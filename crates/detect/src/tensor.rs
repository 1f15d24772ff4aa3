//! A frame's head: its shape, and where it is inside its slot.

use std::ops::Range;

use camweave_message::{Head, TensorShape};
use camweave_stage::StageError;
use camweave_vision::HeadLayout;

/// A head that is not where or what its row says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Neither of the two layouts.
    #[error(
        "a head of shape [{rows}, {columns}], end to end {end_to_end}: expected [4 + classes, anchors], or [detections, 6] end to end"
    )]
    Shape {
        /// Rows found.
        rows: u32,
        /// Columns found.
        columns: u32,
        /// What the row says.
        end_to_end: bool,
    },
    /// The head ends behind its slot.
    #[error(
        "row {row} of [{rows}, {columns}] float32: expected to end within the slot's {slot_bytes} bytes"
    )]
    OutOfSlot {
        /// Position in the batch.
        row: u32,
        /// Rows of the head.
        rows: u32,
        /// Columns of the head.
        columns: u32,
        /// Bytes of the slot.
        slot_bytes: usize,
    },
    /// The slot's memory does not begin where floats can.
    #[error("the head's memory is not aligned to 4 bytes")]
    Misaligned,
}

/// The shape of a head as messages say it.
///
/// # Errors
/// It is larger than any message may say.
pub fn shape(layout: HeadLayout) -> Result<TensorShape, StageError> {
    let (rows, columns) = match layout {
        HeadLayout::Yolov8 { classes, anchors } => (4 + classes, anchors),
        HeadLayout::EndToEnd { max } => (max, 6),
    };
    let size = |size: usize| {
        u32::try_from(size)
            .map_err(|_| StageError::input(format!("a head of {rows}x{columns} values")))
    };
    Ok(TensorShape {
        rows: size(rows)?,
        columns: size(columns)?,
    })
}

/// The layout that a row names: of [`shape`] the inverse.
///
/// # Errors
/// Its shape is neither of the two.
pub fn layout(head: &Head) -> Result<HeadLayout, TensorError> {
    let shape = head.shape;
    let (rows, columns) = (shape.rows as usize, shape.columns as usize);
    match head.end_to_end {
        true if columns == 6 && rows > 0 => Ok(HeadLayout::EndToEnd { max: rows }),
        false if rows > 4 && columns > 0 => Ok(HeadLayout::Yolov8 {
            classes: rows - 4,
            anchors: columns,
        }),
        end_to_end => Err(TensorError::Shape {
            rows: shape.rows,
            columns: shape.columns,
            end_to_end,
        }),
    }
}

/// The bytes of a row's head within a slot of `slot_bytes` bytes.
///
/// # Errors
/// They leave the slot.
pub fn place(head: &Head, slot_bytes: usize) -> Result<Range<usize>, TensorError> {
    let shape = head.shape;
    // Numbers of a message may be anything.
    let bytes = u64::from(shape.rows)
        .checked_mul(u64::from(shape.columns))
        .and_then(|values| values.checked_mul(size_of::<f32>() as u64));
    let end = bytes.and_then(|bytes| bytes.checked_mul(u64::from(head.row) + 1));
    let range = bytes.zip(end).and_then(|(bytes, end)| {
        Some(usize::try_from(end - bytes).ok()?..usize::try_from(end).ok()?)
    });
    range
        .filter(|range| range.end <= slot_bytes)
        .ok_or(TensorError::OutOfSlot {
            row: head.row,
            rows: shape.rows,
            columns: shape.columns,
            slot_bytes,
        })
}

/// The values of a row's head in its slot.
///
/// # Errors
/// They leave the slot, or it does not begin where floats can.
pub fn values<'a>(head: &Head, slot: &'a [u8]) -> Result<&'a [f32], TensorError> {
    let found = &slot[place(head, slot.len())?];
    bytemuck::try_cast_slice(found).map_err(|_| TensorError::Misaligned)
}
