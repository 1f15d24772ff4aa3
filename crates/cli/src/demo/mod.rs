//! `camweave demo`: simulated cameras, a graph, results on screen and on disk.

mod folder;
mod options;
mod progress;
mod results;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_runner::{Dataflow, Launch, Simulator, claim_log, places};
use camweave_stage::{Exit, SIMULATED_VARIABLE};
use camweave_telemetry::read_reports;

pub use options::Options;

use crate::error::CliError;
use crate::graph::{Graph, Variables, describe};
use crate::run::{OwnCameras, Scenes, interruption, simulated};
use crate::say::{note, say};
use crate::{doctor, engine, shipped};
use folder::Folder;
use progress::Progress;
use results::SINK;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// No camera delivers for this long after the start: the run is given up.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(60);
/// After the last frame was sent, what is under way may take this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// The CUDA device of the GPU graphs.
const DEVICE: &str = "0";
/// Settings of the demo's nodes.
const DECLARED: [(&str, &str); 3] = [
    // What the demo found is in one file, and scored by it.
    ("SEGMENT_MIB", "0"),
    ("SEGMENT_MINUTES", "0"),
    // An engine is built in less than a third of the time of the default, 3, and batches take 2 to
    // 9 % longer (docs/engines.md).
    ("LEVEL", "1"),
];

