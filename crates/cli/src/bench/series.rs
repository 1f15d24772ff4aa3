//! Several settings measured in turns, each several times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use camweave_compare::Run;
use camweave_compare::agreement::Clocks;
use camweave_compare::run::DISTURBING_CORES;
use camweave_outdir::Folder;
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;
use clap::Args;
use serde::Serialize;

use crate::ab::{self, FootageOptions, between, frame_size, setting};
use crate::engine;
use crate::error::{self, CliError};
use crate::graph::Graph;
use crate::run::{Feeder, Pace, Plan, clocks, interruption, measure};
use crate::say::{note, say};

/// What all benchmarks are told.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Numbers of cameras
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,4", value_parser = clap::value_parser!(u32).range(1..=400))]
    pub cameras: Vec<u32>,
    /// Files as fast as the graph returns frames, or simulated RTSP cameras in real time
    #[arg(long, value_enum, default_value_t = Pace::Fast)]
    pub pace: Pace,
    /// Frames per second of each simulated camera, with --pace live
    #[arg(long, default_value_t = 25.0)]
    pub fps: f64,
    /// Frames per second of each simulated camera that are detected on [default: all]
    #[arg(long, value_name = "FPS")]
    pub detect_fps: Option<f64>,
    /// Seed of the scenes that the cameras show
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub seed: u64,
    /// Frame size of scenes
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = frame_size)]
    pub size: String,
    /// Media files instead of scenes, assigned to the cameras in turn
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds before each measurement
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub warm_up: f64,
    /// Measurements of each setting
    #[arg(long, value_name = "R", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub repeat: u16,
    /// A detector other than the graph's
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// A setting for all nodes that know it, as in the graph's root 'env:'; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    pub env: Vec<(String, String)>,
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

impl Common {
    /// The same as options of a comparison, for the largest number of cameras.
    pub fn footage(&self) -> FootageOptions {
        FootageOptions {
            cameras: self.cameras.iter().copied().max().unwrap_or(1),
            pace: Some(self.pace),
            fps: self.fps,
            detect_fps: self.detect_fps,
            seed: self.seed,
            size: self.size.clone(),
            files: self.files.clone(),
            cameras_file: None,
            env: self.env.clone(),
        }
    }
}

/// One thing to measure.
pub struct Setting<'a> {
    /// For people; unique.
    pub name: String,
    /// The graph.
    pub graph: &'a Graph,
    /// Number of cameras.
    pub cameras: u32,
    /// Frames per second of each, live; `None`: as the benchmark is told.
    pub fps: Option<f64>,
    /// Values for stages of one kind: kind, name, value.
    pub stages: Vec<(String, String, String)>,
    /// What is done with spans.
    pub spans: SpanMode,
}

/// What was measured of one setting: the means over its whole runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The setting's name.
    pub name: String,
    /// Number of cameras.
    pub cameras: u32,
    /// Frames per second per camera.
    pub per_camera_fps: f64,
    /// Frames per second of all cameras.
    pub combined_fps: f64,
    /// Of the runs, the least and the greatest combined rate.
    pub combined_range: (f64, f64),
    /// Median latency.
    pub latency_p50_ms: f64,
    /// CPU time per frame.
    pub cpu_ms: f64,
    /// Dropped frames of a hundred.
    pub dropped_percent: f64,
    /// Frames that the detector takes at once, its batch, where the graph has one that says so.
    pub frames_per_inference: Option<f64>,
}

/// The points of a benchmark, with what they were measured on.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// The machine and the command.
    pub settings: BTreeMap<String, String>,
    /// The settings' names, in order.
    pub names: Vec<String>,
    /// One per setting that has a whole run.
    pub points: Vec<Point>,
    /// All runs, each with its setting's number as `graph`.
    pub runs: Vec<Run>,
}

