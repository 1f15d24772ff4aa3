//! Measurements as a user starts them: `camweave ab` and `profile`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use camweave_tests::{PATIENCE, binary, wait_for, workspace};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a clip, and where the lock of measurements is this test's own.
pub struct Place(pub TempDir);

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        super::clip(folder.path(), "clip.mp4", 20, &["-c:v", "libx264"]);
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `camweave ab` of two graphs on two cameras that show the clip.
    pub fn ab(&self, a: &Path, b: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(binary("camweave"));
        command
            .arg("ab")
            .args([a, b])
            .args(["--cameras", "2", "--warm-up", "0.2", "--repeat", "1"])
            .arg("--files")
            .arg(self.path("clip.mp4"))
            // The machine of a test may be busy.
            .arg("--keep-disturbed")
            .args(more);
        self.finish(command)
    }

    /// `camweave profile` of a graph, which prints JSON.
    pub fn profile(&self, graph: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(binary("camweave"));
        command.arg("profile").arg(graph).args(more);
        command.args(["--warm-up", "0.2", "--seconds", "2", "--json"]);
        self.finish(command)
    }

    /// With the output in this folder and its own lock.
    pub fn finish(&self, mut command: Command) -> Command {
        command
            .arg("--out")
            .arg(self.path("out"))
            .env("XDG_RUNTIME_DIR", self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn summary(&self) -> Value {
        let text = fs::read(self.path("out/summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Starts a long comparison and waits until frames come through.
    pub fn long(&self) -> Child {
        let graph = graph("cpu-sequential.yml");
        let child = self
            .ab(&graph, &graph, &["--seconds", "600"])
            .spawn()
            .expect("camweave can be started");
        let lines = self.path("out/A-1/detections.jsonl");
        wait_for("the first detections", PATIENCE, || {
            fs::metadata(&lines).ok().filter(|file| file.len() > 0)
        });
        // Behind the warm-up.
        std::thread::sleep(Duration::from_secs(2));
        child
    }
}

pub fn graph(name: &str) -> PathBuf {
    workspace().join("dataflows").join(name)
}

pub fn run(mut command: Command) -> Output {
    command.output().expect("camweave can be started")
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
