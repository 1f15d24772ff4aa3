//! Simulated cameras, in a process of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camweave_vision::metrics::FrameTruth;
use rustix::process::Signal;
use serde::Deserialize;
use tempfile::TempDir;

use crate::{PATIENCE, binary, kill, wait_for};

/// What the simulator notes of one camera in `cameras.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct CameraRecord {
    /// The camera's id.
    pub id: String,
    /// Frames per second.
    pub fps: f64,
    /// When frame 0 was captured, once it has been.
    pub t0_unix_nanos: Option<i64>,
    /// Frames that went out whole to a client.
    pub frames_sent: u64,
    /// Number of the first of them.
    pub first_frame_sent: Option<u64>,
    /// Number of the last of them.
    pub last_frame_sent: Option<u64>,
    /// Whether the last frame has been captured.
    pub ended: bool,
}

/// A running `camera-sim serve`; dropping it stops it.
#[derive(Debug)]
pub struct Cameras {
    child: Child,
    folder: TempDir,
    urls: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Ready {
    cameras: Vec<ReadyCamera>,
}

#[derive(Deserialize)]
struct ReadyCamera {
    id: String,
    url: String,
}

impl Cameras {
    /// Starts `camera-sim serve` with these arguments on a free port and waits until it serves.
    ///
    /// # Panics
    /// If the cameras cannot be started.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (record, yml) = (
            folder.path().join("record"),
            folder.path().join("cameras.yml"),
        );
        let errors = fs::File::create(folder.path().join("stderr")).expect("the folder is new");
        let mut child = Command::new(binary("camera-sim"))
            .args(["serve", "--port", "0"])
            .args(arguments)
            .arg("--record")
            .arg(record)
            .arg("--write-cameras")
            .arg(yml)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("camera-sim can be started");
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .expect("camera-sim writes text");
        }
        let ready: Ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let errors = fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
            panic!("camera-sim {arguments:?} does not serve: {errors}")
        });
        let urls = ready
            .cameras
            .into_iter()
            .map(|it| (it.id, it.url))
            .collect();
        Self {
            child,
            folder,
            urls,
        }
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
        &self.urls
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
        let path = self.record().join("cameras.json");
        let text = fs::read(&path).expect("the simulator keeps a record");
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
        kill(self.child.id(), Signal::TERM);
        // It says goodbye to its clients for a second at most.
        let _ = self.child.wait();
    }
}
