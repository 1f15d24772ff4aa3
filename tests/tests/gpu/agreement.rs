//! Whether two runs found the same boxes in the same pictures.

use std::collections::BTreeMap;

use camweave_tests::{Cameras, Line, Results, frame_of};
use camweave_vision::iou;

/// Boxes of one class that overlap by so much are of one object, as for `camweave ab`.
const SAME_OBJECT: f32 = 0.5;
/// Boxes of at least this score are counted by themselves: at the threshold of the detections a
/// rounding decides whether there is a box.
const SURE: f32 = 0.5;

/// What was found, by camera and number of the picture on the camera's own time line: a picture
/// of the same number is the same in every run of the same seed.
pub type Pictures = BTreeMap<(String, usize), Line>;

/// The lines of a run, by picture.
pub fn pictures(cameras: &Cameras, results: &Results) -> Pictures {
    let mut pictures = Pictures::new();
    for camera in cameras.records() {
        for line in results.lines_of(&camera.id) {
            let picture = (camera.id.clone(), frame_of(line, &camera));
            pictures.insert(picture, line.clone());
        }
    }
    pictures
}

/// How the boxes of a run are found again in another one.
#[derive(Debug, Default)]
pub struct Agreement {
    /// Pictures of both runs.
    pub pictures: usize,
    /// Boxes of the first run in these.
    boxes: usize,
    /// Of these, boxes of at least the score [`SURE`], and those of them that have a match.
    sure: [usize; 2],
    /// The largest difference of a coordinate of each matched pair, in pixels of the picture, in
    /// ascending order.
    apart: Vec<f32>,
}

impl Agreement {
    /// Looks for each box of `expected` in the same picture of `found`: of the same label, of the
    /// greatest IoU, one to one.
    pub fn new(expected: &Pictures, found: &Pictures) -> Self {
        let mut agreement = Self::default();
        for (picture, expected) in expected {
            let Some(found) = found.get(picture) else {
                continue;
            };
            let matched = matched(expected, found);
            agreement.pictures += 1;
            agreement.boxes += expected.boxes.len();
            for (index, score) in expected.scores.iter().enumerate() {
                if *score >= SURE {
                    agreement.sure[0] += 1;
                    agreement.sure[1] += usize::from(matched.contains_key(&index));
                }
            }
            for (index, other) in matched {
                let pairs = expected.boxes[index].iter().zip(&found.boxes[other]);
                let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                agreement.apart.push(apart);
            }
        }
        agreement.apart.sort_by(f32::total_cmp);
        agreement
    }

    /// The share of the boxes of at least the score 0.5 that have a match.
    pub fn sure_share(&self) -> f64 {
        share(self.sure[1], self.sure[0])
    }

    /// The least difference, in pixels, that so many of all matched boxes do not exceed (nearest
    /// rank).
    pub fn apart(&self, share: f64) -> f32 {
        let rank = (share * self.apart.len() as f64).ceil().max(1.0) as usize;
        self.apart.get(rank - 1).copied().unwrap_or(f32::NAN)
    }

    /// In one line.
    pub fn text(&self) -> String {
        let [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1.0].map(|share| self.apart(share));
        let within = self.apart.iter().filter(|apart| **apart <= 1.0).count();
        format!(
            "{} pictures: {:.3} % of {} boxes matched, {:.3} % of {} with a score of {SURE} or more; \
             pixels apart: {:.3} % within 1, median {p50:.3}, p95 {p95:.3}, p99 {p99:.3}, most {most:.3}",
            self.pictures,
            100.0 * share(self.apart.len(), self.boxes),
            self.boxes,
            100.0 * self.sure_share(),
            self.sure[0],
            100.0 * share(within, self.apart.len()),
        )
    }
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all as f64
}

/// Boxes of `expected` with their matches in `found`, by index.
fn matched(expected: &Line, found: &Line) -> BTreeMap<usize, usize> {
    let mut candidates = Vec::new();
    for (index, bbox) in expected.boxes.iter().enumerate() {
        for (other, other_bbox) in found.boxes.iter().enumerate() {
            let overlap = iou(*bbox, *other_bbox);
            if overlap >= SAME_OBJECT && expected.labels[index] == found.labels[other] {
                candidates.push((overlap, index, other));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken = vec![false; found.boxes.len()];
    let mut matched = BTreeMap::new();
    for (_, index, other) in candidates {
        if !taken[other] && !matched.contains_key(&index) {
            taken[other] = true;
            matched.insert(index, other);
        }
    }
    matched
}

fn line(boxes: &[([f32; 4], f32, &str)]) -> Line {
    Line {
        camera: "cam1".to_owned(),
        session_unix_nanos: 1,
        sequence: 0,
        pts_nanos: 0,
        captured_unix_nanos: 0,
        captured_clock: "sender-report".to_owned(),
        detected_unix_nanos: 0,
        width: 640,
        height: 360,
        boxes: boxes.iter().map(|it| it.0).collect(),
        scores: boxes.iter().map(|it| it.1).collect(),
        labels: boxes.iter().map(|it| it.2.to_owned()).collect(),
        class_ids: vec![0; boxes.len()],
        track_ids: vec![None; boxes.len()],
        attributes: None,
        passes: None,
    }
}

#[test]
fn boxes_are_matched_by_label_and_overlap_one_to_one() {
    let picture = |number: usize| ("cam1".to_owned(), number);
    let expected = line(&[
        ([0.0, 0.0, 10.0, 10.0], 0.9, "car"),
        ([0.0, 0.0, 10.0, 9.0], 0.3, "car"),
        ([50.0, 0.0, 60.0, 10.0], 0.8, "person"),
        ([90.0, 0.0, 99.0, 10.0], 0.7, "truck"),
    ]);
    // The first two of the expected ones want the same; the third has another label.
    let found = line(&[
        ([90.0, 0.0, 99.0, 12.0], 0.2, "truck"),
        ([50.0, 0.0, 60.0, 10.0], 0.8, "car"),
        ([0.0, 0.0, 10.5, 10.0], 0.9, "car"),
    ]);
    let expected = Pictures::from([(picture(3), expected), (picture(4), line(&[]))]);
    let found = Pictures::from([(picture(3), found), (picture(5), line(&[]))]);
    let agreement = Agreement::new(&expected, &found);
    assert_eq!((agreement.pictures, agreement.boxes), (1, 4));
    assert_eq!(agreement.sure, [3, 2]);
    assert_eq!(agreement.apart, [0.5, 2.0]);
    assert_eq!(
        [0.5, 0.51, 1.0].map(|share| agreement.apart(share)),
        [0.5, 2.0, 2.0]
    );
    let text = agreement.text();
    assert!(
        text.contains("50.000 % of 4 boxes") && text.contains("most 2.000"),
        "{text}"
    );
    // Nothing in common is no agreement.
    let none = Agreement::new(&expected, &Pictures::new());
    assert!(none.sure_share().is_nan() && none.apart(0.95).is_nan());
}
