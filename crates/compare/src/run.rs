//! One run of one graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Spans that hold all that a node does; other spans lie inside these and are shown only.
pub const WORK: [&str; 5] = ["rows", "worker", "decode", "unit", "read"];

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// Arithmetic mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Quantiles {
    /// Of values in any order and unit; `None` if there are none. A percentile is the least
    /// value that so many percent of the values do not exceed (nearest rank).
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |share: f64| {
            let rank = (share * count as f64).ceil().max(1.0) as usize;
            values.get(rank - 1).copied()
        };
        Some(Self {
            mean: values.iter().sum::<f64>() / count.max(1) as f64,
            p50: at(0.50)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
        })
    }
}

/// One camera in a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Camera {
    /// The camera's id.
    pub id: String,
    /// Frames that were detected.
    pub frames: u64,
    /// Frames that were dropped, for any reason.
    pub dropped: u64,
    /// Detected frames per second.
    pub fps: f64,
    /// From capture to the sink.
    pub latency_ms: Quantiles,
}

/// What a node of the graph cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Node {
    /// CPU time per detected frame, user and system, of all its threads, in milliseconds.
    pub cpu_ms: f64,
    /// Largest memory seen, in MiB: the node's own, and its part of what it shares (PSS).
    pub memory_mib: f64,
}

/// Where frames were, on their way: a stage, and the wait before it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stop {
    /// The node's id in the graph.
    pub stage: String,
    /// From leaving the stage before to arriving here.
    pub wait_ms: Quantiles,
    /// From arriving here to leaving; what waits in the stage's own queue is in it.
    pub stage_ms: Quantiles,
}

/// One span of one node: a named piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Span {
    /// Calls.
    pub calls: u64,
    /// Frames that they were for.
    pub frames: u64,
    /// Time per frame, in milliseconds.
    pub busy_ms: f64,
    /// CPU time of the calling thread per frame, in milliseconds, where it was taken.
    pub cpu_ms: Option<f64>,
    /// Of the time per frame; over the whole run, so with the warm-up.
    pub ms_per_frame: Quantiles,
    /// Of what a GPU did under this name, per frame, where that was measured; the quantiles are
    /// of the whole run. A GPU works beside the thread. Where a thread has no span of this name,
    /// all the rest but `calls` and `frames` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_ms: Option<Quantiles>,
}

/// A frame in the timeline: when it was in which stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// The camera's id.
    pub camera: String,
    /// Stage, arrival and departure, in milliseconds since the timeline's begin.
    pub stages: Vec<(String, f64, f64)>,
}

/// Use of a GPU in a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Gpu {
    /// Share of the time in which a kernel ran, 0 to 100.
    pub busy_percent: f64,
    /// Share of the time in which the decoders ran, 0 to 100.
    pub decoder_percent: f64,
    /// Largest memory in use on the device, in MiB.
    pub memory_mib: f64,
}

/// One run of one graph, measured behind its warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Run {
    /// Which graph, counted from 0.
    pub graph: usize,
    /// Its place in the order of all runs, counted from 0. What graphs did in slices of the same
    /// moments has the same place.
    pub place: usize,
    /// Begin of the measurement, behind the warm-up, by the wall clock.
    #[serde(default)]
    pub begin_unix_nanos: i64,
    /// Its end: frames that reached the sink before are in it.
    #[serde(default)]
    pub end_unix_nanos: i64,
    /// Length of the measurement, in seconds.
    pub seconds: f64,
    /// Why the run is not whole; such a run is shown and not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// Detected frames.
    pub frames: u64,
    /// Detected frames per second of all cameras.
    pub combined_fps: f64,
    /// From capture to the sink, of all cameras.
    pub latency_ms: Quantiles,
    /// The latency's quantiles 0, 1, ... 100 %, in milliseconds.
    pub latency_curve: Vec<f64>,
    /// Dropped frames, by `stage.reason`.
    pub dropped: BTreeMap<String, u64>,
    /// By camera.
    pub cameras: Vec<Camera>,
    /// By node id; `dora` is the daemon.
    pub nodes: BTreeMap<String, Node>,
    /// In the order of the data's way.
    pub stops: Vec<Stop>,
    /// Share of the latency that the stages and waits explain, 1 is all; where both are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<f64>,
    /// By node, then by name.
    pub spans: BTreeMap<String, BTreeMap<String, Span>>,
    /// Some frames one behind the other.
    pub timeline: Vec<Passed>,
    /// Where a GPU is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// What the stages said of themselves, such as the engine in use, by `stage.fact`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Cores that other processes of the machine kept busy meanwhile: all that neither the graph
    /// nor the measurement has started.
    pub other_cores: f64,
    /// Why a whole run is not compared: it was disturbed, and was repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<String>,
}

