//! Which of Ultralytics' two formats an output's shape shows.

use std::fmt::Write as _;

use super::{HeadError, HeadFormat};

/// Values of a row of [`HeadFormat::end_to_end`].
const END_TO_END_COLUMNS: u32 = 6;
/// Rows of [`HeadFormat::yolov8`] before its first class: centre and size.
const BOX_ROWS: u32 = 4;

impl HeadFormat {
    /// [`HeadFormat::yolov8`] or [`HeadFormat::end_to_end`], by the shape of the output:
    /// `[batch, a, b]` or `[a, b]`, `None` for a dynamic dimension. Only the batch may be dynamic.
    ///
    /// A last dimension of 6 is an end-to-end head: no network has 6 anchors.
    ///
    /// # Errors
    /// The shape is neither, or its classes are not `class_count` (where that is known).
    pub fn from_shape(
        shape: &[Option<usize>],
        class_count: Option<usize>,
    ) -> Result<Self, HeadError> {
        let refuse = |reason| {
            let rows = match class_count {
                Some(classes) => classes.saturating_add(BOX_ROWS as usize).to_string(),
                None => "4 + classes".to_owned(),
            };
            Err(HeadError::Shape {
                shape: format_shape(shape),
                rows,
                reason,
            })
        };
        let (first, second) = match *shape {
            [first, second] | [_, first, second] => (first, second),
            _ => return refuse(""),
        };
        let (Some(first), Some(second)) = (first, second) else {
            return refuse("; only the batch may be dynamic");
        };
        let (Ok(first), Ok(second)) = (u32::try_from(first), u32::try_from(second)) else {
            return refuse("; a side has less than 2^32 values");
        };
        if second == END_TO_END_COLUMNS && first > 0 {
            return Ok(Self::end_to_end(first));
        }
        if first <= BOX_ROWS || second == 0 {
            return refuse("");
        }
        let classes = first - BOX_ROWS;
        match class_count {
            Some(count) if count == classes as usize => {}
            Some(_) => return refuse("; the number of classes is the model's own"),
            None if first > second => return refuse("; this one looks transposed"),
            None => {}
        }
        Ok(Self::yolov8(classes, second))
    }
}

fn format_shape(shape: &[Option<usize>]) -> String {
    let mut text = String::from("[");
    for (index, dimension) in shape.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        // Writing to a string cannot fail.
        let _ = match dimension {
            Some(size) => write!(text, "{comma}{size}"),
            None => write!(text, "{comma}?"),
        };
    }
    text.push(']');
    text
}
