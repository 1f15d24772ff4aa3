//! `detections.jsonl`: one line per frame.

use camweave_message::{DetectedBox, Detections, Extras};
use serde::{Deserialize, Serialize};

/// One line of `detections.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionLine {
    /// The camera's id.
    pub camera: String,
    /// When the source opened the session, in Unix nanoseconds.
    pub session_unix_nanos: i64,
    /// The frame's number in its session, in decode order.
    pub sequence: u64,
    /// Presentation time since the session's first frame.
    pub pts_nanos: i64,
    /// When the frame was taken.
    pub captured_unix_nanos: i64,
    /// `sender-report`, `arrival` or `file`.
    pub captured_clock: String,
    /// When the detections reached the sink.
    pub detected_unix_nanos: i64,
    /// Width of the source image, in pixels.
    pub width: u32,
    /// Height of the source image, in pixels.
    pub height: u32,
    /// `[x1, y1, x2, y2]` in source-image pixels.
    pub boxes: Vec<[f32; 4]>,
    /// 0 to 1.
    pub scores: Vec<f32>,
    /// Class names.
    pub labels: Vec<String>,
    /// Class ids of the model.
    pub class_ids: Vec<u32>,
    /// What models of a second stage give of each box; only of a frame of which they give something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<Vec<AttributeLine>>>,
    /// Vectors of length 1, empty where a box has none; only of a frame that has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<Vec<Vec<f32>>>,
    /// Track ids; null where a box belongs to no track.
    pub track_ids: Vec<Option<u64>>,
    /// Outlines: x and y of each point in source-image pixels; empty where a box has none. Only of a
    /// frame that has some, as the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<Vec<Vec<f32>>>,
    /// x, y and confidence of each keypoint, in source-image pixels; empty where a box has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keypoints: Option<Vec<Vec<f32>>>,
    /// `[x, y, width, height, angle]`: centre and sides in source-image pixels, radians clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oriented: Option<Vec<[f32; 5]>>,
    /// The stages that the frame has passed: id, enter and leave in monotonic nanoseconds. The
    /// sink is the last; it leaves when its line is written. Only where the sink is asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<Vec<(String, i64, i64)>>,
}

/// What a model of a second stage gives of a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeLine {
    /// Of which kind it is.
    pub name: String,
    /// What the object is of this kind.
    pub label: String,
    /// 0 to 1.
    pub conf: f32,
}

impl AttributeLine {
    fn of(item: &DetectedBox) -> Vec<Self> {
        let all = item.extras.attributes.iter();
        all.map(|attribute| Self {
            name: attribute.name.to_string(),
            label: attribute.label.to_string(),
            conf: attribute.confidence,
        })
        .collect()
    }
}

fn embedding(item: &DetectedBox) -> Vec<f32> {
    item.extras
        .embedding
        .as_deref()
        .unwrap_or_default()
        .to_vec()
}

impl DetectionLine {
    /// The line of one row that reached the sink at `detected_unix_nanos`.
    #[must_use]
    pub fn new(row: &Detections, detected_unix_nanos: i64) -> Self {
        let boxes = &row.boxes;
        Self {
            camera: row.id.camera.to_string(),
            session_unix_nanos: row.id.session_unix_nanos,
            sequence: row.id.sequence,
            pts_nanos: row.id.pts_nanos,
            captured_unix_nanos: row.id.captured_unix_nanos,
            captured_clock: row.id.captured_clock.as_str().to_owned(),
            detected_unix_nanos,
            width: row.image_size.0,
            height: row.image_size.1,
            boxes: boxes.iter().map(|item| item.bbox).collect(),
            scores: boxes.iter().map(|item| item.score).collect(),
            labels: boxes.iter().map(|item| item.label.to_string()).collect(),
            class_ids: boxes.iter().map(|item| item.class_id).collect(),
            attributes: (boxes.iter().any(|item| !item.extras.attributes.is_empty()))
                .then(|| boxes.iter().map(AttributeLine::of).collect()),
            embeddings: (boxes.iter().any(|item| item.extras.embedding.is_some()))
                .then(|| boxes.iter().map(embedding).collect()),
            track_ids: boxes.iter().map(|item| item.track_id).collect(),
            masks: lists(boxes, |extras| extras.mask.as_deref()),
            keypoints: lists(boxes, |extras| extras.keypoints.as_deref()),
            oriented: (boxes.iter().any(|item| item.extras.oriented.is_some()))
                .then(|| boxes.iter().map(DetectedBox::oriented).collect()),
            passes: None,
        }
    }

