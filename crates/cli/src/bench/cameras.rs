//! `camweave bench cameras`: how many live cameras a graph carries.

use std::path::PathBuf;

use camweave_compare::Run;
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Series, Setting, finish, measure_all};
use crate::ab::{self, between};
use crate::error::CliError;
use crate::places;
use crate::run::Pace;
use crate::say::note;

/// Where all of it is written.
const FILE: &str = "bench-cameras.json";
/// As many as the simulator has.
const MOST_CAMERAS: u32 = 400;

/// The most live cameras of which a graph detects on every picture that it is to.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph [default: dataflows/cpu-batched.yml]
    #[arg(value_name = "GRAPH.yml")]
    pub graph: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// Dropped frames of a hundred up to which the graph carries the cameras
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub dropped: f64,
    /// 99 of 100 frames are at the sink within so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000.0)]
    pub p99_ms: f64,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-cameras")]
    pub out: PathBuf,
}

/// Doubles the number of cameras, from the first of `--cameras` on, until they are too many, and
/// closes in on the largest number that is not.
///
/// # Errors
/// What makes it impossible; or a run that ended early.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    between("--dropped", options.dropped, 0.0, 100.0)?;
    between("--p99-ms", options.p99_ms, 1.0, 3_600_000.0)?;
    let common = Common {
        pace: Pace::Live,
        ..options.common.clone()
    };
    let path = match &options.graph {
        Some(path) => path.clone(),
        None => places::workspace()?.join("dataflows/cpu-batched.yml"),
    };
    let graph = ab::open(&path, &common.footage())?;
    let mut all: Option<Series> = None;
    let mut tried: Vec<Tried> = Vec::new();
    let begin = common.cameras.first().copied().unwrap_or(1);
    while let Some(cameras) = next(&tried, begin) {
        let setting = Setting {
            name: count(cameras),
            graph: &graph,
            cameras,
            fps: Some(common.fps),
            stages: Vec::new(),
            spans: SpanMode::Stats,
        };
        let found = measure_all(&common, &[setting], &options.out, FILE)?;
        let seen = Tried::of(cameras, &found.runs, options);
        let all = all.get_or_insert_with(|| Series {
            names: Vec::new(),
            points: Vec::new(),
            runs: Vec::new(),
            ..found.clone()
        });
        let index = all.names.len();
        all.names.extend(found.names);
        all.points.extend(found.points);
        all.runs.extend(found.runs.into_iter().map(|run| Run {
            graph: index,
            ..run
        }));
        let Some(seen) = seen else {
            break; // not whole: told below
        };
        note!("{}: {}", count(cameras), seen.verdict());
        tried.push(seen);
    }
    let all = all.ok_or_else(|| CliError::new(Exit::Internal, "nothing was measured"))?;
    let table = table(&tried, &common);
    finish(&all, common.json, (&options.out, FILE), &table)
}

/// What was seen of a number of cameras: means over its runs.
#[derive(Debug, Clone, PartialEq)]
struct Tried {
    cameras: u32,
    detected_fps: f64,
    dropped_percent: f64,
    p50_ms: f64,
    p99_ms: f64,
    cores: f64,
    is_carried: bool,
}

impl Tried {
    /// `None`: no run is whole.
    fn of(cameras: u32, runs: &[Run], options: &Options) -> Option<Self> {
        let whole: Vec<&Run> = runs.iter().filter(|run| run.is_compared()).collect();
        if whole.is_empty() {
            return None;
        }
        let mean = |value: &dyn Fn(&Run) -> f64| {
            whole.iter().map(|run| value(run)).sum::<f64>() / whole.len() as f64
        };
        let (dropped_percent, p99_ms) =
            (mean(&Run::dropped_percent), mean(&|run| run.latency_ms.p99));
        Some(Self {
            cameras,
            detected_fps: mean(&|run| run.combined_fps),
            dropped_percent,
            p50_ms: mean(&|run| run.latency_ms.p50),
            p99_ms,
            cores: mean(&|run| run.cpu_ms() * run.combined_fps / 1000.0),
            is_carried: dropped_percent <= options.dropped && p99_ms <= options.p99_ms,
        })
    }

