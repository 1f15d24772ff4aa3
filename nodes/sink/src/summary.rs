//! `summary.json`: what the run delivered, and where each frame that it did not deliver went.

use std::collections::BTreeMap;

use camweave_message::Detections;
use camweave_telemetry::{Histogram, Percentiles, StageReport};
use serde::{Deserialize, Serialize};

/// Percentiles of one stage, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Millis {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// One camera's part of the summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraSummary {
    /// The camera's id.
    pub id: String,
    /// Frames that the camera sent, as far as the writer of the summary knows:
    /// what the source received, or what a simulated camera put on the wire.
    pub frames_sent: u64,
    /// Frames that a decoder gave out.
    pub frames_decoded: u64,
    /// Frames whose detections reached the sink.
    pub frames_detected: u64,
    /// Frames that did not, by `stage.reason`.
    pub dropped: BTreeMap<String, u64>,
    /// Detected frames per second, from the first to the last.
    pub fps: f64,
    /// From capture (by the camera's clock where it sends one) to the sink.
    pub latency_ms: Percentiles,
    /// What the source says of the camera at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Errors of all stages, by `stage.kind`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
}

/// One stage's time per frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// The node's id in the graph.
    pub stage: String,
    /// From a frame's arrival at the stage to its departure.
    pub ms: Millis,
}

/// The whole of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The graph's topology, where the writer knows it.
    pub topology: Option<String>,
    /// From the first to the last detected frame.
    pub seconds: f64,
    /// By camera, in the order of their ids.
    pub cameras: Vec<CameraSummary>,
    /// Detected frames per second of all cameras.
    pub combined_fps: f64,
    /// In the order of the data's way.
    pub stages: Vec<StageSummary>,
    /// Against ground truth, where there is one.
    pub accuracy: Option<serde_json::Value>,
    /// Results that could not be written, by `stage.output`.
    #[serde(default)]
    pub not_written: BTreeMap<String, u64>,
    /// What the stages say of themselves, such as the engine in use, by `stage.fact`.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Camera {
    detected: u64,
    first_unix_nanos: Option<i64>,
    last_unix_nanos: i64,
    latency: Histogram,
}

impl Camera {
    fn fps(&self) -> f64 {
        let Some(first) = self.first_unix_nanos else {
            return 0.0;
        };
        let span = (self.last_unix_nanos - first) as f64 / 1e9;
        // n frames span n - 1 periods.
        if span > 0.0 {
            (self.detected.saturating_sub(1)) as f64 / span
        } else {
            0.0
        }
    }
}

/// Collects what reaches the sink.
#[derive(Debug, Default)]
pub struct Collector {
    cameras: BTreeMap<String, Camera>,
    stages: Vec<(String, Histogram)>,
}

impl Collector {
    /// Adds one frame's detections that reached the sink at `now_unix_nanos`.
    pub fn add(&mut self, row: &Detections, now_unix_nanos: i64) {
        let camera = self.cameras.entry(row.id.camera.to_string()).or_default();
        camera.detected += 1;
        camera.first_unix_nanos.get_or_insert(now_unix_nanos);
        camera.last_unix_nanos = now_unix_nanos;
        camera
            .latency
            .record(now_unix_nanos - row.id.captured_unix_nanos);
        let mut after = 0;
        for pass in row.trace.0.iter().filter(|pass| pass.leave_nanos > 0) {
            let known = self
                .stages
                .iter()
                .position(|(name, _)| **name == *pass.stage);
            // A stage that is met late takes its place behind the one before it.
            let index = known.unwrap_or_else(|| {
                self.stages
                    .insert(after, (pass.stage.to_string(), Histogram::default()));
                after
            });
            self.stages[index]
                .1
                .record(pass.leave_nanos - pass.enter_nanos);
            after = index + 1;
        }
    }

