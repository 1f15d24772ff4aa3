//! The pipeline, in a closed loop over files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use camweave_runner::graph::{Graph, Input, Node};
use camweave_runner::{Dataflow, Launch, Snapshot};
use camweave_sink::DetectionLine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Workload;

/// Until the first detections: all processes start, and the model is opened.
const START_AT_MOST: Duration = Duration::from_secs(60);

/// What the pipeline did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pipeline {
    /// Detected frames per second of all cameras.
    pub fps: f64,
    /// Frames of one message at the sink, on average.
    pub batch: f64,
    /// CPU time per frame by stage, in milliseconds; `dora` is the daemon.
    pub cpu_ms: BTreeMap<String, f64>,
    /// Cores that other processes of the machine kept busy meanwhile.
    pub other_cores: f64,
    /// Dropped frames by `stage.reason`: with a closed loop there should be none.
    pub dropped: BTreeMap<String, u64>,
}

/// Graph and results lie in `folder`, which is this run's alone.
pub fn measure(
    workload: &Workload,
    bin: &Path,
    window: u32,
    tracker: bool,
    folder: &Path,
) -> Result<Pipeline> {
    let out = folder.join("out");
    let launch = Launch {
        graph: folder.join("graph.yml"),
        log: folder.join("dora.log"),
        stats: folder.join("stats"),
        ..Launch::default()
    };
    graph(workload, bin, window, tracker, &out)?.write(&launch.graph)?;
    let mut running = Dataflow::start(&launch)?;
    let lines = out.join("detections.jsonl");
    running.wait_for("the first detection", START_AT_MOST, || {
        fs::metadata(&lines).ok().filter(|file| file.len() > 0)
    })?;
    std::thread::sleep(Duration::from_secs_f64(workload.warm_up));
    let dora = running.process_id();
    let look = || Snapshot::take_with_beside(&launch.stats, dora);
    let begin = look();
    std::thread::sleep(Duration::from_secs_f64(workload.seconds));
    let end = look();
    if let Some(trouble) = end.trouble_since(&begin) {
        bail!("{trouble}");
    }
    // The sink's last lines are written when it ends.
    drop(running);
    let text = fs::read_to_string(&lines)?;
    let times = text
        .lines()
        .map(|line| Ok(serde_json::from_str::<DetectionLine>(line)?.detected_unix_nanos))
        .collect::<Result<Vec<i64>>>()?;
    let times: Vec<i64> = times
        .into_iter()
        .filter(|time| (begin.unix_nanos..end.unix_nanos).contains(time))
        .collect();
    let (fps, batch) = rate(&times).context("fewer than two messages in the measurement")?;
    let frames = times.len() as f64;
    let cpu_ms = end.cpu_ms_since(&begin).into_iter();
    let (dropped, _) = end.dropped_since(&Snapshot::default());
    Ok(Pipeline {
        fps,
        batch,
        cpu_ms: cpu_ms.map(|(stage, ms)| (stage, ms / frames)).collect(),
        other_cores: end.other_cores_since(&begin),
        dropped,
    })
}

/// Frames per second and frames per message, of times in order: rows of one message share theirs.
fn rate(times: &[i64]) -> Option<(f64, f64)> {
    let (first, last) = (*times.first()?, *times.last()?);
    let of_first = times.iter().filter(|time| **time == first).count();
    let messages = times.chunk_by(|a, b| a == b).count();
    // The first message only begins the time.
    let counted = times.len() - of_first;
    (last > first).then(|| {
        let fps = counted as f64 / ((last - first) as f64 / 1e9);
        (fps, times.len() as f64 / messages as f64)
    })
}

/// A node between its neighbours in a line, with its own settings.
fn node(
    bin: &Path,
    (id, binary): (&str, &str),
    input: &str,
    env: Vec<(&str, Value)>,
) -> Result<Node> {
    let env = env.into_iter();
    Ok(Node {
        id: id.to_owned(),
        path: absolute(&bin.join(binary))?,
        inputs: [("in".to_owned(), Input::lossless(input))].into(),
        outputs: vec!["out".to_owned()],
        env: env.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Node::default()
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("'{}'", path.display()))
}

fn graph(workload: &Workload, bin: &Path, window: u32, tracker: bool, out: &Path) -> Result<Graph> {
    let mut files = Vec::new();
    for (index, clip) in workload.clips.iter().enumerate() {
        let clip = absolute(clip)?.display().to_string();
        if clip.contains(',') {
            bail!("clip '{clip}': expected a path without commas");
        }
        files.push(format!("cam{}={clip}", index + 1));
    }
    let model = absolute(&workload.model)?.display().to_string();
    let per_clip = usize::from(workload.batch).div_ceil(workload.clips.len());
    // Long enough that nothing is dropped: the loop is closed, so nothing needs to be.
    const PATIENCE_MS: u32 = 30_000;
    let last = if tracker { "track/out" } else { "nms/out" };
    let source = vec![
        ("FILES", files.join(",").into()),
        ("PACE", "fast".into()),
        ("LOOP", 0.into()),
        ("WINDOW", window.into()),
        ("RETURN_TIMEOUT_MS", PATIENCE_MS.into()),
    ];
    let batcher = vec![
        ("MAX_BATCH", workload.batch.into()),
        ("MAX_PER_SOURCE", per_clip.into()),
    ];
    let infer = vec![
        ("MODEL", model.into()),
        ("ENGINE", workload.engine.clone().into()),
        ("THREADS", workload.threads.into()),
        ("MAX_WAIT_MS", PATIENCE_MS.into()),
        ("QUEUE", 64.into()),
        ("MAX_BATCH", workload.batch.into()),
        ("HEAD_SLOTS", 256.into()),
    ];
    let sink = vec![
        ("OUT", out.display().to_string().into()),
        ("SNAPSHOT_EVERY_MS", 0.into()),
        ("TABLE_EVERY_MS", 0.into()),
    ];
    let mut nodes = vec![
        node(bin, ("files", "file-source"), last, source)?,
        node(bin, ("decode", "sw-decode"), "files/out", vec![])?,
        node(bin, ("batch", "batcher"), "decode/out", batcher)?,
        node(bin, ("infer", "cpu-infer"), "batch/out", infer)?,
        node(bin, ("nms", "cpu-nms"), "infer/out", vec![])?,
    ];
    if tracker {
        nodes.push(node(bin, ("track", "tracker"), "nms/out", vec![])?);
    }
    nodes.push(Node {
        outputs: Vec::new(),
        ..node(bin, ("sink", "sink"), last, sink)?
    });
    Ok(Graph {
        nodes,
        ..Graph::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_begins_the_time() {
        let second = 1_000_000_000;
        let times = [0, 0, second, second, second, 2 * second];
        assert_eq!(rate(&times), Some((2.0, 2.0)));
        assert_eq!(rate(&[5, 5, 5]), None);
        assert_eq!(rate(&[]), None);
    }
}
