use std::path::PathBuf;

use camweave_compare::Run;
use camweave_compare::estimate::{Estimate, Observation};
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Series, Setting, finish, measure_all};
use crate::ab;
use crate::error::CliError;
use crate::shipped;

/// In the order of the table; each is compared with the first.
const MODES: [SpanMode; 3] = [SpanMode::Off, SpanMode::Stats, SpanMode::Trace];

/// Where all of it is written.
const FILE: &str = "bench-tracing.json";

/// What spans cost a graph.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph [default: cpu-batched.yml]
    #[arg(value_name = "GRAPH.yml")]
    pub graph: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-tracing")]
    pub out: PathBuf,
}

/// Measures and prints the table.
///
/// # Errors
/// What makes it impossible; or a run that ended early.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let path = shipped::named_or(options.graph.as_ref(), "cpu-batched.yml")?;
    let graph = ab::open(&path, &options.common.footage())?;
    let cameras = options.common.cameras.iter().copied();
    let settings: Vec<Setting<'_>> = cameras
        .flat_map(|cameras| MODES.map(|spans| (cameras, spans)))
        .map(|(cameras, spans)| Setting {
            name: format!("{cameras} cameras, spans {}", spans.as_str()),
            graph: &graph,
            cameras,
            fps: None,
            stages: Vec::new(),
            spans,
        })
        .collect();
    let series = measure_all(&options.common, &settings, &options.out, FILE)?;
    finish(
        &series,
        options.common.json,
        (&options.out, FILE),
        &table(&series),
    )
}

/// Each mode against spans off with as many cameras, which stands `number` settings before it.
fn table(series: &Series) -> String {
    let mut lines = vec![
        "| | combined FPS | against spans off | CPU ms per frame | against spans off | frames dropped |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for point in &series.points {
        let (cameras, mode) = point.name.rsplit_once(' ').unwrap_or_default();
        let number = MODES.iter().position(|it| it.as_str() == mode).unwrap_or(0);
        let index = series.names.iter().position(|name| *name == point.name);
        let ratio = |value: fn(&Run) -> f64| match (number, index) {
            (0, _) | (_, None) => "-".to_owned(),
            (_, Some(index)) => against(&series.runs, index - number, index, value),
        };
        lines.push(format!(
            "| {cameras} {mode} | {:.2} ({:.1} to {:.1}) | {} | {:.2} | {} | {:.1} % |",
            point.combined_fps,
            point.combined_range.0,
            point.combined_range.1,
            ratio(|run| run.combined_fps),
            point.cpu_ms,
            ratio(Run::cpu_ms),
            point.dropped_percent
        ));
    }
    lines.join("\n")
}

/// The ratio of the runs of setting `b` to those of `a`, with its interval.
fn against(runs: &[Run], a: usize, b: usize, value: fn(&Run) -> f64) -> String {
    let whole = runs
        .iter()
        .filter(|run| run.is_compared() && (run.graph == a || run.graph == b));
    let observations: Vec<Observation> = whole
        .map(|run| Observation {
            is_b: run.graph == b,
            place: run.place,
            value: value(run).ln(),
        })
        .collect();
    let Some(estimate) = Estimate::fit(&observations) else {
        return "-".to_owned();
    };
    let percent = |log: f64| 100.0 * log.exp();
    let ratio = percent(estimate.difference);
    match estimate.interval() {
        Some((low, high)) => format!("{ratio:.1} % ({:.1} to {:.1})", percent(low), percent(high)),
        None => format!("{ratio:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_compared_with_spans_off() {
        let run = |graph: usize, place: usize, fps: f64| Run {
            graph,
            place,
            combined_fps: fps,
            ..Run::default()
        };
        // Twice 2 % less, whatever the machine did meanwhile.
        let runs = [
            run(0, 0, 100.0),
            run(1, 1, 98.0),
            run(1, 2, 98.0),
            run(0, 3, 100.0),
        ];
        let found = against(&runs, 0, 1, |run| run.combined_fps);
        assert_eq!(found, "98.0 % (98.0 to 98.0)");
        let partial = Run {
            partial: Some("ended".to_owned()),
            ..run(1, 1, 1.0)
        };
        assert_eq!(
            against(&[run(0, 0, 1.0), partial], 0, 1, |run| run.combined_fps),
            "-"
        );
    }
}
