//! `camweave replay`: recorded clips through a graph, as a test of a new model or topology on the
//! owner's own cameras.

mod clips;
mod drawing;
mod findings;
mod footage;
mod picture;
mod pictures;
mod ranking;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_outdir::Folder;
use camweave_runner::{Dataflow, Launch, claim_log, places};
use camweave_stage::{CheckDepth, Exit};
use camweave_telemetry::SpanMode;
use clap::Args;

use crate::ab::{absolute, setting};
use crate::engine;
use crate::error::{self, CliError};
use crate::graph::{Feed, Graph, Settings, Variables};
use crate::run::interruption;
use crate::say::{note, say};
use crate::shipped;

use clips::Replayed;
use findings::Findings;

/// Frames of each clip that are under way: decoders keep some back to reorder them.
const WINDOW: u32 = 48;
/// How often the graph is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A graph in which no frame arrives for so long has stopped.
const STALLED_AFTER: Duration = Duration::from_secs(120);
/// The comparison, for programs.
const RESULT: &str = "replay.json";

/// What 'camweave replay' is asked.
#[derive(Debug, Args)]
pub struct Options {
    /// A clip of a recorder, or a folder of them
    #[arg(value_name = "CLIP|FOLDER")]
    clips: PathBuf,
    /// The graph: a file, or the name of one that 'camweave graphs' lists
    #[arg(long)]
    graph: PathBuf,
    /// Another model than the graph's
    #[arg(long)]
    model: Option<PathBuf>,
    /// A setting for all nodes that know it, as in the graph's root 'env:'; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    env: Vec<(String, String)>,
    /// Clips that are played at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: u16,
    /// Pictures of the frames that differ most; 0: none
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1000))]
    pictures: u16,
    /// Folder for the results
    #[arg(long, default_value = "out/replay")]
    out: PathBuf,
}

/// Plays the clips and compares.
///
/// # Errors
/// What makes it impossible. That something differs is a result, told by the exit code.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let interrupted = interruption()?;
    let (clips, unusable) = clips::find(&options.clips)?;
    for why in &unusable {
        note!("left out: {why}");
    }
    let graph = open(options)?;
    let model = absolute(options.model.as_ref())?;
    engine::prepare(std::slice::from_ref(&graph), model.as_deref(), &interrupted)?;
    let out = Folder::open(&options.out)?;
    if options.pictures > 0 {
        // A folder of somebody else's is found before anything is played.
        out.claim_folder(pictures::FOLDER)?;
    }
    let mut replayed = Vec::new();
    let mut played = 0;
    let mut failed = None;
    for (turn, batch) in clips.chunks(options.at_once.into()).enumerate() {
        let folder = out.claim_folder(&format!("turn-{}", turn + 1))?;
        failed = play(&graph, model.as_ref(), batch, &folder, &interrupted).err();
        // What was not played to its end is no part of the comparison.
        if failed.is_some() || interrupted.load(Ordering::Acquire) {
            break;
        }
        replayed.extend(findings::read(&folder.path().join("detections.jsonl"))?);
        played += batch.len();
        note!("{played} of {} clips played", clips.len());
    }
    let recorded: Vec<_> = clips[..played]
        .iter()
        .flat_map(|it| it.seen.clone())
        .collect();
    let most = match interrupted.load(Ordering::Acquire) {
        true => 0,
        false => usize::from(options.pictures),
    };
    let pictures = pictures::write(&out, &clips[..played], &replayed, most, &interrupted)?;
    let found = Findings {
        pictures,
        clips: played,
        not_played: clips.len() - played + unusable.len(),
        ..Findings::new(&recorded, &replayed)
    };
    let json = serde_json::to_vec_pretty(&found)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    error::write(&out, RESULT, &json)?;
    show(&clips[..played], &found)?;
    if !found.pictures.is_empty() {
        say!(
            "{} pictures of frames that differ: {}",
            found.pictures.len(),
            out.path().join(pictures::FOLDER).display()
        );
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if played < clips.len() {
        return Err(CliError::new(
            Exit::Incomplete,
            format!("interrupted; {played} of {} clips were played", clips.len()),
        ));
    }
    if found.all.frames == 0 {
        return Err(CliError::new(
            Exit::Incomplete,
            "no frame was detected both when it was recorded and now",
        ));
    }
    if !unusable.is_empty() {
        return Err(CliError::new(
            Exit::Incomplete,
            format!(
                "{} clips could not be replayed, as said above",
                unusable.len()
            ),
        ));
    }
    Ok(if found.are_same() {
        Exit::Success
    } else {
        Exit::Differs
    })
}

