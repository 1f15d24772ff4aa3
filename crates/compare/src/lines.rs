//! `detections.jsonl`, as far as a comparison reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::run::{Camera, Passed, Quantiles, Run, Stop};

/// Frames in a run's timeline.
const TIMELINE_FRAMES: usize = 24;

/// One frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// The camera's id.
    pub camera: String,
    /// The frame's number in its session.
    pub sequence: u64,
    /// When the picture was taken.
    pub captured_unix_nanos: i64,
    /// `sender-report`, `arrival` or `file`.
    pub captured_clock: String,
    /// When the detections reached the sink.
    pub detected_unix_nanos: i64,
    /// `[x1, y1, x2, y2]` in pixels of the source image.
    pub boxes: Vec<[f32; 4]>,
    /// 0 to 1.
    pub scores: Vec<f32>,
    /// Class ids of the model.
    pub class_ids: Vec<u32>,
    /// Stage, arrival and departure on the monotonic clock; written with `CAMWEAVE_PASSES=on`.
    #[serde(default)]
    pub passes: Vec<(String, i64, i64)>,
}

/// Reads the file. A last line that was cut off is left out, as of a sink that was killed.
///
/// # Errors
/// The file cannot be read, or a line that is whole is no such line.
pub fn read(path: &Path) -> std::io::Result<Vec<Line>> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut lines = Vec::new();
    let mut text = String::new();
    while reader.read_line(&mut text)? > 0 {
        if !text.ends_with('\n') {
            break;
        }
        let line = serde_json::from_str(&text).map_err(|error| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("line {}: {error}", lines.len() + 1),
            )
        })?;
        lines.push(line);
        text.clear();
    }
    Ok(lines)
}

impl Run {
    /// Fills in what the lines say of the time from `begin` to `end` (Unix nanoseconds at the
    /// sink): frames, rates, latencies, stages and waits, a timeline.
    pub fn add_lines(&mut self, lines: &[Line], begin: i64, end: i64) {
        let inside: Vec<&Line> = lines
            .iter()
            .filter(|line| (begin..end).contains(&line.detected_unix_nanos))
            .collect();
        self.frames = inside.len() as u64;
        let mut by_camera: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in &inside {
            by_camera.entry(&line.camera).or_default().push(line);
        }
        for (id, lines) in &by_camera {
            let times: Vec<i64> = lines.iter().map(|line| line.detected_unix_nanos).collect();
            self.cameras.push(Camera {
                id: (*id).to_owned(),
                frames: lines.len() as u64,
                dropped: 0,
                fps: rate(&times),
                latency_ms: Quantiles::of(latencies(lines)).unwrap_or_default(),
            });
        }
        let times: Vec<i64> = inside.iter().map(|line| line.detected_unix_nanos).collect();
        self.combined_fps = rate(&times);
        let mut latencies = latencies(&inside);
        self.latency_ms = Quantiles::of(latencies.clone()).unwrap_or_default();
        latencies.sort_by(f64::total_cmp);
        self.latency_curve = curve(&latencies);
        self.stops = stops(&inside);
        self.explained = explained(&inside);
        self.timeline = timeline(&inside);
    }
}

/// Frames per second of times at the sink. Frames of one message share a time, and the first
/// message only begins the clock: n messages span n - 1 periods.
fn rate(times: &[i64]) -> f64 {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return 0.0;
    };
    if first == last {
        return 0.0;
    }
    let counted = times.iter().filter(|time| *time != first).count();
    counted as f64 / ((last - first) as f64 / 1e9)
}

fn latencies(lines: &[&Line]) -> Vec<f64> {
    lines
        .iter()
        .map(|line| (line.detected_unix_nanos - line.captured_unix_nanos) as f64 / 1e6)
        .collect()
}

/// The quantiles 0 to 100 % of sorted values.
fn curve(sorted: &[f64]) -> Vec<f64> {
    let Some(last) = sorted.len().checked_sub(1) else {
        return Vec::new();
    };
    (0..=100)
        .map(|percent| sorted[(percent * last + 50) / 100])
        .collect()
}

fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

/// Stages in the data's order, with the waits between.
fn stops(lines: &[&Line]) -> Vec<Stop> {
    let mut order: Vec<&str> = Vec::new();
    let mut times: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for line in lines {
        let mut after = 0;
        let mut left = None;
        for (stage, enter, leave) in &line.passes {
            let known = order.iter().position(|name| name == stage);
            let index = known.unwrap_or_else(|| {
                order.insert(after, stage);
                after
            });
            after = index + 1;
            let (waits, stays) = times.entry(stage).or_default();
            if let Some(left) = left {
                waits.push(millis(enter - left));
            }
            // The last stage of all does not leave.
            if *leave >= *enter {
                stays.push(millis(leave - enter));
            }
            left = Some((*leave).max(*enter));
        }
    }
    order
        .into_iter()
        .map(|stage| {
            let (waits, stays) = times.remove(stage).unwrap_or_default();
            Stop {
                stage: stage.to_owned(),
                wait_ms: Quantiles::of(waits).unwrap_or_default(),
                stage_ms: Quantiles::of(stays).unwrap_or_default(),
            }
        })
        .collect()
}

