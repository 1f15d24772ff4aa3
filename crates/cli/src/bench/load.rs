use std::path::PathBuf;

use camweave_compare::Run;
use camweave_compare::report::{LoadPoint, load_page};
use camweave_outdir::Folder;
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Series, Setting, finish, measure_all};
use crate::ab::{self, between};
use crate::error::{self, CliError};
use crate::run::Pace;
use crate::say::note;
use crate::shipped;

/// Where all of it is written.
const FILE: &str = "bench-load.json";
/// The plots.
const PAGE: &str = "bench-load.html";
/// Beyond the knee: where the graph does this part of the most that it has done.
const KNEE: f64 = 0.95;

/// As many as the simulator has.
const MOST_CAMERAS: f64 = 400.0;

/// Offered load against what comes of it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph [default: cpu-batched.yml]
    #[arg(value_name = "GRAPH.yml")]
    pub graph: Option<PathBuf>,
    /// Offered load, in multiples of the graph's maximum rate with files
    #[arg(
        long,
        value_name = "L,...",
        value_delimiter = ',',
        default_value = "0.5,0.75,1,1.25,1.5,2,3"
    )]
    pub loads: Vec<f64>,
    #[command(flatten)]
    pub common: Common,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-load")]
    pub out: PathBuf,
}

/// Measures what the graph can do, then offers parts of it: simulated cameras of as many frames per
/// second as that takes, or as many cameras that show `--files`, which have `--fps`.
///
/// # Errors
/// What makes it impossible; or a run that ended early.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    for load in &options.loads {
        between("--loads", *load, 0.01, 100.0)?;
    }
    if options.common.detect_fps.is_some() {
        return Err(CliError::new(
            Exit::Configuration,
            "--detect-fps: offered load is in frames that are all detected on; 'camweave bench cameras' takes it",
        ));
    }
    let path = shipped::named_or(options.graph.as_ref(), "cpu-batched.yml")?;
    let graph = ab::open(&path, &options.common.footage())?;
    let cameras = options.common.footage().cameras;
    let setting = |name: String, cameras: u32, fps: Option<f64>| Setting {
        name,
        graph: &graph,
        cameras,
        fps,
        stages: Vec::new(),
        spans: SpanMode::Stats,
    };
    let common = Common {
        pace: Pace::Fast,
        ..options.common.clone()
    };
    let limit = [setting("as fast as it can".to_owned(), cameras, None)];
    let found = measure_all(&common, &limit, &options.out, FILE)?;
    let Some(limit) = found.points.first().map(|point| point.combined_fps) else {
        return finish(&found, common.json, (&options.out, FILE), "no whole run");
    };
    let mut loads = options.loads.clone();
    loads.sort_by(f64::total_cmp);
    let settings: Vec<Setting<'_>> = loads
        .iter()
        .map(|load| {
            let name = format!("{load} times {limit:.1} frames/s");
            if common.files.is_empty() {
                return setting(name, cameras, Some(load * limit / f64::from(cameras)));
            }
            let wanted = (load * limit / common.fps).round();
            if wanted > MOST_CAMERAS {
                note!("{load} times would need {wanted} cameras: {MOST_CAMERAS} are simulated");
            }
            let cameras = wanted.clamp(1.0, MOST_CAMERAS) as u32;
            setting(name, cameras, Some(common.fps))
        })
        .collect();
    let series = measure_all(&common, &settings, &options.out, FILE)?;
    let points: Vec<LoadPoint> = (0..settings.len())
        .filter_map(|index| point(loads[index], index, &series))
        .collect();
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(&path);
    let page = load_page(
        &shown.display().to_string(),
        &series.settings,
        limit,
        &points,
    );
    error::write(&Folder::open(&options.out)?, PAGE, page.as_bytes())?;
    finish(
        &series,
        common.json,
        (&options.out, FILE),
        &table(limit, &points),
    )
}

/// Means over the whole runs of one load.
fn point(load: f64, index: usize, series: &Series) -> Option<LoadPoint> {
    let whole: Vec<&Run> = series
        .runs
        .iter()
        .filter(|run| run.graph == index && run.is_compared())
        .collect();
    let mean = |value: &dyn Fn(&Run) -> f64| {
        whole.iter().map(|run| value(run)).sum::<f64>() / whole.len() as f64
    };
    let offered = |run: &Run| {
        let frames = run.frames + run.dropped.values().sum::<u64>();
        frames as f64 / run.seconds.max(1e-9)
    };
    (!whole.is_empty()).then(|| LoadPoint {
        load,
        offered_fps: mean(&offered),
        detected_fps: mean(&|run| run.combined_fps),
        p50_ms: mean(&|run| run.latency_ms.p50),
        p99_ms: mean(&|run| run.latency_ms.p99),
    })
}

fn table(limit: f64, points: &[LoadPoint]) -> String {
    let mut lines = vec![
        format!("as fast as it can: {limit:.1} frames/s"),
        String::new(),
        "| offered | frames/s offered | detected | dropped | latency p50 ms | p99 ms |".to_owned(),
        "|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for point in points {
        lines.push(format!(
            "| {} | {:.1} | {:.1} | {:.1} % | {:.1} | {:.1} |",
            point.load,
            point.offered_fps,
            point.detected_fps,
            100.0 * (1.0 - point.detected_fps / point.offered_fps).max(0.0),
            point.p50_ms,
            point.p99_ms
        ));
    }
    if let Some((knee, kept)) = knee(points) {
        lines.push(String::new());
        lines.push(format!(
            "from {knee} times on, at least {:.0} % of the maximum is detected",
            100.0 * kept
        ));
    }
    lines.join("\n")
}

/// The load from which on the graph has enough to do, and the least part of the most detected
/// frames per second from there on.
fn knee(points: &[LoadPoint]) -> Option<(f64, f64)> {
    let most = points.iter().map(|it| it.detected_fps).fold(0.0, f64::max);
    let beyond = points
        .iter()
        .position(|it| it.detected_fps >= KNEE * most)?;
    let least = points[beyond..].iter().map(|it| it.detected_fps);
    Some((points[beyond].load, least.fold(most, f64::min) / most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(load: f64, detected_fps: f64) -> LoadPoint {
        LoadPoint {
            load,
            offered_fps: 100.0 * load,
            detected_fps,
            p50_ms: 10.0,
            p99_ms: 100.0,
        }
    }

    #[test]
    fn what_is_lost_beyond_the_knee_is_found() {
        let points = [
            point(0.5, 50.0),
            point(1.0, 98.0),
            point(2.0, 100.0),
            point(3.0, 60.0),
        ];
        assert_eq!(knee(&points), Some((1.0, 0.6)));
        assert_eq!(knee(&[]), None);
        let text = table(100.0, &points);
        assert!(
            text.contains("| 3 | 300.0 | 60.0 | 80.0 % | 10.0 | 100.0 |"),
            "{text}"
        );
        assert!(
            text.ends_with("from 1 times on, at least 60 % of the maximum is detected"),
            "{text}"
        );
    }
}
