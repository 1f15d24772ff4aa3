//! Simulated cameras, in a process of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use camweave_runner::{CameraRecord, Simulator, read_record};
use camweave_vision::metrics::FrameTruth;
use tempfile::TempDir;

use crate::{PATIENCE, binary, wait_for};

/// A running `camera-sim serve`; dropping it stops it.
#[derive(Debug)]
pub struct Cameras {
    simulator: Simulator,
    folder: TempDir,
}

impl Cameras {
    /// Starts `camera-sim serve` with these arguments on a free port and waits until it serves.
    ///
    /// # Panics
    /// If the cameras cannot be started.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let errors = fs::File::create(path("stderr")).expect("the folder is new");
        let simulator = Simulator::start(
            &binary("camera-sim"),
            arguments,
            (&path("record"), &path("cameras.yml")),
            Stdio::from(errors),
            &AtomicBool::new(false),
        );
        let simulator = simulator.unwrap_or_else(|error| {
            let errors = fs::read_to_string(path("stderr")).unwrap_or_default();
            panic!("camera-sim {arguments:?}: {error}: {errors}")
        });
        Self { simulator, folder }
    }

    /// Starts so many cameras of 10 frames per second that show 20 s again and again.
    ///
    /// # Panics
    /// If the cameras cannot be started.
    #[must_use]
    pub fn endless(count: u32) -> Self {
        let count = count.to_string();
        let mut arguments = vec!["--cameras", &count, "--fps", "10"];
        arguments.extend(["--seconds", "20", "--at-end", "loop"]);
        Self::start(&arguments)
    }

    /// The pipeline's list of these cameras.
    #[must_use]
    pub fn yml(&self) -> PathBuf {
        self.folder.path().join("cameras.yml")
    }

    /// Id and URL of each camera.
    #[must_use]
    pub fn urls(&self) -> &[(String, String)] {
        self.simulator.cameras()
    }

    /// The folder with `cameras.json` and the truth files.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// What each camera has done, at most half a second ago.
    ///
    /// # Panics
    /// If the simulator has left no record.
    #[must_use]
    pub fn records(&self) -> Vec<CameraRecord> {
        read_record(&self.record()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The truth of each frame of one camera's scene.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn truth(&self, camera: &str) -> Vec<FrameTruth> {
        read_truth(&self.record().join(format!("{camera}.truth.jsonl")))
    }

    /// Waits until each camera has captured and sent its last frame.
    pub fn wait_until_ended(&self) {
        let patience = PATIENCE + Duration::from_secs(60);
        wait_for("the cameras' last frames", patience, || {
            self.records()
                .iter()
                .all(|camera| camera.ended)
                .then_some(())
        });
        // The record is half a second old at most: the next one has the last frame.
        std::thread::sleep(Duration::from_millis(1100));
    }
}

fn read_truth(path: &Path) -> Vec<FrameTruth> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

impl Drop for Cameras {
    fn drop(&mut self) {
        self.simulator.stop();
    }
}