/// Stage times and waits of all frames, as a share of their time from the source to the sink.
///
/// That sum is counted on the monotonic clock, and the latency by the wall clock from the moment
/// of capture. They mean the same only where the source itself gives the moment of capture, that
/// is for files and where cameras send no clock of their own.
fn explained(lines: &[&Line]) -> Option<f64> {
    let (mut parts, mut whole) = (0.0, 0.0);
    for line in lines {
        let (first, last) = (line.passes.first()?, line.passes.last()?);
        if line.captured_clock == "sender-report" {
            return None;
        }
        parts += millis(last.1.max(last.2) - first.1);
        whole += millis(line.detected_unix_nanos - line.captured_unix_nanos);
    }
    (whole > 0.0).then_some(parts / whole)
}

/// Frames from the middle of the measurement, one behind the other.
fn timeline(lines: &[&Line]) -> Vec<Passed> {
    let from = lines.len().saturating_sub(TIMELINE_FRAMES) / 2;
    let mut chosen: Vec<&&Line> = lines
        .iter()
        .skip(from)
        .take(TIMELINE_FRAMES)
        .filter(|line| !line.passes.is_empty())
        .collect();
    chosen.sort_by_key(|line| line.passes[0].1);
    let Some(begin) = chosen.first().map(|line| line.passes[0].1) else {
        return Vec::new();
    };
    chosen
        .into_iter()
        .map(|line| Passed {
            camera: line.camera.clone(),
            stages: line
                .passes
                .iter()
                .map(|(stage, enter, leave)| {
                    let leave = (*leave).max(*enter);
                    (stage.clone(), millis(enter - begin), millis(leave - begin))
                })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn line(camera: &str, sequence: u64, detected: i64) -> Line {
        Line {
            camera: camera.to_owned(),
            sequence,
            captured_unix_nanos: detected - 10_000_000,
            captured_clock: "file".to_owned(),
            detected_unix_nanos: detected,
            boxes: vec![[0.0, 0.0, 10.0, 10.0]],
            scores: vec![0.5],
            class_ids: vec![1],
            passes: vec![
                (
                    "source".to_owned(),
                    detected - 10_000_000,
                    detected - 9_000_000,
                ),
                (
                    "infer".to_owned(),
                    detected - 8_000_000,
                    detected - 2_000_000,
                ),
                ("sink".to_owned(), detected, 0),
            ],
        }
    }

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn counts_what_lies_inside() {
        let lines: Vec<Line> = (0..20)
            .flat_map(|index| {
                let detected = index * SECOND / 10;
                ["a", "b"].map(|camera| line(camera, index as u64, detected))
            })
            .collect();
        let mut run = Run::default();
        run.add_lines(&lines, SECOND / 2, 3 * SECOND / 2);
        // Ten moments at which two frames came: nine periods of 0.1 s.
        assert_eq!(run.frames, 20);
        assert!((run.combined_fps - 20.0).abs() < 1e-9, "{run:?}");
        assert!((run.cameras[1].fps - 10.0).abs() < 1e-9);
        assert_eq!((run.latency_ms.p50, run.latency_ms.p99), (10.0, 10.0));
        assert_eq!(run.latency_curve.len(), 101);
        let stops: Vec<(&str, f64, f64)> = run
            .stops
            .iter()
            .map(|stop| (&*stop.stage, stop.wait_ms.p50, stop.stage_ms.p50))
            .collect();
        assert_eq!(
            stops,
            [
                ("source", 0.0, 1.0),
                ("infer", 1.0, 6.0),
                ("sink", 2.0, 0.0)
            ]
        );
        // The parts are the whole.
        let parts: f64 = stops.iter().map(|(_, wait, stay)| wait + stay).sum();
        assert_eq!(parts, 10.0);
        assert!((run.explained.expect("known") - 1.0).abs() < 1e-9);
        assert_eq!(run.timeline.len(), 20);
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_a_wrong_one_named() {
        let folder = std::env::temp_dir().join(format!("camweave-lines-{}", std::process::id()));
        let whole = r#"{"camera":"a","sequence":1,"captured_unix_nanos":1,"captured_clock":"file","detected_unix_nanos":2,"boxes":[],"scores":[],"class_ids":[],"passes":[["sink",1,2]]}"#;
        std::fs::write(&folder, format!("{whole}\n{whole}\n{{\"cam")).expect("writable");
        assert_eq!(read(&folder).expect("readable").len(), 2);
        std::fs::write(&folder, format!("{whole}\n{{}}\n")).expect("writable");
        let error = read(&folder).expect_err("not a line").to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::remove_file(&folder).expect("removable");
    }
}