    /// The same line with the stages that the row has passed; it is written at
    /// `written_nanos`, on the monotonic clock.
    #[must_use]
    pub fn with_passes(self, row: &Detections, written_nanos: i64) -> Self {
        let passes = row.trace.0.iter().map(|pass| {
            // The last stage, which has not left yet, is the writer of this line.
            let leave_nanos = match pass.leave_nanos {
                0 => written_nanos,
                nanos => nanos,
            };
            (pass.stage.to_string(), pass.enter_nanos, leave_nanos)
        });
        Self {
            passes: Some(passes.collect()),
            ..self
        }
    }
}

/// A list of numbers for each box, if any has one.
fn lists(boxes: &[DetectedBox], get: impl Fn(&Extras) -> Option<&[f32]>) -> Option<Vec<Vec<f32>>> {
    let all = || boxes.iter().map(|item| get(&item.extras));
    let is_some = all().any(|list| list.is_some());
    is_some.then(|| {
        all()
            .map(|list| list.unwrap_or_default().to_vec())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use camweave_message::{Attribute, Trace};
    use std::sync::Arc;

    use camweave_testing::{detections, person, stage_pass};

    use super::*;

    fn row() -> Detections {
        Detections {
            trace: Trace(vec![stage_pass("nms", 10, 20), stage_pass("sink", 25, 0)]),
            ..detections("cam1", 2)
        }
    }

    #[test]
    fn a_frame_of_masks_keypoints_or_oriented_boxes_has_them() {
        let mut row = row();
        row.boxes = vec![person([1.0, 2.0, 5.0, 6.0], 0.5); 2];
        let plain = serde_json::to_value(DetectionLine::new(&row, 5)).expect("plain data");
        for key in ["masks", "keypoints", "oriented"] {
            assert!(plain.get(key).is_none(), "{key}");
        }
        row.boxes[1].extras = Extras {
            mask: Some(Arc::from([1.0, 2.0, 5.0, 2.0, 3.5, 6.0])),
            keypoints: Some(Arc::from([3.0, 4.0, 0.5])),
            oriented: Some([3.0, 4.0, 4.0, 2.0, 1.5]),
            ..Extras::default()
        };
        let line = DetectionLine::new(&row, 5);
        let text = serde_json::to_value(&line).expect("plain data");
        let expected = serde_json::json!([
            [[], [1.0, 2.0, 5.0, 2.0, 3.5, 6.0]],
            [[], [3.0, 4.0, 0.5]],
            [[3.0, 4.0, 4.0, 4.0, 0.0], [3.0, 4.0, 4.0, 2.0, 1.5]],
        ]);
        for (index, key) in ["masks", "keypoints", "oriented"].iter().enumerate() {
            assert_eq!(text[key], expected[index], "{key}");
        }
        assert_eq!(
            serde_json::from_value::<DetectionLine>(text).expect("as written"),
            line
        );
    }

    #[test]
    fn what_a_second_stage_gives_is_there_where_it_gives_something() {
        let mut row = row();
        row.boxes = vec![person([0.0, 0.0, 9.0, 9.0], 0.9); 2];
        let line = serde_json::to_value(DetectionLine::new(&row, 5)).expect("plain data");
        assert_eq!(
            (line.get("attributes"), line.get("embeddings")),
            (None, None)
        );
        row.boxes[1].extras.embedding = Some([0.5, -0.5].into());
        row.boxes[1].extras.set_attribute(Attribute {
            name: "color".into(),
            label: "red".into(),
            confidence: 0.5,
        });
        let line = serde_json::to_value(DetectionLine::new(&row, 5)).expect("plain data");
        let attribute = serde_json::json!({"name": "color", "label": "red", "conf": 0.5});
        assert_eq!(line["attributes"], serde_json::json!([[], [attribute]]));
        assert_eq!(line["embeddings"], serde_json::json!([[], [0.5, -0.5]]));
    }

    #[test]
    fn passes_are_there_when_asked_for() {
        let line = DetectionLine::new(&row(), 5);
        let text = serde_json::to_string(&line).expect("plain data");
        assert!(!text.contains("passes"), "{text}");
        let text = serde_json::to_string(&line.with_passes(&row(), 30)).expect("plain data");
        assert!(
            text.ends_with(r#""passes":[["nms",10,20],["sink",25,30]]}"#),
            "{text}"
        );
        let again: DetectionLine = serde_json::from_str(&text).expect("what was written");
        assert_eq!(again, DetectionLine::new(&row(), 5).with_passes(&row(), 30));
    }
}
