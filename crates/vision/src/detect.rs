//! From a head's values to detections in the picture.

use crate::candidates::{Detection, in_image};
use crate::head::{Candidate, HeadError, HeadFormat, HeadValue, decode};
use crate::letterbox::Letterbox;
use crate::nms::NmsConfig;
use crate::task::{ShapeScratch, keep_best_of, shapes};

/// Memory that [`detect`] uses again from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    candidates: Vec<Candidate>,
    shapes: ShapeScratch,
}

/// Decodes one frame's head, suppresses duplicates (where the head has any),
/// and maps the boxes to the source frame. Best score first, ties by lower anchor, at most
/// `max_detections`.
///
/// Boxes are clipped to the frame. Boxes that are empty after clipping, such as those in the
/// padding, are dropped; they still count towards `max_detections`, which is applied before.
///
/// # Errors
/// As of [`decode`].
pub fn detect<T: HeadValue>(
    head: &[T],
    format: &HeadFormat,
    letterbox: &Letterbox,
    config: &NmsConfig,
    scratch: &mut Scratch,
) -> Result<Vec<Detection>, HeadError> {
    let Scratch {
        candidates,
        shapes: memory,
    } = scratch;
    decode(head, format, letterbox.model, config.confidence, candidates)?;
    keep_best_of(head, candidates, format, config);
    if format.task.is_detect() {
        return Ok(in_image(candidates, letterbox).collect());
    }
    let found = shapes(head, format, letterbox, candidates, usize::MAX, memory);
    Ok(found.into_iter().map(|(detection, _)| detection).collect())
}
