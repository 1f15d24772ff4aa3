//! The pipeline, in a closed loop over files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use camweave_benches::{cpu, graph::Running};
use camweave_sink::DetectionLine;
use camweave_telemetry::{StageReport, clock, read_reports};
use serde::{Deserialize, Serialize};

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
    let stats = folder.join("stats");
    let out = folder.join("out");
    let file = folder.join("graph.yml");
    let text = yaml(workload, bin, window, tracker, &stats, &out)?;
    fs::write(&file, text).with_context(|| format!("cannot write '{}'", file.display()))?;
    let mut running = Running::start(&file, &folder.join("dora.log"))?;
    let lines = out.join("detections.jsonl");
    running.wait_for(START_AT_MOST, "the first detection", || {
        Ok(fs::metadata(&lines).ok().filter(|file| file.len() > 0))
    })?;
    std::thread::sleep(Duration::from_secs_f64(workload.warm_up));
    let (begin, before) = (clock::unix_nanos(), used(&running, &stats)?);
    let machine = cpu::of_machine().unwrap_or_default();
    std::thread::sleep(Duration::from_secs_f64(workload.seconds));
    let (end, after) = (clock::unix_nanos(), used(&running, &stats)?);
    let machine = cpu::of_machine()
        .unwrap_or_default()
        .saturating_sub(machine);
    let dropped = dropped(&read_reports(&stats)?);
    // The sink's last lines are written when it ends.
    drop(running);
    let text = fs::read_to_string(&lines)?;
    let times = text
        .lines()
        .map(|line| Ok(serde_json::from_str::<DetectionLine>(line)?.detected_unix_nanos))
        .collect::<Result<Vec<i64>>>()?;
    let times: Vec<i64> = times
        .into_iter()
        .filter(|time| (begin..end).contains(time))
        .collect();
    let (fps, batch) = rate(&times).context("fewer than two messages in the measurement")?;
    let mut own = Duration::ZERO;
    let mut cpu_ms = BTreeMap::new();
    for (stage, after) in after {
        let before = before.get(&stage).copied().unwrap_or_default();
        let spent = after.saturating_sub(before);
        own += spent;
        cpu_ms.insert(stage, spent.as_secs_f64() * 1e3 / times.len() as f64);
    }
    let seconds = (end - begin) as f64 / 1e9;
    Ok(Pipeline {
        fps,
        batch,
        cpu_ms,
        other_cores: machine.saturating_sub(own).as_secs_f64() / seconds,
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

fn used(running: &Running, stats: &Path) -> Result<BTreeMap<String, Duration>> {
    let reports = read_reports(stats)?;
    let stages = reports
        .into_iter()
        .map(|report| (report.stage, report.process_id));
    let daemon = ("dora".to_owned(), running.process_id());
    stages
        .chain([daemon])
        .map(|(stage, process)| {
            let used = cpu::of_process(process)
                .with_context(|| format!("process {process} of '{stage}' has ended"))?;
            Ok((stage, used))
        })
        .collect()
}

fn dropped(reports: &[StageReport]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for report in reports {
        for camera in report.cameras.values() {
            for (reason, count) in &camera.dropped {
                *found
                    .entry(format!("{}.{reason}", report.stage))
                    .or_default() += count;
            }
        }
    }
    found
}

/// One node of the graph.
struct Node<'a> {
    id: &'a str,
    binary: &'a str,
    input: Option<&'a str>,
    env: Vec<(&'a str, String)>,
}

fn yaml(
    workload: &Workload,
    bin: &Path,
    window: u32,
    tracker: bool,
    stats: &Path,
    out: &Path,
) -> Result<String> {
    let absolute = |path: &Path| -> Result<PathBuf> {
        fs::canonicalize(path).with_context(|| format!("'{}'", path.display()))
    };
    let mut files = Vec::new();
    for (index, clip) in workload.clips.iter().enumerate() {
        let clip = absolute(clip)?.display().to_string();
        if clip.contains(',') {
            bail!("clip '{clip}': expected a path without commas");
        }
        files.push(format!("cam{}={clip}", index + 1));
    }
    let model = absolute(&workload.model)?.display().to_string();
    let batch = workload.batch.to_string();
    let per_clip = usize::from(workload.batch).div_ceil(workload.clips.len());
    // Long enough that nothing is dropped: the loop is closed, so nothing needs to give way.
    let patience = 30_000.to_string();
    let mut nodes = vec![
        Node {
            id: "files",
            binary: "file-source",
            input: Some(if tracker { "track/out" } else { "nms/out" }),
            env: vec![
                ("FILES", files.join(",")),
                ("PACE", "fast".to_owned()),
                ("LOOP", "0".to_owned()),
                ("WINDOW", window.to_string()),
                ("RETURN_TIMEOUT_MS", patience.clone()),
            ],
        },
        Node {
            id: "decode",
            binary: "sw-decode",
            input: Some("files/out"),
            env: vec![],
        },
        Node {
            id: "batch",
            binary: "batcher",
            input: Some("decode/out"),
            env: vec![
                ("MAX_BATCH", batch.clone()),
                ("MAX_PER_SOURCE", per_clip.to_string()),
            ],
        },
        Node {
            id: "infer",
            binary: "cpu-infer",
            input: Some("batch/out"),
            env: vec![
                ("MODEL", model),
                ("ENGINE", workload.engine.clone()),
                ("THREADS", workload.threads.to_string()),
                ("MAX_WAIT_MS", patience),
                ("QUEUE", "64".to_owned()),
                ("MAX_BATCH", batch.clone()),
                ("HEAD_SLOTS", "256".to_owned()),
            ],
        },
        Node {
            id: "nms",
            binary: "cpu-nms",
            input: Some("infer/out"),
            env: vec![],
        },
    ];
    if tracker {
        nodes.push(Node {
            id: "track",
            binary: "tracker",
            input: Some("nms/out"),
            env: vec![],
        });
    }
    nodes.push(Node {
        id: "sink",
        binary: "sink",
        input: Some(if tracker { "track/out" } else { "nms/out" }),
        env: vec![
            ("OUT", out.display().to_string()),
            ("SNAPSHOT_EVERY_MS", "0".to_owned()),
            ("TABLE_EVERY_MS", "0".to_owned()),
        ],
    });
    let mut text = format!(
        "env:\n  CAMWEAVE_STATS_DIR: {:?}\nnodes:\n",
        stats.display().to_string()
    );
    for node in nodes {
        let path = absolute(&bin.join(node.binary))?;
        writeln!(text, "  - id: {}", node.id)?;
        writeln!(text, "    path: {:?}", path.display().to_string())?;
        if let Some(input) = node.input {
            writeln!(
                text,
                "    inputs:\n      in: {{source: {input}, queue_size: 1024, queue_policy: backpressure}}"
            )?;
        }
        if node.id != "sink" {
            writeln!(text, "    outputs: [out]")?;
        }
        if !node.env.is_empty() {
            writeln!(text, "    env:")?;
        }
        for (name, value) in node.env {
            writeln!(text, "      {name}: {value:?}")?;
        }
    }
    Ok(text)
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
