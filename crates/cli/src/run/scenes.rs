//! What simulated cameras show.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;

use camweave_runner::{Simulator, places};

use crate::error::CliError;

/// What the cameras show.
#[derive(Debug, Clone)]
pub struct Scenes {
    /// How many cameras.
    pub cameras: u32,
    /// Length of the run.
    pub seconds: f64,
    /// Which scenes.
    pub seed: u64,
    /// Frames per second.
    pub fps: String,
    /// Pictures per second of each camera that are detected on; `None`: all.
    pub detect_fps: Option<f64>,
    /// Such as `640x360`.
    pub size: String,
    /// `h264` or `h265`.
    pub codec: String,
    /// Files instead of scenes.
    pub media: Vec<PathBuf>,
    /// Whether the cameras begin again at the end.
    pub again: bool,
    /// Seconds over which the cameras' first frames are spread.
    pub stagger_seconds: f64,
}

impl Scenes {
    /// Starts the cameras; see [`Simulator::start`].
    ///
    /// # Errors
    /// They cannot start, or `interrupted` was set before they were ready.
    pub fn start(
        &self,
        record: &Path,
        cameras_file: &Path,
        interrupted: &AtomicBool,
    ) -> Result<Simulator, CliError> {
        Simulator::start(
            &places::sibling("camera-sim")?,
            self.arguments(),
            (record, cameras_file),
            Stdio::inherit(),
            interrupted,
        )
    }

    fn arguments(&self) -> Vec<OsString> {
        let pairs = [
            ("--cameras", self.cameras.to_string()),
            ("--seconds", self.seconds.to_string()),
            ("--seed", self.seed.to_string()),
            ("--stagger", self.stagger_seconds.to_string()),
            ("--fps", self.fps.clone()),
            ("--size", self.size.clone()),
            ("--codec", self.codec.clone()),
        ];
        let detect_fps = self.detect_fps.map(|fps| ("--detect-fps", fps.to_string()));
        // A file may have B frames: the end of the session gives out the last pictures, which a
        // decoder would hold back while the camera is silent.
        let end = match (self.again, self.media.is_empty()) {
            (true, _) => Some("loop"),
            (false, false) => Some("bye"),
            (false, true) => None,
        };
        let end = end.map(|end| ("--at-end", end.to_owned()));
        let pairs = pairs.into_iter().chain(detect_fps).chain(end);
        let words = pairs.flat_map(|(name, value)| [name.into(), value.into()]);
        let media = self.media.iter();
        let media = media.flat_map(|file| ["--media".into(), file.into()]);
        words.chain(media).collect()
    }
}
