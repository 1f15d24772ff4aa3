//! The simulated cameras, a process of their own.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use camweave_stage::Exit;

use super::process::{bound, interrupt, wait};
use crate::error::CliError;
use crate::{evaluate, places};

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

/// A running `camera-sim`.
pub struct Simulator {
    child: Child,
    record: PathBuf,
    lines: Option<mpsc::Receiver<String>>,
    has_said_so: Cell<bool>,
}

impl Simulator {
    /// Starts the cameras and waits until they are ready; their progress goes to standard error.
    /// What they send is recorded in the folder `record`, and `cameras_file` is written for a source.
    ///
    /// # Errors
    /// The cameras cannot start, or `interrupted` was set before they were ready.
    pub fn start(
        scenes: &Scenes,
        record: &Path,
        cameras_file: &Path,
        interrupted: &AtomicBool,
    ) -> Result<Self, CliError> {
        let program = places::sibling("camera-sim")?;
        let mut command = bound(program.as_os_str());
        command
            .arg("serve")
            .args(["--cameras", &scenes.cameras.to_string()])
            .args(["--seconds", &scenes.seconds.to_string()])
            .args(["--seed", &scenes.seed.to_string()])
            .args(["--stagger", &scenes.stagger_seconds.to_string()])
            .args([
                "--fps",
                &scenes.fps,
                "--size",
                &scenes.size,
                "--codec",
                &scenes.codec,
            ])
            .args(["--port", "0"])
            .arg("--record")
            .arg(record)
            .arg("--write-cameras")
            .arg(cameras_file);
        if let Some(fps) = scenes.detect_fps {
            command.args(["--detect-fps", &fps.to_string()]);
        }
        for file in &scenes.media {
            command.arg("--media").arg(file);
        }
        if scenes.again {
            command.args(["--at-end", "loop"]);
        } else if !scenes.media.is_empty() {
            // A file may have B frames: the end of the session gives out the last pictures,
            // which a decoder would hold back while the camera is silent.
            command.args(["--at-end", "bye"]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Ctrl-C is this program's to pass on, in order.
            .process_group(0)
            .spawn()
            .map_err(|error| CliError::file("start", &program, &error))?;
        let lines = child.stdout.take().map(lines);
        let mut simulator = Self {
            child,
            record: record.to_owned(),
            lines,
            has_said_so: Cell::new(false),
        };
        loop {
            let line = simulator
                .lines
                .as_ref()
                .map(|lines| lines.recv_timeout(Duration::from_millis(100)));
            if let Some(Ok(line)) = line
                && line.contains("\"ready\":true")
            {
                return Ok(simulator);
            }
            if interrupted.load(Ordering::Acquire) {
                simulator.stop()?;
                return Err(CliError::new(
                    Exit::Incomplete,
                    "interrupted before the cameras were ready",
                ));
            }
            if let Ok(Some(status)) = simulator.child.try_wait() {
                let code = status.code().unwrap_or(-1);
                return Err(CliError::new(
                    Exit::Input,
                    format!(
                        "the simulated cameras could not start (exit code {code}); the reason stands above"
                    ),
                ));
            }
        }
    }

    /// Whether every camera has captured its last frame.
    pub fn ended(&self) -> bool {
        let lines = self.lines.iter().flat_map(mpsc::Receiver::try_iter);
        let says_so = lines.filter(|line| line.contains("\"ended\":true")).count() > 0;
        if says_so {
            self.has_said_so.set(true);
        }
        // The record needs room on a disk.
        self.has_said_so.get() || self.has_recorded_the_end()
    }

    fn has_recorded_the_end(&self) -> bool {
        evaluate::read_record(&self.record)
            .is_ok_and(|cameras| !cameras.is_empty() && cameras.iter().all(|camera| camera.ended))
    }

    /// Says goodbye to all clients; the record is complete afterwards.
    pub fn stop(mut self) -> Result<(), CliError> {
        interrupt(&self.child);
        wait(&mut self.child, Instant::now() + Duration::from_secs(5));
        Ok(())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        wait(&mut self.child, Instant::now());
    }
}

/// What the process prints; the thread ends with the process.
fn lines(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
