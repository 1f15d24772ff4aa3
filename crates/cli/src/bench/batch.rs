use std::path::PathBuf;

use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Point, Setting, finish, measure_all};
use crate::ab;
use crate::error::CliError;
use crate::shipped;

/// Where all of it is written.
const FILE: &str = "bench-batch.json";

/// One inference per frame against batches.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Batch sizes
    #[arg(long, value_name = "B,...", value_delimiter = ',', default_value = "1,2,4,8", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub batches: Vec<u32>,
    /// The graph without a batcher [default: dataflows/cpu-sequential.yml]
    #[arg(long, value_name = "GRAPH.yml")]
    pub sequential: Option<PathBuf>,
    /// The graph with a batcher [default: dataflows/cpu-batched.yml]
    #[arg(long, value_name = "GRAPH.yml")]
    pub batched: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-batch")]
    pub out: PathBuf,
}

/// Measures and prints the table.
///
/// # Errors
/// What makes it impossible; or a run that ended early.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let path = |chosen: &Option<PathBuf>, name| shipped::named_or(chosen.as_ref(), name);
    let footage = options.common.footage();
    let sequential = ab::open(&path(&options.sequential, "cpu-sequential.yml")?, &footage)?;
    let batched = ab::open(&path(&options.batched, "cpu-batched.yml")?, &footage)?;
    if batched.stages("batcher").next().is_none() {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "graph '{}': it has no node whose program is 'batcher', whose size could be set",
                batched.path.display()
            ),
        ));
    }
    let mut settings = Vec::new();
    for cameras in options.common.cameras.iter().copied() {
        settings.push(Setting {
            name: format!("{cameras} cameras, sequential"),
            graph: &sequential,
            cameras,
            fps: None,
            stages: Vec::new(),
            spans: SpanMode::Stats,
        });
        for batch in options.batches.iter().copied() {
            let value = |stage: &str, name: &str, value: u32| {
                (stage.to_owned(), name.to_owned(), value.to_string())
            };
            settings.push(Setting {
                name: format!("{cameras} cameras, batches of {batch}"),
                graph: &batched,
                cameras,
                fps: None,
                stages: vec![
                    value("batcher", "MAX_BATCH", batch),
                    value("batcher", "MAX_PER_SOURCE", batch.div_ceil(cameras)),
                    // They make batches of what waits.
                    value("cpu-infer", "MAX_BATCH", batch),
                    value("trt-infer", "BATCH", batch),
                ],
                spans: SpanMode::Stats,
            });
        }
    }
    let series = measure_all(&options.common, &settings, &options.out, FILE)?;
    finish(
        &series,
        options.common.json,
        (&options.out, FILE),
        &table(&series.points),
    )
}

/// Each against the sequential graph with as many cameras, which stands before it.
fn table(points: &[Point]) -> String {
    let mut lines = vec![
        "| | FPS per camera | combined FPS | against sequential | frames of one batch | latency p50 ms | CPU ms per frame |".to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for point in points {
        let sequential = points
            .iter()
            .find(|it| it.cameras == point.cameras && it.name.ends_with("sequential"));
        let ratio = sequential.map_or("-".to_owned(), |sequential| {
            format!("{:.2}x", point.combined_fps / sequential.combined_fps)
        });
        let frames = point
            .frames_per_inference
            .map_or("-".to_owned(), |frames| format!("{frames:.2}"));
        lines.push(format!(
            "| {} | {:.2} | {:.2} ({:.1} to {:.1}) | {ratio} | {frames} | {:.1} | {:.2} |",
            point.name,
            point.per_camera_fps,
            point.combined_fps,
            point.combined_range.0,
            point.combined_range.1,
            point.latency_p50_ms,
            point.cpu_ms
        ));
    }
    lines.join("\n")
}
