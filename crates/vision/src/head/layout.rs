//! Which of the two known layouts a model's output has.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Values of one row of an end-to-end head: four edges, score and class.
pub(super) const END_TO_END_COLUMNS: usize = 6;
/// Rows of a YOLOv8 head before its first class: centre and size.
pub(super) const BOX_ROWS: usize = 4;

/// A head that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The shape is neither of the two.
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
    /// The values of one frame are not as many as the layout has.
    #[error("{found} values of one frame's head: {layout:?} has {expected}")]
    Length {
        /// The layout.
        layout: HeadLayout,
        /// Values found.
        found: usize,
        /// Values of the layout.
        expected: usize,
    },
}

/// How one frame's values of a detector's output are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadLayout {
    /// `[4 + classes, anchors]`: rows of centre x, centre y, width and height in model pixels, then
    /// one row of scores in 0..1 per class. Needs suppression.
    Yolov8 {
        /// Number of classes.
        classes: usize,
        /// Number of anchors.
        anchors: usize,
    },
    /// `[max, 6]`: one detection a row, as x1, y1, x2, y2 in model pixels, score and class
    /// (YOLOv10, YOLO26). Already free of duplicates; unused rows score zero.
    EndToEnd {
        /// Number of rows.
        max: usize,
    },
}

impl HeadLayout {
    /// Finds the layout of a model from its output's shape: `[batch, a, b]` or `[a, b]`, `None`
    /// for a dynamic dimension. Only the batch may be dynamic.
    ///
    /// A last dimension of 6 is an end-to-end head: no network has 6 anchors.
    ///
    /// # Errors
    /// The shape is neither layout, or its classes are not `class_count` (where that is known).
    pub fn from_shape(
        shape: &[Option<usize>],
        class_count: Option<usize>,
    ) -> Result<Self, HeadError> {
        let refuse = |reason| {
            let rows = match class_count {
                Some(classes) => classes.saturating_add(BOX_ROWS).to_string(),
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
        if second == END_TO_END_COLUMNS && first > 0 {
            return Ok(Self::EndToEnd { max: first });
        }
        if first <= BOX_ROWS || second == 0 {
            return refuse("");
        }
        let classes = first - BOX_ROWS;
        match class_count {
            Some(count) if count == classes => {}
            Some(_) => return refuse("; the number of classes is the model's own"),
            None if first > second => return refuse("; this one looks transposed"),
            None => {}
        }
        Ok(Self::Yolov8 {
            classes,
            anchors: second,
        })
    }

    /// Values of one frame.
    #[must_use]
    pub const fn len(&self) -> usize {
        match *self {
            Self::Yolov8 { classes, anchors } => {
                classes.saturating_add(BOX_ROWS).saturating_mul(anchors)
            }
            Self::EndToEnd { max } => max.saturating_mul(END_TO_END_COLUMNS),
        }
    }

    /// Whether a frame has no value at all, which [`Self::from_shape`] never returns.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
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
