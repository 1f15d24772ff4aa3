//! The simulated cameras, a process of their own.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use camweave_stage::Exit;
use serde::Deserialize;

use crate::RunError;
use crate::process::{bound, stop};

/// The cameras say goodbye to their clients for a second at most.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the simulator records of one camera in `cameras.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CameraRecord {
    /// The camera's id.
    pub id: String,
    /// Frames per second.
    pub fps: f64,
    /// When frame 0 was captured, once it has been.
    pub t0_unix_nanos: Option<i64>,
    /// Frames that the truth covers before it begins again.
    pub frames_in_clip: u64,
    /// Frames that were put on the wire, whole.
    pub frames_sent: u64,
    /// Number of the first of them.
    pub first_frame_sent: Option<u64>,
    /// Number of the last of them.
    pub last_frame_sent: Option<u64>,
    /// Whether the last frame has been captured.
    pub ended: bool,
}

/// Reads `cameras.json` of a record.
///
/// # Errors
/// The file cannot be read, or is none of a simulator.
pub fn read_record(folder: &Path) -> Result<Vec<CameraRecord>, RunError> {
    let path = folder.join("cameras.json");
    let text = fs::read(&path).map_err(|error| RunError::file("read", &path, &error))?;
    serde_json::from_slice(&text)
        .map_err(|error| RunError::new(Exit::Input, format!("'{}': {error}", path.display())))
}

/// A line that the simulator prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    ready: bool,
    ended: bool,
    cameras: Vec<Served>,
}

/// A camera, and where it is served.
#[derive(Debug, Deserialize)]
struct Served {
    id: String,
    url: String,
}

/// A running `camera-sim serve`; dropping it ends it at once.
#[derive(Debug)]
pub struct Simulator {
    child: Child,
    record: PathBuf,
    lines: mpsc::Receiver<Line>,
    cameras: Vec<(String, String)>,
    has_said_so: Cell<bool>,
}

impl Simulator {
    /// Starts the cameras that `arguments` of `camera-sim serve` describe, on a free port, and waits
    /// until they are ready; their progress goes to `errors`. What they send is recorded in the folder
    /// `record`, and `cameras_file` is written for a source.
    ///
    /// # Errors
    /// The cameras cannot start, or `interrupted` was set before they were ready.
    pub fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        (record, cameras_file): (&Path, &Path),
        errors: Stdio,
        interrupted: &AtomicBool,
    ) -> Result<Self, RunError> {
        let mut child = bound(program.as_os_str())
            .args(["serve", "--port", "0"])
            .args(arguments)
            .arg("--record")
            .arg(record)
            .arg("--write-cameras")
            .arg(cameras_file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Ctrl-C is this program's to pass on, in order.
            .process_group(0)
            .spawn()
            .map_err(|error| RunError::file("start", program, &error))?;
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            // The thread ends with the process.
            std::thread::spawn(move || forward(output, &sender));
        }
        let mut simulator = Self {
            child,
            record: record.to_owned(),
            lines,
            cameras: Vec::new(),
            has_said_so: Cell::new(false),
        };
        loop {
            let line = simulator.lines.recv_timeout(Duration::from_millis(100));
            if let Some(line) = line.ok().filter(|line| line.ready) {
                let cameras = line.cameras.into_iter();
                simulator.cameras = cameras.map(|it| (it.id, it.url)).collect();
                return Ok(simulator);
            }
            if interrupted.load(Ordering::Acquire) {
                simulator.stop();
                return Err(RunError::new(
                    Exit::Incomplete,
                    "interrupted before the cameras were ready",
                ));
            }
            if let Ok(Some(status)) = simulator.child.try_wait() {
                let code = status.code().unwrap_or(-1);
                return Err(RunError::new(
                    Exit::Input,
                    format!(
                        "the simulated cameras could not start (exit code {code}); the reason is above"
                    ),
                ));
            }
        }
    }

    /// Id and URL of each camera.
    #[must_use]
    pub fn cameras(&self) -> &[(String, String)] {
        &self.cameras
    }

    /// Whether every camera has captured its last frame.
    #[must_use]
    pub fn ended(&self) -> bool {
        if self.lines.try_iter().any(|line| line.ended) {
            self.has_said_so.set(true);
        }
        // The record needs room on a disk.
        self.has_said_so.get() || self.has_recorded_the_end()
    }

    fn has_recorded_the_end(&self) -> bool {
        read_record(&self.record)
            .is_ok_and(|cameras| !cameras.is_empty() && cameras.iter().all(|camera| camera.ended))
    }

    /// Says goodbye to all clients; the record is complete afterwards.
    pub fn stop(&mut self) {
        stop(&mut self.child, STOP_WITHIN);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends on what the process prints.
fn forward(output: ChildStdout, sender: &mpsc::Sender<Line>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str(&line) else {
            continue;
        };
        if sender.send(line).is_err() {
            return;
        }
    }
}
