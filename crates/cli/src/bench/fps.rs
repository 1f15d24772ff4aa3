use std::path::PathBuf;

use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Point, Setting, finish, measure_all};
use crate::ab;
use crate::error::CliError;
use crate::shipped;

/// Where all of it is written.
const FILE: &str = "bench-fps.json";

/// One camera against several.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph [default: cpu-batched.yml]
    #[arg(value_name = "GRAPH.yml")]
    pub graph: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-fps")]
    pub out: PathBuf,
}

/// Measures and prints the table.
///
/// # Errors
/// What makes it impossible; or a run that ended early.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let path = shipped::named_or(options.graph.as_ref(), "cpu-batched.yml")?;
    let graph = ab::open(&path, &options.common.footage())?;
    let mut counts = options.common.cameras.clone();
    counts.sort_unstable();
    counts.dedup();
    let settings: Vec<Setting<'_>> = counts
        .into_iter()
        .map(|cameras| Setting {
            name: format!("{cameras} cameras"),
            graph: &graph,
            cameras,
            fps: None,
            stages: Vec::new(),
            spans: SpanMode::Stats,
        })
        .collect();
    let series = measure_all(&options.common, &settings, &options.out, FILE)?;
    finish(
        &series,
        options.common.json,
        (&options.out, FILE),
        &table(&series.points),
    )
}

fn table(points: &[Point]) -> String {
    let mut lines = vec![
        "| cameras | FPS per camera | combined FPS | drop per camera | combined against the first | latency p50 ms | CPU ms per frame | frames dropped |".to_owned(),
        "|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for point in points {
        let first = &points[0];
        lines.push(format!(
            "| {} | {:.2} | {:.2} ({:.1} to {:.1}) | {:.1} % | {:.2}x | {:.1} | {:.2} | {:.1} % |",
            point.cameras,
            point.per_camera_fps,
            point.combined_fps,
            point.combined_range.0,
            point.combined_range.1,
            100.0 * (1.0 - point.per_camera_fps / first.per_camera_fps),
            point.combined_fps / first.combined_fps,
            point.latency_p50_ms,
            point.cpu_ms,
            point.dropped_percent
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_is_against_the_fewest_cameras() {
        let point = |cameras: u32, combined_fps: f64| Point {
            name: String::new(),
            cameras,
            per_camera_fps: combined_fps / f64::from(cameras),
            combined_fps,
            combined_range: (combined_fps, combined_fps),
            latency_p50_ms: 10.0,
            cpu_ms: 2.0,
            dropped_percent: 0.0,
            frames_per_inference: None,
        };
        // The reference document's: 3.01 FPS alone, 0.70 for each of four, a drop of 76.8 %.
        let table = table(&[point(1, 3.01), point(4, 2.79)]);
        assert!(
            table.contains("| 1 | 3.01 | 3.01 (3.0 to 3.0) | 0.0 % | 1.00x |"),
            "{table}"
        );
        assert!(
            table.contains("| 4 | 0.70 | 2.79 (2.8 to 2.8) | 76.8 % | 0.93x |"),
            "{table}"
        );
    }
}
