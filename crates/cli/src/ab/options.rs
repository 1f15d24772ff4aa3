use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;
use crate::graph::{Graph, Variables};
use crate::run::{Footage, OwnCameras, Pace};

/// What measured graphs see.
#[derive(Debug, Clone, Args)]
pub struct FootageOptions {
    /// Number of cameras
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub cameras: u32,
    /// Simulated RTSP cameras in real time, or files as fast as the graph returns frames [default:
    /// live; fast for 'profile', with --files and for a graph that plays files]
    #[arg(long, value_enum)]
    pub pace: Option<Pace>,
    /// Frames per second of each simulated camera
    #[arg(long, default_value_t = 8.0)]
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
    /// Your own cameras instead of simulated ones
    #[arg(long, value_name = "cameras.yml", conflicts_with_all = ["cameras", "fps", "detect_fps", "seed", "size", "files"])]
    pub cameras_file: Option<PathBuf>,
    /// A setting for all nodes that know it, as in the graph's root 'env:'; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    pub env: Vec<(String, String)>,
}

/// A size of frames, as the simulated cameras take it.
pub fn frame_size(text: &str) -> Result<String, String> {
    let is_side = |side: &u32| (64..=4096).contains(side) && side.is_multiple_of(2);
    let sides = text.split_once('x').map(|(width, height)| [width, height]);
    let sides = sides.map(|sides| sides.map(str::parse::<u32>));
    match sides {
        Some([Ok(width), Ok(height)]) if [width, height].iter().all(is_side) => Ok(text.to_owned()),
        _ => Err(
            "expected WIDTHxHEIGHT with even sides of 64 to 4096 pixels, such as 640x360"
                .to_owned(),
        ),
    }
}

/// Name and value of a setting.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE".to_owned())
}

impl FootageOptions {
    /// Checks what the command line's parser cannot.
    ///
    /// # Errors
    /// Names the option, its value and what was expected.
    pub fn check(&self) -> Result<(), CliError> {
        between("--fps", self.fps, 0.1, 1000.0)?;
        if let Some(fps) = self.detect_fps {
            between("--detect-fps", fps, 0.01, 1000.0)?;
        }
        Ok(())
    }

    /// What a measurement sets in a graph, so that a check does not miss it.
    pub fn variables(&self) -> Variables {
        ["CAMERAS", "FILES", "OUT"]
            .map(|name| {
                (
                    name.to_owned(),
                    format!("set-by-camweave-{}", name.to_lowercase()),
                )
            })
            .into()
    }

    /// All graphs see the same; one that plays files can only be fed with files.
    ///
    /// # Errors
    /// The pace and the graphs do not fit.
    pub fn footage(&self, graphs: &[Graph]) -> Result<Footage, CliError> {
        let plays_files = graphs
            .iter()
            .find(|graph| graph.stages("file-source").next().is_some());
        let pace = match (self.pace, plays_files) {
            (Some(Pace::Live), Some(graph)) => {
                return Err(CliError::new(
                    Exit::Configuration,
                    format!(
                        "--pace live: graph '{}' plays files, expected --pace fast",
                        graph.path.display()
                    ),
                ));
            }
            (Some(Pace::Fast), _) if self.cameras_file.is_some() => {
                return Err(CliError::new(
                    Exit::Configuration,
                    "--pace fast: cameras do not wait for a graph, expected --pace live with --cameras-file",
                ));
            }
            (_, Some(graph)) if self.cameras_file.is_some() => {
                return Err(CliError::new(
                    Exit::Configuration,
                    format!(
                        "--cameras-file: graph '{}' plays files, expected one with an rtsp-source",
                        graph.path.display()
                    ),
                ));
            }
            (None, None) if self.cameras_file.is_some() => Pace::Live,
            (Some(pace), _) => pace,
            (None, Some(_)) => Pace::Fast,
            (None, None) if !self.files.is_empty() => Pace::Fast,
            (None, None) => Pace::Live,
        };
        if self.detect_fps.is_some() && pace == Pace::Fast {
            return Err(CliError::new(
                Exit::Configuration,
                "--detect-fps: all frames of files are detected on, expected --pace live",
            ));
        }
        let own = self.cameras_file.as_deref().map(OwnCameras::load);
        let own = own.transpose()?;
        let cameras = own.as_ref().map_or(self.cameras, |own| own.detected);
        if cameras == 0 {
            return Err(CliError::new(
                Exit::Configuration,
                format!(
                    "--cameras-file '{}': all cameras have 'detect: off', expected one that is detected on",
                    own.as_ref()
                        .map_or_else(PathBuf::new, |own| own.file.clone())
                        .display()
                ),
            ));
        }
        Ok(Footage {
            pace,
            cameras,
            own,
            fps: self.fps,
            detect_fps: self.detect_fps,
            seed: self.seed,
            size: self.size.clone(),
            files: self.files.clone(),
        })
    }
}

