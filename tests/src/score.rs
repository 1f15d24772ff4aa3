//! Results against the truth.

use std::collections::BTreeSet;

use camweave_vision::Detection;
use camweave_vision::metrics::detection::{self, DetectionScores, FrameDetections};
use camweave_vision::metrics::tracking::{self, FrameTracks, Sequence, TrackedBox, TrackingScores};

use crate::{CameraRecord, Cameras, Line, Results};

/// Classes of the simulated scenes, by id.
const CLASSES: [&str; 4] = ["person", "bicycle", "car", "truck"];
/// A capture time is off by this much at most: sender reports are exact to a tick of 1/90000 s.
const CLOCK_NANOS: i64 = 1_000_000;

/// How good the results are.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Average precision, each camera's frames against its truth.
    pub detection: DetectionScores,
    /// Identities over time.
    pub tracking: TrackingScores,
}

/// The number of the frame that was captured then.
///
/// # Panics
/// If none was.
#[must_use]
pub fn frame_of(line: &Line, camera: &CameraRecord) -> usize {
    let t0 = camera.t0_unix_nanos.expect("the camera has started");
    let elapsed = line.captured_unix_nanos - t0;
    let frame = (elapsed as f64 / 1e9 * camera.fps).round();
    let exact = (frame / camera.fps * 1e9).round() as i64;
    assert!(
        frame >= 0.0 && (elapsed - exact).abs() <= CLOCK_NANOS,
        "camera '{}' frame {frame}: captured {elapsed} ns after frame 0, expected {exact}",
        camera.id
    );
    frame as usize
}

/// Scores the results of all cameras, over all frames of their scenes.
///
/// # Panics
/// If a line belongs to no frame, or two to the same.
#[must_use]
pub fn score(cameras: &Cameras, results: &Results) -> Score {
    let (mut truths, mut detections, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    for camera in cameras.records() {
        let truth = cameras.truth(&camera.id);
        let mut found = vec![FrameDetections::default(); truth.len()];
        let mut tracks = vec![FrameTracks::default(); truth.len()];
        let mut seen = BTreeSet::new();
        for line in results.lines_of(&camera.id) {
            let frame = frame_of(line, &camera);
            assert!(
                frame < truth.len() && seen.insert(frame),
                "camera '{}': frame {frame} is there twice or beyond the {} of the scene",
                camera.id,
                truth.len()
            );
            found[frame].detections = boxes(line);
            tracks[frame].objects = tracked(line);
        }
        truths.extend(truth.iter().cloned());
        detections.extend(found);
        sequences.push(Sequence { truth, tracks });
    }
    Score {
        detection: detection::evaluate(&truths, &detections).expect("boxes are finite"),
        tracking: tracking::evaluate(&sequences).expect("track ids are unique in a frame"),
    }
}

fn boxes(line: &Line) -> Vec<Detection> {
    (0..line.boxes.len())
        .map(|index| {
            let class_id = line.class_ids[index];
            assert_eq!(line.labels[index], CLASSES[class_id as usize]);
            Detection {
                bbox: line.boxes[index],
                score: line.scores[index],
                class_id,
            }
        })
        .collect()
}

fn tracked(line: &Line) -> Vec<TrackedBox> {
    (0..line.boxes.len())
        .filter_map(|index| {
            Some(TrackedBox {
                track_id: line.track_ids[index]?,
                class_id: line.class_ids[index],
                bbox: line.boxes[index].map(f64::from),
            })
        })
        .collect()
}
