use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Run;

/// Frames per second of a live camera.
pub(super) const CAMERA_FPS: f64 = 30.0;

/// Memory at one moment of a long run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, by the wall clock.
    pub unix_seconds: f64,
    /// Of all processes together.
    pub host_mib: Option<f64>,
    /// By node; `dora` is the daemon.
    #[serde(default)]
    pub processes_mib: BTreeMap<String, f64>,
    /// In use on the device, where a driver says it.
    pub device_mib: Option<f64>,
}

/// A kernel's time, of `kernels --json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Kernel {
    /// Its name.
    pub kernel: String,
    /// Of which frames or heads.
    pub what: String,
    /// So many at once.
    pub batch: u32,
    /// Time of a batch.
    pub median_ms: f64,
}

/// The decoder alone, of `decode --json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Decoded {
    /// What was decoded; its ending is the codec.
    pub file: String,
    /// So many at once.
    pub streams: u32,
    /// Of all streams.
    pub frames_per_second: f64,
    /// Use of the decoders, where the driver says it.
    pub decoder_percent: Option<f64>,
    /// Clock of the decoders, where the driver says it.
    pub video_clock_mhz: Option<f64>,
    /// CPU time per frame.
    pub cpu_ms: f64,
    /// Memory of the device per stream.
    pub memory_mib: f64,
}

/// TensorRT alone, of `engine --json`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Engine {
    /// By batch.
    pub rows: Vec<EngineRow>,
}

/// One size of batches.
#[derive(Debug, Clone, Deserialize)]
pub struct EngineRow {
    /// Frames.
    pub batch: u32,
    /// Time of a batch that is enqueued.
    pub enqueue_ms: f64,
    /// The same as a CUDA graph.
    pub graph_ms: Option<f64>,
    /// The better one of both.
    pub frames_per_second: f64,
}

/// What a benchmark or comparison of graphs has left.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Record {
    /// Of a comparison: the graphs' files.
    #[serde(default)]
    pub graphs: Vec<String>,
    /// The runs; `graph` is the number of a graph or setting.
    #[serde(default)]
    pub runs: Vec<Run>,
}

impl Record {
    /// The runs of a graph that are whole; with none of them, nothing can be said.
    pub(super) fn whole(&self, graph: usize) -> Vec<&Run> {
        let runs = self.runs.iter().filter(|run| run.graph == graph);
        runs.filter(|run| run.partial.is_none()).collect()
    }

    /// The whole runs of each graph or setting that has any.
    pub(super) fn settings(&self) -> BTreeMap<usize, Vec<&Run>> {
        let mut found: BTreeMap<usize, Vec<&Run>> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.partial.is_none()) {
            found.entry(run.graph).or_default().push(run);
        }
        found
    }
}

/// All that has been measured so far.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// `kernels.json`.
    pub kernels: Vec<Kernel>,
    /// `decode.json`.
    pub decode: Vec<Decoded>,
    /// `engine.json`.
    pub engine: Engine,
    /// `many-NAME/summary.json`, by name.
    pub many: BTreeMap<String, Record>,
    /// `NAME/bench-fps.json`, by name.
    pub bench: BTreeMap<String, Record>,
    /// `long-memory.json`.
    pub memory: Vec<Sample>,
}

impl Figures {
    pub(super) fn decoded(&self, codec: &str) -> impl Iterator<Item = &Decoded> {
        self.decode
            .iter()
            .filter(move |it| it.file.ends_with(codec))
    }

    /// The best rate of a codec, of all numbers of streams or of one.
    pub(super) fn decode_rate(&self, codec: &str, streams: Option<u32>) -> Option<f64> {
        let rows = self.decoded(codec);
        let rows = rows.filter(|row| streams.is_none_or(|streams| row.streams == streams));
        rows.map(|row| row.frames_per_second).reduce(f64::max)
    }

    pub(super) fn engine_rate(&self) -> Option<f64> {
        let rows = self.engine.rows.iter();
        rows.map(|row| row.frames_per_second).reduce(f64::max)
    }

    /// The slower one of decoder and engine, in words and frames per second.
    pub(super) fn limit(&self, codec: &str) -> (&'static str, Option<f64>) {
        match (self.decode_rate(codec, None), self.engine_rate()) {
            (Some(decode), Some(engine)) if decode <= engine => ("the decoder alone", Some(decode)),
            (Some(_), Some(engine)) => ("the engine alone", Some(engine)),
            _ => ("min(decoder alone, engine alone)", None),
        }
    }
}

/// `None` of no values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), it| (sum + it, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