fn open(options: &Options) -> Result<Graph, CliError> {
    places::check_dora()?;
    let path = &options.graph;
    let mut graph = Graph::read(&shipped::named(path)?, &Variables::new())?;
    for (name, value) in &options.env {
        graph.declare(name, value)?;
    }
    let mut whole = graph.clone();
    whole.complete();
    whole.check(CheckDepth::Settings).refuse(path)?;
    Ok(graph)
}

/// Plays these clips at once, each to its end.
fn play(
    graph: &Graph,
    model: Option<&PathBuf>,
    clips: &[Replayed],
    folder: &Folder,
    interrupted: &AtomicBool,
) -> Result<(), CliError> {
    let _lock = folder.lock("run", "camweave replay", Duration::ZERO)?;
    let earlier = folder.set_aside(&["dora.log"])?;
    folder.claim_folder("stats")?;
    let files = clips.iter().map(|it| (it.id.clone(), it.path.clone()));
    let settings = Settings {
        feed: Feed::Files {
            files: files.collect(),
            window: WINDOW,
            are_recorded: true,
        },
        out: folder.path().to_owned(),
        model: model.cloned(),
        stages: Vec::new(),
    };
    let derived = graph.derive(&settings)?;
    error::write(folder, "graph.yml", derived.as_bytes())?;
    let spans = SpanMode::Off.as_str();
    let mut dataflow = Dataflow::start(&Launch {
        graph: folder.path().join("graph.yml"),
        log: claim_log(folder)?,
        stats: folder.path().join("stats"),
        env: vec![("CAMWEAVE_SPANS".to_owned(), spans.into())],
        declare: Vec::new(),
        wrapper: Vec::new(),
    })?;
    wait(
        &mut dataflow,
        &folder.path().join("detections.jsonl"),
        interrupted,
    )?;
    earlier.remove()?;
    Ok(())
}

/// Waits until the graph has ended by itself, as it does when its files have.
fn wait(dataflow: &mut Dataflow, written: &Path, interrupted: &AtomicBool) -> Result<(), CliError> {
    let length = || std::fs::metadata(written).map_or(0, |it| it.len());
    let (mut bytes, mut since) = (0, Instant::now());
    loop {
        if let Some(status) = dataflow.ended() {
            if status.success() {
                return Ok(());
            }
            // With the stage's own line, where one has given up.
            return dataflow.check();
        }
        if interrupted.load(Ordering::Acquire) {
            dataflow.stop();
            return Ok(());
        }
        if length() != bytes {
            (bytes, since) = (length(), Instant::now());
        }
        if since.elapsed() > STALLED_AFTER {
            dataflow.stop();
            return Err(CliError::new(
                Exit::Incomplete,
                format!(
                    "no frame has arrived for {} s: {}",
                    STALLED_AFTER.as_secs(),
                    dataflow.log_end()
                ),
            ));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn show(clips: &[Replayed], found: &Findings) -> Result<(), CliError> {
    let frames: u64 = clips.iter().map(|it| it.frames).sum();
    let seconds: f64 = clips.iter().map(|it| it.seconds).sum();
    say!(
        "{} clips, {frames} frames, {seconds:.0} s; {} frames compared",
        clips.len(),
        found.all.frames
    );
    if found.missing > 0 {
        say!(
            "{} frames were detected when they were recorded, and are not now",
            found.missing
        );
    }
    if found.further > 0 {
        say!(
            "{} frames were not detected when they were recorded, and are now: not compared",
            found.further
        );
    }
    if found.scaled > 0 {
        say!(
            "{} frames were detected in another size, on another stream of the camera than the recorded one: their boxes are scaled, and differ as far as the streams do",
            found.scaled
        );
    }
    if !found.classes.is_empty() {
        say!("{}", found.table().trim_end());
    }
    say!("{}", found.all.text());
    Ok(())
}