    /// The summary, with the drops that the stages' reports count. `own` is the sink's own
    /// report, which also counts what an earlier process of this node saw.
    #[must_use]
    pub fn summary(&self, reports: &[StageReport], own: &StageReport) -> Summary {
        let mut ids: Vec<&String> = self.cameras.keys().collect();
        ids.extend(reports.iter().flat_map(|report| report.cameras.keys()));
        ids.sort();
        ids.dedup();
        let nobody = Camera::default();
        let cameras: Vec<CameraSummary> = ids
            .into_iter()
            .map(|id| {
                let camera = self.cameras.get(id).unwrap_or(&nobody);
                let by_kind = |wanted: &[&str]| {
                    let of_kind = reports
                        .iter()
                        .filter(|it| wanted.contains(&it.kind.as_str()));
                    of_kind
                        .filter_map(|it| it.cameras.get(id))
                        .collect::<Vec<_>>()
                };
                let sources = by_kind(&["rtsp-source", "file-source"]);
                let decoders = by_kind(&["sw-decode", "nvdec"]);
                CameraSummary {
                    id: id.clone(),
                    frames_sent: sources.iter().map(|it| it.received).sum(),
                    frames_decoded: decoders.iter().map(|it| it.sent).sum(),
                    frames_detected: own.cameras.get(id).map_or(0, |own| own.sent),
                    dropped: dropped_by_stage(reports, id),
                    fps: camera.fps(),
                    latency_ms: camera.latency.percentiles().unwrap_or_default(),
                    state: sources.iter().find_map(|it| it.state.clone()),
                    errors: counted(reports, id, |camera| &camera.errors),
                }
            })
            .collect();
        let first = self
            .cameras
            .values()
            .filter_map(|camera| camera.first_unix_nanos)
            .min();
        let last = self
            .cameras
            .values()
            .map(|camera| camera.last_unix_nanos)
            .max();
        let seconds = first
            .zip(last)
            .map_or(0.0, |(first, last)| (last - first) as f64 / 1e9);
        Summary {
            topology: None,
            seconds,
            // The sum of nothing is -0.
            combined_fps: cameras.iter().map(|camera| camera.fps).sum::<f64>() + 0.0,
            cameras,
            stages: self
                .stages
                .iter()
                .map(|(stage, times)| stage_summary(stage, times))
                .collect(),
            accuracy: None,
            not_written: not_written(reports, own),
            facts: reports
                .iter()
                .flat_map(|report| {
                    let stage = &report.stage;
                    report
                        .facts
                        .iter()
                        .map(move |(k, v)| (format!("{stage}.{k}"), v.clone()))
                })
                .collect(),
        }
    }
}

/// The sink's own report is newer than the one in its file.
fn not_written(reports: &[StageReport], own: &StageReport) -> BTreeMap<String, u64> {
    let others = reports.iter().filter(|report| report.stage != own.stage);
    let all = others.chain([own]).flat_map(|report| {
        let counts = report.not_written.iter();
        counts.map(|(output, count)| (format!("{}.{output}", report.stage), *count))
    });
    all.collect()
}

fn stage_summary(stage: &str, times: &Histogram) -> StageSummary {
    let found = times.percentiles().unwrap_or_default();
    StageSummary {
        stage: stage.to_owned(),
        ms: Millis {
            p50: found.p50,
            p99: found.p99,
        },
    }
}

fn counted(
    reports: &[StageReport],
    camera: &str,
    of: impl Fn(&camweave_telemetry::CameraCounters) -> &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for report in reports {
        if let Some(camera) = report.cameras.get(camera) {
            for (name, count) in of(camera) {
                *counts
                    .entry(format!("{}.{name}", report.stage))
                    .or_default() += count;
            }
        }
    }
    counts
}

/// A camera's drops of all stages, as `stage.reason`.
#[must_use]
pub fn dropped_by_stage(reports: &[StageReport], camera: &str) -> BTreeMap<String, u64> {
    counted(reports, camera, |camera| &camera.dropped)
}

/// Whether every frame that was sent was detected or dropped under a named reason;
/// otherwise how many are missing (or, below zero, counted twice).
#[must_use]
pub fn accounted(camera: &CameraSummary) -> i64 {
    let dropped: u64 = camera.dropped.values().sum();
    i64::try_from(camera.frames_sent).unwrap_or(i64::MAX)
        - i64::try_from(camera.frames_detected + dropped).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
