//! `camweave bench cameras`: how many live cameras a graph carries.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use camweave_compare::Run;
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;

use super::series::{Common, Series, Setting, measure_all, report};
use crate::ab::{self, between};
use crate::error::CliError;
use crate::run::{Pace, interruption};
use crate::say::note;
use crate::shipped;

/// Of the frames that the simulated cameras are to send, so many must come.
const OFFERED: f64 = 0.97;

/// Where all of it is written.
const FILE: &str = "bench-cameras.json";
/// As many as the simulator has.
const MOST_CAMERAS: u32 = 400;

/// The most live cameras of which a graph detects on every picture that it is to.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graph [default: cpu-batched.yml]
    #[arg(value_name = "GRAPH.yml")]
    pub graph: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// Percent of dropped frames up to which the graph handles the cameras
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub dropped: f64,
    /// Limit for the 99th percentile of the latency, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000.0)]
    pub p99_ms: f64,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/bench-cameras")]
    pub out: PathBuf,
}

/// Doubles the number of cameras, from the first of `--cameras` on, until they are too many, and
/// closes in on the largest number that is not. A run that is not whole, because cameras deliver
/// nothing or a node ends, is one of too many.
///
/// # Errors
/// What makes it impossible.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    between("--dropped", options.dropped, 0.0, 100.0)?;
    between("--p99-ms", options.p99_ms, 1.0, 3_600_000.0)?;
    let common = Common {
        pace: Pace::Live,
        ..options.common.clone()
    };
    let path = shipped::named_or(options.graph.as_ref(), "cpu-batched.yml")?;
    let graph = ab::open(&path, &common.footage())?;
    let interrupted = interruption()?;
    let mut all: Option<Series> = None;
    let mut tried: Vec<Tried> = Vec::new();
    let begin = common.cameras.first().copied().unwrap_or(1);
    while let Some(cameras) = next(&tried, begin) {
        if interrupted.load(Ordering::Acquire) {
            break;
        }
        let setting = Setting {
            name: count(cameras),
            graph: &graph,
            cameras,
            fps: Some(common.fps),
            stages: Vec::new(),
            spans: SpanMode::Stats,
        };
        let found = measure_all(&common, &[setting], &options.out, FILE)?;
        if interrupted.load(Ordering::Acquire) {
            break;
        }
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
        note!("{}: {}", count(cameras), seen.verdict());
        tried.push(seen);
    }
    let interrupted = || CliError::new(Exit::Incomplete, "interrupted");
    let all = all.ok_or_else(interrupted)?;
    let table = table(&tried, &common);
    report(&all, common.json, (&options.out, FILE), &table)?;
    match next(&tried, begin) {
        None => Ok(Exit::Success),
        Some(_) => Err(interrupted()),
    }
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
    verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Carried,
    /// Why.
    TooMany(String),
}

impl Tried {
    fn of(cameras: u32, runs: &[Run], options: &Options) -> Self {
        let partial = runs.iter().find_map(|run| run.partial.clone());
        let mean = |value: &dyn Fn(&Run) -> f64| {
            runs.iter().map(value).sum::<f64>() / runs.len().max(1) as f64
        };
        let common = &options.common;
        let asked = f64::from(cameras) * common.detect_fps.unwrap_or(common.fps).min(common.fps);
        let offered = mean(&|run| {
            let frames = run.frames + run.dropped.values().sum::<u64>();
            frames as f64 / run.seconds.max(1e-9)
        });
        let (dropped_percent, p99_ms) =
            (mean(&Run::dropped_percent), mean(&|run| run.latency_ms.p99));
        Self {
            cameras,
            detected_fps: mean(&|run| run.combined_fps),
            dropped_percent,
            p50_ms: mean(&|run| run.latency_ms.p50),
            p99_ms,
            cores: mean(&|run| run.cpu_ms() * run.combined_fps / 1000.0),
            verdict: match partial {
                Some(reason) => Verdict::TooMany(reason),
                None if offered < OFFERED * asked => {
                    Verdict::TooMany(format!("{offered:.1} of {asked:.1} frames/s came"))
                }
                None if dropped_percent > options.dropped => {
                    Verdict::TooMany(format!("{dropped_percent:.1} % dropped"))
                }
                None if p99_ms > options.p99_ms => Verdict::TooMany(format!("p99 {p99_ms:.0} ms")),
                None => Verdict::Carried,
            },
        }
    }

    fn is_carried(&self) -> bool {
        self.verdict == Verdict::Carried
    }

    fn verdict(&self) -> String {
        match &self.verdict {
            Verdict::Carried => "carried".to_owned(),
            Verdict::TooMany(why) => format!("too many: {why}"),
        }
    }
}

/// The number to try after those; `None`: the largest that is carried is known.
fn next(tried: &[Tried], begin: u32) -> Option<u32> {
    let carried = tried.iter().filter(|it| it.is_carried());
    let most = carried.map(|it| it.cameras).max().unwrap_or(0);
    let too_many = tried.iter().filter(|it| !it.is_carried());
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
    let carried = tried.iter().filter(|it| it.is_carried());
    let most = carried.map(|it| it.cameras).max().unwrap_or(0);
    let detected = match common.detect_fps {
        Some(fps) => format!(", detecting on {fps} per second"),
        None => String::new(),
    };
    let more = if most == MOST_CAMERAS { " or more" } else { "" };
    lines.push(String::new());
    lines.push(format!(
        "handles {}{more} of {} frames/s{detected}",
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
            verdict: match is_carried {
                true => Verdict::Carried,
                false => Verdict::TooMany("20.0 % dropped".to_owned()),
            },
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
        assert!(
            lines[4].ends_with("| too many: 20.0 % dropped |"),
            "{table}"
        );
        assert_eq!(
            lines[6],
            "handles 12 cameras of 30 frames/s, detecting on 5 per second"
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
            env: Vec::new(),
            json: false,
        }
    }
}
