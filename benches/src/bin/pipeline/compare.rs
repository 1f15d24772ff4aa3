//! Both in turn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use camweave_benches::pairs::{Side, Spread, order};
use clap::Args;
use serde::Serialize;

use crate::Workload;
use crate::bare::{Bare, Speed};
use crate::graph::{self, Pipeline};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    workload: Workload,
    /// Pairs of runs
    #[arg(long, default_value_t = 4)]
    pairs: usize,
    /// Frames of one clip that are on their way at once
    #[arg(long, default_value_t = 4)]
    window: u32,
    /// With a tracker before the sink
    #[arg(long)]
    tracker: bool,
    /// Folder of the nodes' binaries
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
    /// Also write all figures here
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Record {
    model: String,
    batch: u16,
    clips: usize,
    pairs: Vec<(Bare, Pipeline)>,
    bare_fps: Spread,
    lanes_fps: Spread,
    pipeline_fps: Spread,
    /// To the engine that runs batch after batch.
    ratio: Spread,
    /// To the engine whose threads never wait for one another.
    lanes_ratio: Spread,
}

#[expect(clippy::print_stdout, reason = "prints its results")]
pub fn run(options: &Options) -> Result<()> {
    let workload = &options.workload;
    let mut pairs = Vec::new();
    for (index, sides) in order(options.pairs).into_iter().enumerate() {
        let (mut bare, mut pipeline) = (None, None);
        for side in sides {
            match side {
                Side::A => bare = Some(in_its_own_process(workload)?),
                Side::B => {
                    let folder = tempfile::tempdir()?;
                    let (bin, window) = (&options.bin, options.window);
                    let tracker = options.tracker;
                    let run = graph::measure(workload, bin, window, tracker, folder.path());
                    pipeline = Some(run.with_context(|| format!("pair {}", index + 1))?);
                }
            }
        }
        if let Some((bare, pipeline)) = bare.zip(pipeline) {
            eprint(index + 1, &bare, &pipeline)?;
            pairs.push((bare, pipeline));
        }
    }
    let spread = |of: &dyn Fn(&(Bare, Pipeline)) -> f64| {
        Spread::of(pairs.iter().map(of)).context("--pairs 0, expected at least 1")
    };
    let record = Record {
        model: workload
            .model
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        batch: workload.batch,
        clips: workload.clips.len(),
        bare_fps: spread(&|(bare, _)| bare.batches.fps)?,
        lanes_fps: spread(&|(bare, _)| bare.lanes.fps)?,
        pipeline_fps: spread(&|(_, pipeline)| pipeline.fps)?,
        ratio: spread(&|(bare, pipeline)| pipeline.fps / bare.batches.fps)?,
        lanes_ratio: spread(&|(bare, pipeline)| pipeline.fps / bare.lanes.fps)?,
        pairs,
    };
    println!("{}", table(&record));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&record)?)
            .with_context(|| format!("cannot write '{}'", path.display()))?;
    }
    Ok(())
}

fn eprint(pair: usize, bare: &Bare, pipeline: &Pipeline) -> std::io::Result<()> {
    use std::io::Write as _;
    let (batches, lanes, whole) = (bare.batches.fps, bare.lanes.fps, pipeline.fps);
    writeln!(
        std::io::stderr(),
        "pair {pair}: bare {batches:.1}, in lanes {lanes:.1}, pipeline {whole:.1} frames/s, ratios {:.3} and {:.3}",
        whole / batches,
        whole / lanes
    )
}

/// A process that has just started, as the pipeline's are.
fn in_its_own_process(workload: &Workload) -> Result<Bare> {
    let output = Command::new(std::env::current_exe()?)
        .arg("bare")
        .arg("--model")
        .arg(&workload.model)
        .args(["--engine", &workload.engine])
        .args(["--threads", &workload.threads.to_string()])
        .args(["--batch", &workload.batch.to_string()])
        .args(["--warm-up", &workload.warm_up.to_string()])
        .args(["--seconds", &workload.seconds.to_string()])
        .args(&workload.clips)
        .output()?;
    if !output.status.success() {
        bail!("bare engine: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// One of the ways in which the engine runs alone.
type Way = fn(&Bare) -> Speed;

fn table(record: &Record) -> String {
    let Record {
        model,
        batch,
        clips,
        pairs,
        ..
    } = record;
    let (engine, threads) = pairs
        .first()
        .map(|(bare, _)| (bare.engine.as_str(), bare.threads))
        .unwrap_or_default();
    let mut by_stage: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut dropped: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, pipeline) in pairs {
        for (stage, millis) in &pipeline.cpu_ms {
            by_stage.entry(stage).or_default().push(*millis);
        }
        for (reason, count) in &pipeline.dropped {
            *dropped.entry(reason).or_default() += count;
        }
    }
    let mut lines = vec![
        format!(
            "{model}, {engine}, {threads} threads, batch {batch}, {clips} clips, {} pairs A B B A; median (least to greatest)",
            pairs.len()
        ),
        String::new(),
        "| | frames/s | CPU ms per frame | cores that others used |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let shown = |values: Vec<f64>| Spread::of(values).map_or_else(String::new, |it| it.to_string());
    let ways: [(_, _, Way); 2] = [
        ("bare engine", record.bare_fps, |bare| bare.batches),
        (
            "bare engine, lanes that never wait",
            record.lanes_fps,
            |bare| bare.lanes,
        ),
    ];
    for (name, fps, way) in ways {
        let of = |value: fn(Speed) -> f64| {
            shown(pairs.iter().map(|(bare, _)| value(way(bare))).collect())
        };
        let (cpu, others) = (of(|it| it.cpu_ms), of(|it| it.other_cores));
        lines.push(format!("| {name} | {fps:.1} | {cpu} | {others} |"));
    }
    let total = pairs.iter().map(|(_, it)| it.cpu_ms.values().sum());
    lines.push(format!(
        "| pipeline | {:.1} | {} | {} |",
        record.pipeline_fps,
        shown(total.collect()),
        shown(pairs.iter().map(|(_, it)| it.other_cores).collect())
    ));
    for (stage, millis) in by_stage {
        lines.push(format!("| of it: {stage} | | {} | |", shown(millis)));
    }
    for (name, ratio, (_, _, way)) in [
        (
            "**pipeline / bare**",
            format!("**{:.3}**", record.ratio),
            ways[0],
        ),
        (
            "pipeline / lanes that never wait",
            format!("{:.3}", record.lanes_ratio),
            ways[1],
        ),
    ] {
        let cpu = pairs
            .iter()
            .map(|(bare, it)| it.cpu_ms.values().sum::<f64>() / way(bare).cpu_ms);
        lines.push(format!("| {name} | {ratio} | {} | |", shown(cpu.collect())));
    }
    lines.push(String::new());
    let batches = shown(pairs.iter().map(|(_, it)| it.batch).collect());
    lines.push(format!(
        "Frames per message at the sink: {batches}. Dropped: {dropped:?}."
    ));
    lines.join("\n")
}
