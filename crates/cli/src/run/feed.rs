//! What a measured graph sees: the same pictures in every run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use camweave_compare::agreement::Clocks;
use camweave_outdir::Folder;
use camweave_runner::{Simulator, places, read_record};
use camweave_stage::Exit;
use camweave_stage::message::Selection;
use clap::ValueEnum;

use super::Scenes;
use crate::error::CliError;
use crate::graph::Feed;

/// How fast frames come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pace {
    /// Simulated RTSP cameras in real time
    Live,
    /// Files, as fast as the graph returns frames (a closed loop)
    Fast,
}

/// Frames of each camera under way in a closed loop: enough that no stage waits for the next.
/// Rendered clips are not reordered; files may be, and decoders keep frames back for that.
const RENDERED_WINDOW: u32 = 8;
const FILES_WINDOW: u32 = 48;
/// Frames of a rendered clip; with 10 a second, half a minute until it begins again.
const CLIP_FRAMES: u32 = 300;
/// Real cameras are not in step: their first frames are spread over this time, so that neither
/// frames nor keyframes of all come at once.
const STAGGER_SECONDS: f64 = 2.0;
/// The scenes of the simulated cameras begin here (`camera-sim`'s rule), so that both paces
/// show the same streets.
const FIRST_SCENE: u64 = 1_000_000;

/// What the cameras of all runs show.
#[derive(Debug, Clone)]
pub struct Footage {
    /// How fast.
    pub pace: Pace,
    /// Number of cameras.
    pub cameras: u32,
    /// Frames per second of simulated cameras.
    pub fps: f64,
    /// Pictures per second of simulated cameras that are detected on; `None`: all.
    pub detect_fps: Option<f64>,
    /// Which scenes.
    pub seed: u64,
    /// Frame size of scenes.
    pub size: String,
    /// Files instead of scenes, assigned to the cameras in turn.
    pub files: Vec<PathBuf>,
    /// The user's own cameras instead of all that.
    pub own: Option<OwnCameras>,
}

/// The user's own cameras.
#[derive(Debug, Clone)]
pub struct OwnCameras {
    /// Their `cameras.yml`, absolute.
    pub file: PathBuf,
    /// Their ids.
    pub ids: Vec<String>,
    /// How many of them are detected on.
    pub detected: u32,
}

impl OwnCameras {
    /// Reads a `cameras.yml`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(file: &Path) -> Result<Self, CliError> {
        let cameras = camweave_cameras::load(file)
            .map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
        let absolute = file
            .canonicalize()
            .map_err(|error| CliError::file("open", file, &error))?;
        let detected = cameras.iter().filter(|it| it.selection != Selection::Off);
        let detected = u32::try_from(detected.count()).unwrap_or(u32::MAX);
        Ok(Self {
            file: absolute,
            ids: cameras.into_iter().map(|camera| camera.id).collect(),
            detected,
        })
    }
}

/// Feeds runs.
pub struct Feeder {
    footage: Footage,
    clips: Vec<PathBuf>,
}

impl Feeder {
    /// Checks the files; for the fast pace without any, renders scenes into the folder `clips` of
    /// the results.
    ///
    /// # Errors
    /// A file is not there, or scenes cannot be rendered.
    pub fn new(footage: Footage, out: &Folder) -> Result<Self, CliError> {
        let mut clips = Vec::new();
        for file in &footage.files {
            let path = file
                .canonicalize()
                .map_err(|error| CliError::file("open", file, &error))?;
            clips.push(path);
        }
        if clips.is_empty() && footage.pace == Pace::Fast {
            clips = render(&footage, out)?;
        }
        Ok(Self { footage, clips })
    }

    /// The first `cameras` of them.
    pub fn first(&self, cameras: u32) -> Self {
        Self {
            footage: Footage {
                cameras,
                ..self.footage.clone()
            },
            clips: self.clips.clone(),
        }
    }

