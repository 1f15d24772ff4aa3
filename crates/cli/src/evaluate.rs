//! Detections and tracks against the ground truth of simulated cameras.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use camweave_camera_sim::scene::CLASS_NAMES;
use camweave_runner::read_record;
use camweave_sink::DetectionLine;
use camweave_stage::Exit;
use camweave_vision::Detection;
use camweave_vision::metrics::FrameTruth;
use camweave_vision::metrics::detection::{
    self, ClassScores, DetectionScores, FrameDetections, SizeScores,
};
use camweave_vision::metrics::tracking::{self, FrameTracks, Sequence, TrackedBox};
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::say::say;

/// The scores in `summary.json`, each 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Average precision at IoU 0.50, mean over classes.
    pub ap50: Option<f64>,
    /// Mean over IoU 0.50 to 0.95.
    pub ap50_95: Option<f64>,
    /// Higher order tracking accuracy.
    pub hota: Option<f64>,
    /// Its part for detection.
    pub det_a: Option<f64>,
    /// Its part for association.
    pub ass_a: Option<f64>,
    /// Identity F1 of the tracks.
    pub idf1: Option<f64>,
    /// CLEAR MOT accuracy of the tracks.
    pub mota: Option<f64>,
    /// Frames that were compared: those that were detected.
    pub frames: usize,
    /// Of each class that the frames have.
    pub classes: Vec<ClassAccuracy>,
}

/// Average precision of one class; of a size, over IoU 0.50 to 0.95, and none without such objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAccuracy {
    /// The class, or 'all'.
    pub class: String,
    /// Objects to be found, counted in each frame.
    pub objects: usize,
    /// At IoU 0.50.
    pub ap50: f64,
    /// Mean over IoU 0.50 to 0.95.
    pub ap50_95: f64,
    /// Of objects of at most 32 x 32 pixels.
    pub small: Option<f64>,
    /// Of objects between.
    pub medium: Option<f64>,
    /// Of objects of at least 96 x 96 pixels.
    pub large: Option<f64>,
}

fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, CliError> {
    let file = fs::File::open(path).map_err(|error| CliError::file("read", path, &error))?;
    let mut rows = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| CliError::file("read", path, &error))?;
        rows.push(serde_json::from_str(&line).map_err(|error| {
            CliError::new(
                Exit::Input,
                format!("'{}', line {}: {error}", path.display(), index + 1),
            )
        })?);
    }
    Ok(rows)
}

/// Scores `detections` against the truth in `record`; `None` where the cameras have no truth (media files).
///
/// A frame is found again by its capture time, which the cameras' sender reports carry.
pub fn score(detections: &Path, record: &Path) -> Result<Option<Accuracy>, CliError> {
    let lines: Vec<DetectionLine> = read_lines(detections)?;
    let mut truths = Vec::new();
    let mut found = Vec::new();
    let mut sequences = Vec::new();
    for camera in read_record(record)? {
        let path = record.join(format!("{}.truth.jsonl", camera.id));
        let Some(t0) = camera.t0_unix_nanos.filter(|_| path.is_file()) else {
            continue;
        };
        let truth: Vec<FrameTruth> = read_lines(&path)?;
        let mut frames: BTreeMap<u64, &DetectionLine> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.camera == camera.id) {
            let exact = (line.captured_unix_nanos - t0) as f64 * camera.fps / 1e9;
            let frame = exact.round();
            // Without the camera's clock a frame cannot be told from its neighbours.
            if frame >= 0.0 && (exact - frame).abs() < 0.05 {
                frames.insert(frame as u64, line);
            }
        }
        let mut sequence = Sequence {
            truth: Vec::new(),
            tracks: Vec::new(),
        };
        for (frame, line) in frames {
            let index = usize::try_from(frame % camera.frames_in_clip.max(1)).unwrap_or(usize::MAX);
            let Some(truth) = truth.get(index) else {
                continue;
            };
            let boxes = Boxes::of(line);
            truths.push(truth.clone());
            found.push(boxes.detections);
            sequence.truth.push(truth.clone());
            sequence.tracks.push(boxes.tracks);
        }
        sequences.push(sequence);
    }
    if truths.is_empty() {
        return Ok(None);
    }
    let scores = |error: camweave_vision::metrics::MetricsError| {
        CliError::new(Exit::Input, format!("'{}': {error}", detections.display()))
    };
    let detected = detection::evaluate(&truths, &found).map_err(scores)?;
    let tracked = tracking::evaluate(&sequences).map_err(scores)?;
    let hota = tracked.hota;
    Ok(Some(Accuracy {
        ap50: detected.ap50,
        ap50_95: detected.ap50_95,
        hota: hota.map(|it| it.hota),
        det_a: hota.map(|it| it.det_a),
        ass_a: hota.map(|it| it.ass_a),
        idf1: tracked.idf1,
        mota: tracked.mota,
        frames: truths.len(),
        classes: classes(&detected),
    }))
}