/// Whether a number is in its range.
///
/// # Errors
/// Names the option, its value and what was expected.
pub fn between(option: &str, value: f64, low: f64, high: f64) -> Result<(), CliError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Configuration,
        format!("{option} {value}: expected a number from {low} to {high}"),
    ))
}

/// The detector's file, absolute.
///
/// # Errors
/// There is no such file.
pub fn absolute(model: Option<&PathBuf>) -> Result<Option<PathBuf>, CliError> {
    let absolute = |path: &PathBuf| {
        path.canonicalize()
            .map_err(|error| CliError::file("open the model", path, &error))
    };
    model.map(absolute).transpose()
}

/// Compare graphs.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The graphs; each is compared with the first
    #[arg(required = true, num_args = 2.., value_name = "GRAPH.yml")]
    pub graphs: Vec<PathBuf>,
    #[command(flatten)]
    pub footage: FootageOptions,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Seconds before each measurement, from the first frame of the last camera on
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub warm_up: f64,
    /// Runs of each graph; intervals need two, and are useful from three on
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub repeat: u16,
    /// A detector other than the graphs'
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// The folder for reports and runs
    #[arg(long, value_name = "FOLDER", default_value = "out/ab")]
    pub out: PathBuf,
    /// Also compare runs during which other programs used more than a tenth of a core, instead of
    /// repeating them
    #[arg(long)]
    pub keep_disturbed: bool,
    /// Write a Perfetto trace of the first run of each graph
    #[arg(long)]
    pub trace: bool,
    /// Run the graphs under Nsight Systems, one report per run
    #[arg(long)]
    pub nsys: bool,
    /// Run the graphs at the same time, each stopped while another has its turn of MS milliseconds:
    /// finds differences of a few percent in throughput and CPU time on a machine with varying
    /// speed
    #[arg(long, value_name = "MS", num_args = 0..=1, require_equals = true, default_missing_value = "100", value_parser = clap::value_parser!(u16).range(10..=300), conflicts_with_all = ["trace", "nsys"])]
    pub slices: Option<u16>,
}

impl Options {
    /// Runs of each graph at most.
    pub fn runs_of_each(&self) -> u32 {
        u32::from(self.repeat) * if self.repeats_disturbed() { 2 } else { 1 }
    }

    /// Whether disturbed runs are repeated. A profiler's own processes leave the tree of ours, and
    /// cannot be told from others'.
    pub fn repeats_disturbed(&self) -> bool {
        !self.keep_disturbed && self.slices.is_none() && !self.nsys
    }

    /// Checks what the command line's parser cannot.
    ///
    /// # Errors
    /// Names the option, its value and what was expected.
    pub fn check(&self) -> Result<(), CliError> {
        between("--seconds", self.seconds, 1.0, 86_400.0)?;
        between("--warm-up", self.warm_up, 0.0, 3600.0)?;
        self.footage.check()
    }

    /// Whether graphs and cameras can be held still.
    ///
    /// # Errors
    /// `--slices`, and cameras that send in real time, or stages on a GPU.
    pub fn check_slices(&self, graphs: &[Graph], footage: &Footage) -> Result<(), CliError> {
        if self.slices.is_none() {
            return Ok(());
        }
        let refused = |reason: String| Err(CliError::new(Exit::Configuration, reason));
        if footage.pace == Pace::Live {
            return refused(
                "--slices: live cameras do not wait for a stopped graph, expected --pace fast"
                    .to_owned(),
            );
        }
        for graph in graphs {
            if let Some(kind) = graph.kind_on_a_gpu() {
                return refused(format!(
                    "--slices: graph '{}' has the stage {kind}, and a GPU continues while its process is stopped; expected graphs on the CPU",
                    graph.path.display()
                ));
            }
        }
        Ok(())
    }

    /// What `dora run` is started by.
    ///
    /// # Errors
    /// `--nsys`, and the machine does not have it.
    pub fn wrapper(&self) -> Result<Vec<OsString>, CliError> {
        if !self.nsys {
            return Ok(Vec::new());
        }
        let found = Command::new("nsys")
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(CliError::new(
                Exit::Missing,
                "--nsys: 'nsys' was looked for on the PATH and not found; install Nsight Systems, or leave --nsys out",
            ));
        }
        let words = [
            "nsys",
            "profile",
            "--trace=cuda,nvtx,osrt",
            "--sample=none",
            "--force-overwrite=true",
        ];
        Ok(words.map(OsString::from).into())
    }
}