    fn verdict(&self) -> &'static str {
        if self.is_carried {
            "carried"
        } else {
            "too many"
        }
    }
}

/// The number to try after those; `None`: the largest that is carried is known.
fn next(tried: &[Tried], begin: u32) -> Option<u32> {
    let carried = tried.iter().filter(|it| it.is_carried);
    let most = carried.map(|it| it.cameras).max().unwrap_or(0);
    let too_many = tried.iter().filter(|it| !it.is_carried);
    let next = match too_many.map(|it| it.cameras).min() {
        Some(least) => most + least.saturating_sub(most) / 2,
        None if tried.is_empty() => begin,
        None => (2 * most).min(MOST_CAMERAS),
    };
    (next > most).then_some(next)
}

fn count(cameras: u32) -> String {
    format!("{cameras} camera{}", if cameras == 1 { "" } else { "s" })
}

fn table(tried: &[Tried], common: &Common) -> String {
    let mut tried = tried.to_vec();
    tried.sort_by_key(|it| it.cameras);
    let mut lines = vec![
        "| cameras | detected/s | dropped | latency p50 ms | p99 ms | cores of the graph | |"
            .to_owned(),
        "|---:|---:|---:|---:|---:|---:|---|".to_owned(),
    ];
    for it in &tried {
        lines.push(format!(
            "| {} | {:.1} | {:.1} % | {:.1} | {:.1} | {:.2} | {} |",
            it.cameras,
            it.detected_fps,
            it.dropped_percent,
            it.p50_ms,
            it.p99_ms,
            it.cores,
            it.verdict()
        ));
    }
    let carried = tried.iter().filter(|it| it.is_carried);
    let most = carried.map(|it| it.cameras).max().unwrap_or(0);
    let detected = match common.detect_fps {
        Some(fps) => format!(", of which {fps} a second are detected on"),
        None => String::new(),
    };
    let more = if most == MOST_CAMERAS { " or more" } else { "" };
    lines.push(String::new());
    lines.push(format!(
        "carries {}{more} of {} frames/s{detected}",
        count(most),
        common.fps
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(cameras: u32, is_carried: bool) -> Tried {
        Tried {
            cameras,
            detected_fps: f64::from(cameras) * 5.0,
            dropped_percent: if is_carried { 0.0 } else { 20.0 },
            p50_ms: 50.0,
            p99_ms: 90.0,
            cores: 0.5,
            is_carried,
        }
    }

    /// The numbers that are tried for a graph that carries `limit` cameras.
    fn search(begin: u32, limit: u32) -> Vec<u32> {
        let mut seen = Vec::new();
        while let Some(cameras) = next(&seen, begin) {
            seen.push(tried(cameras, cameras <= limit));
            assert!(seen.len() < 30, "no end");
        }
        seen.iter().map(|it| it.cameras).collect()
    }

    #[test]
    fn the_largest_number_is_found_with_few_tries() {
        assert_eq!(search(1, 11), [1, 2, 4, 8, 16, 12, 10, 11]);
        assert_eq!(search(8, 3), [8, 4, 2, 3]);
        assert_eq!(search(1, 0), [1]);
        assert_eq!(search(100, 1000), [100, 200, 400]);
    }

    #[test]
    fn the_table_is_in_order_and_ends_with_the_number() {
        let mut common = common();
        common.detect_fps = Some(5.0);
        let table = table(
            &[tried(8, true), tried(16, false), tried(12, true)],
            &common,
        );
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[2].starts_with("| 8 |") && lines[3].starts_with("| 12 |"));
        assert!(lines[4].ends_with("| too many |"), "{table}");
        assert_eq!(
            lines[6],
            "carries 12 cameras of 30 frames/s, of which 5 a second are detected on"
        );
    }

    fn common() -> Common {
        Common {
            cameras: vec![1],
            pace: Pace::Live,
            fps: 30.0,
            detect_fps: None,
            seed: 1,
            size: "640x360".to_owned(),
            files: Vec::new(),
            seconds: 1.0,
            warm_up: 0.0,
            repeat: 1,
            model: None,
            json: false,
        }
    }
}
