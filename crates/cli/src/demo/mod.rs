//! `camweave demo`: simulated cameras, a graph, results on screen and on disk.

mod options;
mod progress;
mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_sink::Summary;
use camweave_stage::Exit;

pub use options::Options;

use crate::error::CliError;
use crate::graph::{Graph, Variables};
use crate::run::{Dataflow, Launch, Scenes, Simulator, interruption};
use crate::{doctor, engine, places};
use progress::Progress;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// No camera delivers for this long after the start: the run is given up.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(60);
/// After the last frame was sent, what is under way may take this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// The folder that the run writes into, by part.
struct Folder(PathBuf);

impl Folder {
    fn create(path: &Path) -> Result<Self, CliError> {
        fs::create_dir_all(path).map_err(|error| CliError::file("create", path, &error))?;
        let path = path
            .canonicalize()
            .map_err(|error| CliError::file("open", path, &error))?;
        let folder = Self(path);
        // Results of an earlier run must not pass for this one's.
        for old in [folder.stats(), folder.record()] {
            if old.exists() {
                fs::remove_dir_all(&old).map_err(|error| CliError::file("remove", &old, &error))?;
            }
        }
        let entries =
            fs::read_dir(&folder.0).map_err(|error| CliError::file("list", &folder.0, &error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".png") || ["summary.json", "detections.jsonl"].contains(&&*name) {
                fs::remove_file(entry.path())
                    .map_err(|error| CliError::file("remove", &entry.path(), &error))?;
            }
        }
        Ok(folder)
    }

    fn stats(&self) -> PathBuf {
        self.0.join("stats")
    }

    fn record(&self) -> PathBuf {
        self.0.join("cameras")
    }

    fn summary(&self) -> PathBuf {
        self.0.join("summary.json")
    }

    fn read_summary(&self) -> Option<Summary> {
        serde_json::from_slice(&fs::read(self.summary()).ok()?).ok()
    }
}

/// Runs the demo.
///
/// # Errors
/// What makes the run impossible. A camera that does not deliver is a result: the exit
/// code says so, and the results of the others are written all the same.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let interrupted = interruption()?;
    let workspace = places::workspace()?;
    options.check()?;
    let graph = options.graph(&workspace, doctor::missing_for_gpu)?;
    let model = options.model(&workspace)?;
    engine::prepare(
        [&Graph::read(&graph, &Variables::new())?],
        Some(&model),
        &interrupted,
    )?;
    let folder = Folder::create(&options.out)?;
    let simulator = match &options.cameras_file {
        Some(_) => None,
        None => Some(Simulator::start(
            &scenes(options),
            &folder.record(),
            &folder.0.join("cameras.yml"),
            &interrupted,
        )?),
    };
    let cameras = match &options.cameras_file {
        Some(file) => {
            camweave_rtsp_source::cameras::load(file)
                .map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
            file.canonicalize()
                .map_err(|error| CliError::file("open", file, &error))?
        }
        None => folder.0.join("cameras.yml"),
    };
    eprintln!("graph: {}", graph.display());
    let mut dataflow = Dataflow::start(&Launch {
        graph,
        folder: folder.0.clone(),
        stats: folder.stats(),
        env: vec![
            ("CAMERAS".to_owned(), cameras.into_os_string()),
            ("MODEL".to_owned(), model.into_os_string()),
            ("OUT".to_owned(), folder.0.clone().into_os_string()),
        ],
        wrapper: Vec::new(),
    })?;
    let watched = watch(
        options,
        &folder,
        simulator.as_ref(),
        &mut dataflow,
        &interrupted,
    );
    let stopped = dataflow.stop();
    let record = simulator.map(Simulator::stop).transpose();
    watched?;
    stopped?;
    let (summary, failures) = results::finish(options, &folder, record?.is_some())?;
    println!("{}", camweave_sink::render(&summary, 160));
    for line in results::closing_lines(&summary, &folder.0) {
        println!("{line}");
    }
    if failures.is_empty() {
        return Ok(Exit::Success);
    }
    Err(CliError::new(Exit::Incomplete, failures.join("; ")))
}

/// Waits until every camera has sent its frames and they have come through.
fn watch(
    options: &Options,
    folder: &Folder,
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
            first.get_or_insert_with(Instant::now);
        } else if started.elapsed() > FIRST_FRAME_WITHIN {
            return Ok(());
        }
        progress.show(summary.as_ref());
        let over = match simulator {
            Some(simulator) => simulator.ended(),
            None => first.is_some_and(|first| first.elapsed().as_secs_f64() >= options.seconds),
        };
        if over {
            let since = *sent_all.get_or_insert_with(Instant::now);
            let through = summary.as_ref().is_some_and(|summary| {
                !summary.cameras.is_empty()
                    && summary
                        .cameras
                        .iter()
                        .all(|camera| camweave_sink::accounted(camera) == 0)
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
        size: options.size.clone(),
        codec: options.codec.clone(),
        media: options.media.clone(),
        again: false,
        stagger_seconds: 0.0,
    }
}
