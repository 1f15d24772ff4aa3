//! `summary.json`: what the run delivered, and where each frame that it did not deliver went.

use std::collections::BTreeMap;

use camweave_message::limits::MAX_STAGES;
use camweave_message::{Detections, Selection};
use camweave_telemetry::{
    CameraCounters, Histogram, MAX_CAMERAS, OTHERS, Percentiles, StageReport,
};
use serde::{Deserialize, Serialize};

use crate::account::{Moment, Way};

/// Kinds of stage that decode.
const DECODERS: [&str; 2] = ["sw-decode", "nvdec"];

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
    /// Frames that a stage dropped, by `stage.reason`.
    pub dropped: BTreeMap<String, u64>,
    /// Frames that a process took along when it died, or that were on the way to it, by stage.
    #[serde(default)]
    pub lost: BTreeMap<String, u64>,
    /// Frames that are somewhere between source and sink; none at the end of the run.
    #[serde(default)]
    pub under_way: u64,
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

/// Whether a key of [`CameraSummary::dropped`] says that the user wanted the frames left out.
pub(crate) fn is_not_selected(key: &str) -> bool {
    key.rsplit_once('.')
        .is_some_and(|(_, reason)| reason == Selection::REASON)
}

impl CameraSummary {
    /// Frames that were left out because the user wants it so.
    #[must_use]
    pub fn not_selected(&self) -> u64 {
        let reasons = self.dropped.iter();
        let chosen = reasons.filter(|(key, _)| is_not_selected(key));
        chosen.map(|(_, count)| count).sum()
    }

    /// Frames that were dropped for all other reasons.
    #[must_use]
    pub fn dropped_unasked(&self) -> u64 {
        self.dropped.values().sum::<u64>() - self.not_selected()
    }
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
        let span = self.last_unix_nanos.saturating_sub(first) as f64 / 1e9;
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
        let id = &*row.id.camera;
        let is_apart = self.cameras.len() < MAX_CAMERAS || self.cameras.contains_key(id);
        let id = if is_apart { id } else { OTHERS };
        let camera = self.cameras.entry(id.to_owned()).or_default();
        camera.detected += 1;
        camera.first_unix_nanos.get_or_insert(now_unix_nanos);
        camera.last_unix_nanos = now_unix_nanos;
        camera
            .latency
            .record(now_unix_nanos.saturating_sub(row.id.captured_unix_nanos));
        let mut after = 0;
        for pass in row.trace.0.iter().filter(|pass| pass.leave_nanos > 0) {
            let known = self
                .stages
                .iter()
                .position(|(name, _)| **name == *pass.stage);
            // A stage that is met late takes its place behind the one before it.
            let index = match known {
                Some(index) => index,
                // Names come from other processes.
                None if self.stages.len() >= MAX_STAGES => continue,
                None => {
                    let stage = (pass.stage.to_string(), Histogram::default());
                    self.stages.insert(after, stage);
                    after
                }
            };
            self.stages[index]
                .1
                .record(pass.leave_nanos.saturating_sub(pass.enter_nanos));
            after = index + 1;
        }
    }

    /// The summary, with what the stages' reports count. `own` is the sink's own report, which
    /// also counts what an earlier process of this node saw. It was made before the others were
    /// read: so no frame is detected that no source has received.
    #[must_use]
    pub fn summary(&self, reports: &[StageReport], own: &StageReport, moment: Moment) -> Summary {
        let way = Way::to(own, reports);
        let mut ids = way.cameras();
        ids.extend(self.cameras.keys().map(String::as_str));
        ids.sort_unstable();
        ids.dedup();
        let nobody = Camera::default();
        let cameras: Vec<CameraSummary> = ids
            .into_iter()
            .map(|id| {
                let camera = self.cameras.get(id).unwrap_or(&nobody);
                let account = way.account(id, moment);
                let decoders = way.upstream().iter();
                let decoders = decoders.filter(|it| DECODERS.contains(&it.kind.as_str()));
                let decoded = decoders.filter_map(|it| it.cameras.get(id));
                let mut states = way.sources().filter_map(|it| it.cameras.get(id));
                CameraSummary {
                    id: id.to_owned(),
                    frames_sent: account.sent,
                    frames_decoded: decoded.map(|it| it.sent).sum(),
                    frames_detected: account.detected,
                    dropped: account.dropped,
                    lost: account.lost,
                    under_way: account.under_way,
                    fps: camera.fps(),
                    latency_ms: camera.latency.percentiles().unwrap_or_default(),
                    state: states.find_map(|it| it.state.clone()),
                    errors: errors(reports, id),
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
            .map_or(0.0, |(first, last)| last.saturating_sub(first) as f64 / 1e9);
        Summary {
            topology: None,
            seconds,
            // The sum of nothing is -0.
            // A camera that was removed while the graph ran gives no more frames.
            combined_fps: cameras
                .iter()
                .filter(|camera| camera.state.as_deref() != Some("removed"))
                .map(|camera| camera.fps)
                .sum::<f64>()
                + 0.0,
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

/// A camera's errors of all stages, by `stage.kind`.
fn errors(reports: &[StageReport], camera: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for report in reports {
        let errors = report
            .cameras
            .get(camera)
            .map(|it: &CameraCounters| &it.errors);
        for (name, count) in errors.into_iter().flatten() {
            let name = format!("{}.{name}", report.stage);
            *counts.entry(name).or_default() += count;
        }
    }
    counts
}

/// 0 where every frame that was sent was detected, dropped under a named reason, lost in a named
/// stage, or is under way; otherwise how many are missing (or, below zero, counted twice).
#[must_use]
pub fn accounted(camera: &CameraSummary) -> i64 {
    let dropped: u64 = camera.dropped.values().sum();
    let lost: u64 = camera.lost.values().sum();
    let known = camera.frames_detected + dropped + lost + camera.under_way;
    i64::try_from(camera.frames_sent).unwrap_or(i64::MAX) - i64::try_from(known).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
