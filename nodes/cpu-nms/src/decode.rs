//! From values to detections of the classes that are kept.

use camweave_vision::{
    Candidate, Detection, HeadError, HeadLayout, Letterbox, NmsConfig, Scratch, decode, detect,
    suppress,
};

use crate::classes::Classes;

/// Memory that is used again from frame to frame.
#[derive(Default)]
pub struct Memory {
    scratch: Scratch,
    candidates: Vec<Candidate>,
}

/// As [`detect`], of the classes that are kept. Others take no part: they neither suppress nor
/// count towards the limits.
pub fn detect_kept(
    values: &[f32],
    layout: &HeadLayout,
    letterbox: &Letterbox,
    config: &NmsConfig,
    classes: &Classes,
    memory: &mut Memory,
) -> Result<Vec<Detection>, HeadError> {
    if classes.keeps_all() {
        return detect(values, layout, letterbox, config, &mut memory.scratch);
    }
    let candidates = &mut memory.candidates;
    decode(values, layout, config.confidence, candidates)?;
    candidates.retain(|candidate| classes.keeps(candidate.class_id));
    match layout {
        HeadLayout::Yolov8 { .. } => suppress(candidates, config),
        HeadLayout::EndToEnd { .. } => {
            candidates
                .sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.anchor.cmp(&b.anchor)));
            candidates.truncate(config.max_detections);
        }
    }
    let detections = candidates.iter().map(|candidate| Detection {
        bbox: letterbox.image_box_from_model(candidate.bbox),
        score: candidate.score,
        class_id: candidate.class_id,
    });
    // Nothing may be left of a box in the padding.
    let is_left = |detection: &Detection| {
        let [x1, y1, x2, y2] = detection.bbox;
        x1 < x2 && y1 < y2
    };
    Ok(detections.filter(is_left).collect())
}