/// Measures all settings in turns: forth and back, as a comparison does.
///
/// # Errors
/// What makes a run impossible.
pub fn measure_all(
    common: &Common,
    settings: &[Setting<'_>],
    out: &Path,
    name: &str,
) -> Result<Series, CliError> {
    between("--seconds", common.seconds, 1.0, 86_400.0)?;
    between("--warm-up", common.warm_up, 0.0, 3600.0)?;
    let options = common.footage();
    options.check()?;
    Folder::check(out, [name, "run/", "clips/"])?;
    let interrupted = interruption()?;
    let model = ab::absolute(common.model.as_ref())?;
    let graphs: Vec<Graph> = settings.iter().map(|it| it.graph.clone()).collect();
    let _lock = ab::Lock::take(&graphs)?;
    engine::prepare(&graphs, model.as_deref(), &interrupted)?;
    let out = Folder::open(out)?;
    let feeder = Feeder::new(options.footage(&graphs)?, &out)?;
    let mut described = ab::machine();
    let words: Vec<String> = std::env::args().skip(1).collect();
    described.insert(
        "command".to_owned(),
        format!("camweave {}", words.join(" ")),
    );
    let mut runs = Vec::new();
    for (place, index) in ab::interleaved(settings.len(), common.repeat.into())
        .into_iter()
        .enumerate()
    {
        if interrupted.load(Ordering::Acquire) {
            break;
        }
        let setting = &settings[index];
        let plan = Plan {
            graph: setting.graph,
            feeder: &match setting.fps {
                Some(fps) => feeder.live(setting.cameras, fps),
                None => feeder.first(setting.cameras),
            },
            warm_up: common.warm_up,
            seconds: common.seconds,
            model: model.clone(),
            stages: setting.stages.clone(),
            spans: setting.spans,
            wrapper: Vec::new(),
            out: &out,
            name: "run".to_owned(),
        };
        let mut run = measure(&plan, &interrupted, &mut |_, _| {})?.run;
        if let Some(fps) = setting.fps
            && !common.files.is_empty()
        {
            check_rate(fps, &clocks(&plan.folder()))?;
        }
        (run.graph, run.place) = (index, place);
        let told = match &run.partial {
            None if run.is_disturbed() => format!(
                "{:.1} frames/s, {:.2} cores used by other programs",
                run.combined_fps, run.other_cores
            ),
            None => format!("{:.1} frames/s", run.combined_fps),
            Some(reason) => format!("not whole: {reason}"),
        };
        note!("{}: {told}", setting.name);
        runs.push(run);
    }
    let points = settings
        .iter()
        .enumerate()
        .filter_map(|(index, setting)| point(setting, index, &runs))
        .collect();
    Ok(Series {
        settings: described,
        names: settings.iter().map(|it| it.name.clone()).collect(),
        points,
        runs,
    })
}

/// Files play at their own rate, so what was to come is known only if `--fps` is that one.
fn check_rate(fps: f64, clocks: &Clocks) -> Result<(), CliError> {
    match clocks
        .values()
        .find(|(_, own)| (own - fps).abs() > 0.01 * fps)
    {
        Some((_, own)) => Err(CliError::new(
            Exit::Configuration,
            format!(
                "--fps {fps}: the files have {own} frames/s, expected their own rate: --fps {own}"
            ),
        )),
        None => Ok(()),
    }
}

fn point(setting: &Setting<'_>, index: usize, runs: &[Run]) -> Option<Point> {
    let whole: Vec<&Run> = runs
        .iter()
        .filter(|run| run.graph == index && run.is_compared())
        .collect();
    if whole.is_empty() {
        return None;
    }
    let mean = |value: &dyn Fn(&Run) -> f64| {
        whole.iter().map(|run| value(run)).sum::<f64>() / whole.len() as f64
    };
    let rates = whole.iter().map(|run| run.combined_fps);
    // What the detector takes at once: cpu-infer may give each frame of it to a thread of its own.
    let frames_per_inference = |run: &Run| {
        let mut detectors = run.spans.values().filter(|it| it.contains_key("infer"));
        let rows = detectors.next()?.get("rows")?;
        Some(rows.frames as f64 / rows.calls.max(1) as f64)
    };
    let known: Vec<f64> = whole
        .iter()
        .filter_map(|run| frames_per_inference(run))
        .collect();
    let combined_fps = mean(&|run| run.combined_fps);
    Some(Point {
        name: setting.name.clone(),
        cameras: setting.cameras,
        per_camera_fps: combined_fps / f64::from(setting.cameras.max(1)),
        combined_fps,
        combined_range: (
            rates.clone().fold(f64::INFINITY, f64::min),
            rates.fold(0.0, f64::max),
        ),
        latency_p50_ms: mean(&|run| run.latency_ms.p50),
        cpu_ms: mean(&Run::cpu_ms),
        dropped_percent: mean(&Run::dropped_percent),
        frames_per_inference: (!known.is_empty())
            .then(|| known.iter().sum::<f64>() / known.len() as f64),
    })
}

/// Writes the results and prints them; a run that is not whole is told by the exit code.
///
/// # Errors
/// The file cannot be written, or a run was not whole.
pub fn finish(
    series: &Series,
    json: bool,
    (out, name): (&Path, &str),
    table: &str,
) -> Result<Exit, CliError> {
    report(series, json, (out, name), table)?;
    let partial = series.runs.iter().find_map(|run| run.partial.clone());
    match partial {
        None => Ok(Exit::Success),
        Some(reason) => Err(CliError::new(
            Exit::Incomplete,
            format!("a run is incomplete: {reason}"),
        )),
    }
}

/// As [`finish`], for a benchmark whose table judges runs that are not whole.
///
/// # Errors
/// The file cannot be written.
pub fn report(
    series: &Series,
    json: bool,
    (out, name): (&Path, &str),
    table: &str,
) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(series)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    error::write(&Folder::open(out)?, name, text.as_bytes())?;
    if json {
        say!("{text}");
    } else {
        say!("{table}");
    }
    let disturbed = series.runs.iter().filter(|run| run.is_disturbed()).count();
    if disturbed > 0 {
        note!(
            "during {disturbed} of {} runs other programs used more than {DISTURBING_CORES} cores: measure again on a quiet machine",
            series.runs.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use camweave_compare::run::Span;

    use super::*;

    #[test]
    fn a_rate_that_is_not_the_files_is_refused_with_theirs() {
        let clocks = |fps| Clocks::from([("cam1".to_owned(), (1, fps))]);
        assert!(check_rate(25.0, &clocks(25.0)).is_ok());
        assert!(check_rate(30.0, &clocks(29.97)).is_ok());
        let error = check_rate(25.0, &clocks(10.0)).expect_err("ten are not 25");
        assert!(error.to_string().contains("--fps 10"), "{error}");
    }

    #[test]
    fn points_are_means_of_whole_runs() {
        let run = |graph: usize, fps: f64, partial: Option<&str>| Run {
            graph,
            combined_fps: fps,
            partial: partial.map(str::to_owned),
            spans: [(
                "infer".to_owned(),
                // Batches of 3.5, each frame on a thread of its own.
                [("rows", 10), ("infer", 35)]
                    .map(|(name, calls)| {
                        let span = Span {
                            calls,
                            frames: 35,
                            ..Span::default()
                        };
                        (name.to_owned(), span)
                    })
                    .into(),
            )]
            .into(),
            ..Run::default()
        };
        let graph = Graph {
            path: PathBuf::new(),
            descriptor: dora_core::descriptor::Descriptor::new(Vec::new()),
            declared: std::collections::BTreeSet::new(),
            unknown_keys: Vec::new(),
        };
        let setting = Setting {
            name: "four".to_owned(),
            graph: &graph,
            cameras: 4,
            fps: None,
            stages: Vec::new(),
            spans: SpanMode::Stats,
        };
        let runs = [
            run(0, 999.0, None),
            run(1, 40.0, None),
            run(1, 1.0, Some("ended")),
            run(1, 60.0, None),
        ];
        let found = point(&setting, 1, &runs).expect("whole runs");
        assert_eq!((found.combined_fps, found.per_camera_fps), (50.0, 12.5));
        assert_eq!(found.combined_range, (40.0, 60.0));
        assert_eq!(found.frames_per_inference, Some(3.5));
        assert!(point(&setting, 2, &runs).is_none());
    }
}