/// Cores that other processes may use beside a run: more disturbs it.
pub const DISTURBING_CORES: f64 = 0.1;

impl Run {
    /// Whether the run is compared with others.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        self.partial.is_none() && self.set_aside.is_none()
    }

    /// Whether other processes used more than [`DISTURBING_CORES`] beside it.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.other_cores > DISTURBING_CORES
    }

    /// How long a stage works on a frame, in milliseconds: the length of the call, or of the GPU's
    /// work, that the frame is in with the others of its batch. `None` without spans.
    #[must_use]
    pub fn work_ms(&self, stage: &str) -> Option<f64> {
        let spans = self.spans.get(stage)?;
        let of_call =
            |span: &Span, per_frame: f64| per_frame * span.frames as f64 / span.calls.max(1) as f64;
        let works = WORK.iter().filter_map(|name| spans.get(*name));
        let call = works
            .map(|span| of_call(span, span.busy_ms))
            .fold(0.0, f64::max);
        let on_gpu = spans
            .values()
            .filter_map(|span| Some(of_call(span, span.gpu_ms?.mean)));
        Some(call.max(on_gpu.sum()))
    }

    /// CPU time per frame of all nodes and dora, in milliseconds.
    #[must_use]
    pub fn cpu_ms(&self) -> f64 {
        self.nodes.values().map(|node| node.cpu_ms).sum()
    }

    /// Largest memory of each node, summed, in MiB.
    #[must_use]
    pub fn memory_mib(&self) -> f64 {
        self.nodes.values().map(|node| node.memory_mib).sum()
    }

    /// Dropped frames of a hundred.
    #[must_use]
    pub fn dropped_percent(&self) -> f64 {
        let dropped: u64 = self.dropped.values().sum();
        let all = dropped + self.frames;
        if all == 0 {
            return 0.0;
        }
        100.0 * dropped as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_the_call_that_a_frame_is_in() {
        let span = |calls: u64, busy_ms: f64, gpu: Option<f64>| Span {
            calls,
            frames: 40,
            busy_ms,
            gpu_ms: gpu.map(|mean| Quantiles {
                mean,
                ..Quantiles::default()
            }),
            ..Span::default()
        };
        let named = |list: &[(&str, Span)]| -> BTreeMap<String, Span> {
            list.iter()
                .map(|(name, span)| ((*name).to_owned(), *span))
                .collect()
        };
        let run = Run {
            spans: BTreeMap::from([
                // The stage hands batches of four to workers, one frame to each.
                (
                    "cpu".to_owned(),
                    named(&[
                        ("rows", span(10, 0.01, None)),
                        ("worker", span(40, 16.0, None)),
                        ("infer", span(40, 15.0, None)),
                    ]),
                ),
                // The thread only launches what the GPU does in batches of eight.
                (
                    "gpu".to_owned(),
                    named(&[
                        ("rows", span(5, 0.1, None)),
                        ("letterbox", span(5, 0.01, Some(0.05))),
                        ("infer", span(5, 0.02, Some(0.25))),
                    ]),
                ),
            ]),
            ..Run::default()
        };
        let work = |stage: &str| run.work_ms(stage).expect("it has spans");
        assert!((work("cpu") - 16.0).abs() < 1e-9);
        assert!((work("gpu") - 8.0 * 0.3).abs() < 1e-9);
        assert_eq!(run.work_ms("somebody's"), None);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let found = Quantiles::of((1..=100).rev().map(f64::from).collect()).expect("values");
        assert_eq!((found.mean, found.p50), (50.5, 50.0));
        assert_eq!((found.p95, found.p99), (95.0, 99.0));
        assert_eq!(Quantiles::of(vec![3.0]).map(|it| it.p99), Some(3.0));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}
