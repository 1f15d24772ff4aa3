use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use clap::{Args, ValueEnum};

use crate::error::CliError;

/// Which graph runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// One inference for the frames of all cameras at a time.
    Batched,
    /// One inference per frame.
    Sequential,
}

impl Topology {
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Sequential => "sequential",
        }
    }
}

/// The demo's options.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Number of simulated cameras
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub cameras: u32,
    /// Length of the run, in seconds
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// With or without the batcher
    #[arg(long, value_enum, default_value_t = Topology::Batched)]
    pub topology: Topology,
    /// Frames per second of each simulated camera
    #[arg(long, default_value = "8")]
    pub fps: String,
    /// Picture size of each simulated camera
    #[arg(long, value_name = "WxH", default_value = "640x360")]
    pub size: String,
    /// Codec of each simulated camera
    #[arg(long, default_value = "h264", value_parser = ["h264", "h265"])]
    pub codec: String,
    /// A media file that the cameras show instead of rendered scenes; may be repeated
    #[arg(long, value_name = "FILE")]
    pub media: Vec<PathBuf>,
    /// Your own cameras instead of simulated ones
    #[arg(long, value_name = "cameras.yml", conflicts_with_all = ["media", "cameras", "fps", "size", "codec", "seed"])]
    pub cameras_file: Option<PathBuf>,
    /// The detector: an Ultralytics-style ONNX file [default: models/camweave-street-448x256.onnx]
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// Which scenes are rendered; no value shows scenes that the detector was trained on
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/demo")]
    pub out: PathBuf,
}

impl Options {
    /// Checks what the command line's parser cannot.
    pub fn check(&self) -> Result<(), CliError> {
        if !(self.seconds.is_finite() && (1.0..=86_400.0).contains(&self.seconds)) {
            return Err(CliError::new(
                Exit::Configuration,
                format!(
                    "--seconds {}: expected a number from 1 to 86400",
                    self.seconds
                ),
            ));
        }
        Ok(())
    }

    /// The detector's file.
    pub fn model(&self, workspace: &Path) -> Result<PathBuf, CliError> {
        let path = self
            .model
            .clone()
            .unwrap_or_else(|| workspace.join("models/camweave-street-448x256.onnx"));
        path.canonicalize()
            .map_err(|error| CliError::file("open the model", &path, &error))
    }
}
