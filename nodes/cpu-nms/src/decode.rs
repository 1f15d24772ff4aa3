//! From values to detections of the classes that are kept, in two steps that are timed apart.
//!
//! Together they give what `camweave_vision::detect` gives.

use camweave_detect::postprocess::{Classes, most_points};
use camweave_vision::{
    Candidate, Detection, HeadError, HeadFormat, Letterbox, NmsConfig, Shape, ShapeScratch, decode,
    in_image, keep_best, keep_best_of, shapes,
};

/// Step one: the candidates of the classes that are kept; `size` is that of the network's input. Others take no part: they neither
/// suppress nor count towards the limits.
pub fn candidates(
    values: &[f32],
    format: &HeadFormat,
    size: (u32, u32),
    config: &NmsConfig,
    classes: &Classes,
    candidates: &mut Vec<Candidate>,
) -> Result<(), HeadError> {
    decode(values, format, size, config.confidence, candidates)?;
    if !classes.keeps_all() {
        candidates.retain(|candidate| classes.keeps(candidate.class_id));
    }
    Ok(())
}

/// Step two: the candidates without duplicates, in pixels of the source frame.
pub fn detections(
    format: &HeadFormat,
    letterbox: &Letterbox,
    config: &NmsConfig,
    candidates: &mut Vec<Candidate>,
) -> impl Iterator<Item = Detection> {
    keep_best(candidates, format, config);
    in_image(candidates, letterbox)
}

/// Step two for heads that have more than boxes: `values` are those of step one.
pub fn shaped(
    values: &[f32],
    format: &HeadFormat,
    letterbox: &Letterbox,
    config: &NmsConfig,
    candidates: &mut Vec<Candidate>,
    scratch: &mut ShapeScratch,
) -> Vec<(Detection, Shape)> {
    keep_best_of(values, candidates, format, config);
    let most = most_points(candidates.len());
    shapes(values, format, letterbox, candidates, most, scratch)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camweave_vision::{Scratch, detect};
    use proptest::prelude::*;

    use super::*;

    const ANCHORS: usize = 24;
    const CLASSES: usize = 3;

    /// Boxes inside the network's input of 64 x 64; centres, sizes, then scores.
    fn yolov8() -> impl Strategy<Value = Vec<f32>> {
        let rows = |values: std::ops::Range<u32>, rows: usize| {
            proptest::collection::vec(values.prop_map(|value| value as f32), rows * ANCHORS)
        };
        (rows(20..44, 2), rows(1..40, 2), rows(0..8, CLASSES)).prop_map(
            |(centres, sizes, scores)| {
                let scores = scores.into_iter().map(|score| score / 8.0);
                centres.into_iter().chain(sizes).chain(scores).collect()
            },
        )
    }

    fn end_to_end() -> impl Strategy<Value = Vec<f32>> {
        let row = (
            0..30_u32,
            0..30_u32,
            1..30_u32,
            1..30_u32,
            0..8_u32,
            0..CLASSES as u32,
        );
        let row = row.prop_map(|(x, y, w, h, score, class)| {
            [x, y, x + w, y + h, score, class].map(|value| value as f32)
        });
        proptest::collection::vec(row, ANCHORS).prop_map(|rows| {
            let rows = rows
                .into_iter()
                .map(|[x1, y1, x2, y2, score, class]| [x1, y1, x2, y2, score / 8.0, class]);
            rows.flatten().collect()
        })
    }

    /// All boxes without a limit, then the classes, then the limit.
    fn check(values: &[f32], format: HeadFormat, wanted: &[String], max_detections: usize) {
        let letterbox = Letterbox::new((128, 128), (64, 64)).expect("sizes above 0");
        let classes = Classes::new(&Arc::from("a\nb\nc"), wanted);
        let unlimited = NmsConfig::default();
        let all = detect(
            values,
            &format,
            &letterbox,
            &unlimited,
            &mut Scratch::default(),
        );
        let mut expected = all.expect("values of this format");
        expected.retain(|detection| classes.keeps(detection.class_id));
        expected.truncate(max_detections);
        let config = NmsConfig {
            max_detections,
            ..unlimited
        };
        let memory = &mut Vec::new();
        candidates(values, &format, letterbox.model, &config, &classes, memory)
            .expect("values of this format");
        let found: Vec<_> = detections(&format, &letterbox, &config, memory).collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn other_classes_take_no_part(
            values in yolov8(),
            rows in end_to_end(),
            wanted in proptest::sample::subsequence(vec!["a", "1", "c"], 0..=3),
            max_detections in 1..20_usize,
        ) {
            let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
            let format = HeadFormat::yolov8(CLASSES as u32, ANCHORS as u32);
            check(&values, format, &wanted, max_detections);
            check(&rows, HeadFormat::end_to_end(ANCHORS as u32), &wanted, max_detections);
        }
    }
}