    /// So many simulated cameras of so many frames per second, of which scenes and sizes are these.
    pub fn live(&self, cameras: u32, fps: f64) -> Self {
        let footage = Footage {
            pace: Pace::Live,
            cameras,
            fps,
            ..self.footage.clone()
        };
        // Clips that were rendered for the fast pace are not the user's files.
        let clips = match footage.files.is_empty() {
            true => Vec::new(),
            false => self.clips.clone(),
        };
        Self { footage, clips }
    }

    /// How many cameras there are.
    pub fn cameras(&self) -> u32 {
        self.footage.cameras
    }

    /// Whether all that the cameras show is rendered.
    pub fn is_simulated(&self) -> bool {
        self.footage.files.is_empty() && self.footage.own.is_none()
    }

    /// Starts what a run sees, for at least `seconds`; the record of it goes into `folder`.
    ///
    /// # Errors
    /// The cameras cannot be started.
    pub fn start(
        &self,
        seconds: f64,
        folder: &Path,
        interrupted: &AtomicBool,
    ) -> Result<(Feed, Option<Simulator>), CliError> {
        if self.footage.pace == Pace::Fast {
            let files = (0..self.footage.cameras as usize)
                .map(|index| {
                    let clip = self.clips[index % self.clips.len().max(1)].clone();
                    (format!("cam{}", index + 1), clip)
                })
                .collect();
            let window = if self.footage.files.is_empty() {
                RENDERED_WINDOW
            } else {
                FILES_WINDOW
            };
            let are_recorded = false;
            let feed = Feed::Files {
                files,
                window,
                are_recorded,
            };
            return Ok((feed, None));
        }
        if let Some(own) = &self.footage.own {
            return Ok((Feed::Cameras(own.file.clone()), None));
        }
        let scenes = Scenes {
            cameras: self.footage.cameras,
            seconds,
            seed: self.footage.seed,
            fps: self.footage.fps.to_string(),
            detect_fps: self.footage.detect_fps,
            size: self.footage.size.clone(),
            codec: "h264".to_owned(),
            media: self.clips.clone(),
            // A slow start of the graph must not run into the end of the scenes.
            again: true,
            stagger_seconds: STAGGER_SECONDS,
        };
        let cameras = folder.join("cameras.yml");
        let simulator = scenes.start(&folder.join("cameras"), &cameras, interrupted)?;
        Ok((Feed::Cameras(cameras), Some(simulator)))
    }
}

/// The clocks of a run's simulated cameras.
pub fn clocks(folder: &Path) -> Clocks {
    let records = read_record(&folder.join("cameras")).unwrap_or_default();
    records
        .into_iter()
        .filter_map(|camera| Some((camera.id, (camera.t0_unix_nanos?, camera.fps))))
        .collect()
}

/// One clip per camera, by the program that renders the detector's test scenes.
fn render(footage: &Footage, out: &Folder) -> Result<Vec<PathBuf>, CliError> {
    let folder = out.claim_folder("clips")?;
    let first = FIRST_SCENE + footage.seed * 1000;
    let seeds = first..first + u64::from(footage.cameras);
    folder.claim("classes.json")?;
    let mut clips = Vec::new();
    for seed in seeds.clone() {
        folder.claim(&format!("{seed}.jsonl"))?;
        clips.push(folder.claim(&format!("{seed}.mp4"))?);
    }
    let program = places::sibling("render-scenes")?;
    let status = Command::new(&program)
        .args(["--seeds", &format!("{}..{}", seeds.start, seeds.end)])
        .args(["--frames", &CLIP_FRAMES.to_string()])
        .args(["--burst", &CLIP_FRAMES.to_string()])
        .args(["--stride-seconds", "30", "--crf", "23..24"])
        .args(["--size", &footage.size])
        .arg("--out")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| CliError::file("start", &program, &error))?;
    if !status.success() {
        return Err(CliError::new(
            Exit::Input,
            format!("the scenes could not be rendered ({status}); the reason is above"),
        ));
    }
    Ok(clips)
}