/// Runs the demo.
///
/// # Errors
/// What makes the run impossible. A camera that does not deliver is a result: the exit
/// code says so, and the results of the others are written all the same.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let interrupted = interruption()?;
    options.check()?;
    places::check_dora()?;
    let own = options
        .cameras_file
        .as_deref()
        .map(OwnCameras::load)
        .transpose()?;
    let graph = shipped::graph(&options.graph(doctor::missing_for_gpu)?)?;
    let model = options.model()?;
    // What the graph takes from the environment, a shell's `OUT` and `DEVICE` among it, is set here.
    let variables: Variables = [
        (
            "CAMERAS",
            options.out.join("cameras.yml").display().to_string(),
        ),
        ("MODEL", model.display().to_string()),
        ("OUT", options.out.display().to_string()),
        ("DEVICE", DEVICE.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut read = Graph::read(&graph, &variables)?;
    for (name, value) in DECLARED {
        read.declare(name, value)?;
    }
    // For trt-infer it may be a plan, which `prepare` opens.
    if read.variables(camweave_engine::KIND).is_empty() {
        check_model(&model)?;
    }
    engine::prepare([&read], Some(&model), &interrupted)?;
    choose_engines(&read, &model)?;
    // Nothing of the folder is touched until all that can be checked before has been.
    let mut folder = Folder::open(&options.out, &camera_ids(options, own.as_ref()))?;
    let mut simulator = match &own {
        Some(_) => None,
        None => Some(scenes(options).start(&folder.record(), &folder.cameras(), &interrupted)?),
    };
    let cameras = own.map_or_else(|| folder.cameras(), |own| own.file);
    note!("graph: {}", graph.display());
    let mut dataflow = Dataflow::start(&Launch {
        graph,
        log: claim_log(folder.results())?,
        stats: folder.stats(),
        env: vec![
            (
                SIMULATED_VARIABLE.to_owned(),
                simulated(simulator.is_some() && options.media.is_empty()),
            ),
            ("CAMERAS".to_owned(), cameras.into_os_string()),
            ("MODEL".to_owned(), model.into_os_string()),
            ("OUT".to_owned(), folder.path().into()),
            ("DEVICE".to_owned(), DEVICE.into()),
        ],
        declare: DECLARED
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        wrapper: Vec::new(),
    })?;
    let watched = watch(
        options,
        &mut folder,
        simulator.as_ref(),
        &mut dataflow,
        &interrupted,
    );
    dataflow.stop();
    if let Some(simulator) = &mut simulator {
        simulator.stop();
    }
    watched?;
    if has_begun(&folder.stats()) {
        folder.started()?;
    }
    let (summary, failures, written) = results::finish(options, &folder, simulator.is_some())?;
    say!(
        "{}",
        camweave_sink::render(&summary, progress::results_room())
    );
    for line in results::closing_lines(&summary, folder.path()) {
        say!("{line}");
    }
    written?;
    if failures.is_empty() {
        return Ok(Exit::Success);
    }
    Err(CliError::new(Exit::Incomplete, failures.join("; ")))
}

/// Lets each cpu-infer of the graph choose its engine, which it measures once per model: no camera
/// waits for that. What it cannot open, it says itself when the graph runs.
fn choose_engines(graph: &Graph, model: &Path) -> Result<(), CliError> {
    let program = places::sibling("cpu-infer")?;
    let settings = describe(&program).map_or_else(Vec::new, |it| it.settings);
    for stage in graph.variables("cpu-infer") {
        let mut declared = stage.declared(&settings);
        declared.set("MODEL", model.display().to_string());
        let mut command = Command::new(&program);
        command.arg("--choose-engine");
        command.args(
            declared
                .own()
                .map(|(name, value)| format!("{name}={value}")),
        );
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        drop(command.stderr(Stdio::null()).status());
    }
    Ok(())
}

/// Checks what a stage that takes ONNX files would refuse, before anything of the folder is touched.
fn check_model(path: &Path) -> Result<(), CliError> {
    let checked = camweave_model::ModelFile::read(path);
    let checked = checked.map_err(|error| CliError::new(Exit::Input, error.to_string()))?;
    drop(checked);
    Ok(())
}

/// Whether the graph came as far as its sink, and no stage has given up: only then the folder has
/// a result of this run, even if that is that no frame came.
fn has_begun(stats: &Path) -> bool {
    let reports = read_reports(stats).unwrap_or_default();
    reports.iter().any(|report| report.kind == SINK)
        && reports.iter().all(|report| report.fatal.is_none())
}

fn camera_ids(options: &Options, own: Option<&OwnCameras>) -> Vec<String> {
    match own {
        Some(own) => own.ids.clone(),
        None => (1..=options.cameras)
            .map(|number| format!("cam{number}"))
            .collect(),
    }
}

/// Waits until every camera has sent its frames and they have come through.
fn watch(
    options: &Options,
    folder: &mut Folder,
    simulator: Option<&Simulator>,
    dataflow: &mut Dataflow,
    interrupted: &AtomicBool,
) -> Result<(), CliError> {
    let mut progress = Progress::new(options.seconds);
    let started = Instant::now();
    let mut first: Option<Instant> = None;
    let mut sent_all: Option<Instant> = None;
    loop {
        std::thread::sleep(LOOK_EVERY);
        if interrupted.load(Ordering::Acquire) {
            return Ok(());
        }
        dataflow.check()?;
        let summary = folder.read_summary();
        let detected = summary.as_ref().map_or(0, |summary| {
            summary
                .cameras
                .iter()
                .map(|camera| camera.frames_detected)
                .sum::<u64>()
        });
        if detected > 0 {
            if first.is_none() {
                folder.started()?;
            }
            first.get_or_insert_with(Instant::now);
        } else if started.elapsed() > FIRST_FRAME_WITHIN {
            return Ok(());
        }
        progress.show(summary.as_ref(), first.map(|first| first.elapsed()));
        let over = match simulator {
            Some(simulator) => simulator.ended(),
            None => first.is_some_and(|first| first.elapsed().as_secs_f64() >= options.seconds),
        };
        if over {
            let since = *sent_all.get_or_insert_with(Instant::now);
            let through = summary.as_ref().is_some_and(|summary| {
                !summary.cameras.is_empty()
                    && summary.cameras.iter().all(|camera| camera.under_way == 0)
            });
            // The sink's summary is up to a second old.
            let settled = since.elapsed() >= Duration::from_millis(1500);
            if (through && settled) || since.elapsed() >= DRAIN_WITHIN {
                return Ok(());
            }
        }
    }
}

fn scenes(options: &Options) -> Scenes {
    Scenes {
        cameras: options.cameras,
        seconds: options.seconds,
        seed: options.seed,
        fps: options.fps.clone(),
        detect_fps: None,
        size: options.size.clone(),
        codec: options.codec.clone(),
        media: options.media.clone(),
        again: false,
        stagger_seconds: 0.0,
    }
}