/// Each class, and all together where there are several.
fn classes(scores: &DetectionScores) -> Vec<ClassAccuracy> {
    let row = |class: &str, objects, (ap50, ap50_95), by_size: SizeScores| ClassAccuracy {
        class: class.to_owned(),
        objects,
        ap50,
        ap50_95,
        small: by_size.small,
        medium: by_size.medium,
        large: by_size.large,
    };
    let of_class = |class: &ClassScores| {
        let name = CLASS_NAMES.get(class.class_id as usize);
        let name = name.copied().unwrap_or("unknown");
        row(
            name,
            class.truths,
            (class.ap50, class.ap50_95),
            class.by_size,
        )
    };
    let mut rows: Vec<ClassAccuracy> = scores.per_class.iter().map(of_class).collect();
    if let (Some(ap50), Some(ap50_95), 2..) = (scores.ap50, scores.ap50_95, rows.len()) {
        let objects = rows.iter().map(|row| row.objects).sum();
        rows.push(row("all", objects, (ap50, ap50_95), scores.by_size));
    }
    rows
}

struct Boxes {
    detections: FrameDetections,
    tracks: FrameTracks,
}

impl Boxes {
    /// The boxes of classes that the scenes have; a model may know more.
    fn of(line: &DetectionLine) -> Self {
        let classes: HashMap<&str, u32> = CLASS_NAMES
            .iter()
            .zip(0..)
            .map(|(name, id)| (*name, id))
            .collect();
        let mut boxes = Self {
            detections: FrameDetections {
                detections: Vec::new(),
            },
            tracks: FrameTracks {
                objects: Vec::new(),
            },
        };
        let parts = line
            .boxes
            .iter()
            .zip(&line.scores)
            .zip(&line.labels)
            .zip(&line.track_ids);
        for (((bbox, score), label), track) in parts {
            let Some(class_id) = classes.get(label.as_str()).copied() else {
                continue;
            };
            boxes.detections.detections.push(Detection {
                bbox: *bbox,
                score: *score,
                class_id,
            });
            if let Some(track_id) = *track {
                let bbox = bbox.map(f64::from);
                boxes.tracks.objects.push(TrackedBox {
                    track_id,
                    class_id,
                    bbox,
                });
            }
        }
        boxes
    }
}

/// `camweave evaluate`.
pub fn show(detections: &Path, record: &Path) -> Result<Exit, CliError> {
    let accuracy = score(detections, record)?.ok_or_else(|| {
        CliError::new(
            Exit::Input,
            format!(
                "no frame of '{}' is one of the record '{}' that has truth",
                detections.display(),
                record.display()
            ),
        )
    })?;
    say!("{}", describe(&accuracy));
    say!("{}", by_class(&accuracy.classes));
    Ok(Exit::Success)
}

fn text(score: Option<f64>) -> String {
    score.map_or("none".to_owned(), |score| format!("{score:.3}"))
}

/// A table of the classes.
fn by_class(classes: &[ClassAccuracy]) -> String {
    let line = |name: &str, cells: [&str; 6]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        format!("{name:<10}{cells}")
    };
    let head = line(
        "class",
        ["objects", "AP50", "AP50-95", "small", "medium", "large"],
    );
    let rows = classes.iter().map(|row| {
        let [ap50, ap50_95] = [row.ap50, row.ap50_95].map(|ap| text(Some(ap)));
        let [small, medium, large] = [row.small, row.medium, row.large].map(text);
        let objects = row.objects.to_string();
        line(
            &row.class,
            [&objects, &ap50, &ap50_95, &small, &medium, &large],
        )
    });
    let lines: Vec<String> = std::iter::once(head).chain(rows).collect();
    lines.join("\n")
}

/// The scores in one line.
pub fn describe(accuracy: &Accuracy) -> String {
    format!(
        "AP50 {}  AP50-95 {}  HOTA {}  IDF1 {}  MOTA {}  ({} frames)",
        text(accuracy.ap50),
        text(accuracy.ap50_95),
        text(accuracy.hota),
        text(accuracy.idf1),
        text(accuracy.mota),
        accuracy.frames
    )
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
