//! What a run has detected, with the truth of its simulated cameras.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use camweave_camera_sim::scene;
use camweave_vision::Detection;
use camweave_vision::metrics::{FrameTruth, TruthObject};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clip::{Clip, Frame};

/// A line of a sink's `detections.jsonl`.
#[derive(Debug, Deserialize)]
struct Line {
    camera: String,
    captured_unix_nanos: i64,
    boxes: Vec<[f32; 4]>,
    scores: Vec<f32>,
    class_ids: Vec<u32>,
}

/// A camera of the record that `camera-sim serve --record` writes.
#[derive(Debug, Deserialize)]
struct Camera {
    id: String,
    fps: f64,
    t0_unix_nanos: Option<i64>,
    frames_in_clip: u64,
}

/// A clip of each camera that has a truth, of the frames that were detected.
pub fn clips(detections: &Path, record: &Path) -> Result<Vec<Clip>> {
    let lines: Vec<Line> = read_lines(detections)?;
    let path = record.join("cameras.json");
    let read = || format!("cannot read '{}'", path.display());
    let text = std::fs::read_to_string(&path).with_context(read)?;
    let cameras: Vec<Camera> = serde_json::from_str(&text).with_context(read)?;
    let mut clips = Vec::new();
    for camera in cameras {
        let path = record.join(format!("{}.truth.jsonl", camera.id));
        let Some(t0) = camera.t0_unix_nanos.filter(|_| path.is_file()) else {
            continue;
        };
        let truth: Vec<scene::FrameTruth> = read_lines(&path)?;
        // By number, so in the order of capture.
        let mut frames = BTreeMap::new();
        for line in lines.iter().filter(|line| line.camera == camera.id) {
            let seconds = (line.captured_unix_nanos - t0) as f64 / 1e9;
            let number = (seconds * camera.fps).round().max(0.0) as u64;
            let in_clip = (number % camera.frames_in_clip.max(1)) as usize;
            if let Some(truth) = truth.get(in_clip) {
                frames.insert(number, frame(seconds, truth, line));
            }
        }
        clips.push(Clip {
            fps: camera.fps,
            frames: frames.into_values().collect(),
        });
    }
    Ok(clips)
}

fn frame(seconds: f64, truth: &scene::FrameTruth, line: &Line) -> Frame {
    let objects = truth.objects.iter().map(|object| TruthObject {
        track_id: u64::from(object.track_id),
        class_id: object.class_id,
        bbox: object.bbox.map(f64::from),
        ignore: object.ignore,
    });
    let boxes = line.boxes.iter().zip(&line.scores).zip(&line.class_ids);
    Frame {
        seconds,
        truth: FrameTruth {
            objects: objects.collect(),
        },
        boxes: boxes
            .map(|((bbox, score), class_id)| Detection {
                bbox: *bbox,
                score: *score,
                class_id: *class_id,
            })
            .collect(),
    }
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let read = || format!("cannot read '{}'", path.display());
    let text = std::fs::read_to_string(path).with_context(read)?;
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().with_context(read)
}
