//! What a run leaves behind, read as its users read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use camweave_telemetry::StageReport;
use serde::Deserialize;
use tempfile::TempDir;

/// One line of `detections.jsonl`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// The camera's id.
    pub camera: String,
    /// When the source opened the session.
    pub session_unix_nanos: i64,
    /// The frame's number in its session.
    pub sequence: u64,
    /// Presentation time.
    pub pts_nanos: i64,
    /// When the picture was taken.
    pub captured_unix_nanos: i64,
    /// `sender-report`, `arrival` or `file`.
    pub captured_clock: String,
    /// When the detections reached the sink.
    pub detected_unix_nanos: i64,
    /// Width of the picture.
    pub width: u32,
    /// Height of the picture.
    pub height: u32,
    /// `[x1, y1, x2, y2]` in pixels of the picture.
    pub boxes: Vec<[f32; 4]>,
    /// 0 to 1.
    pub scores: Vec<f32>,
    /// Class names.
    pub labels: Vec<String>,
    /// Class ids.
    pub class_ids: Vec<u32>,
    /// Track ids.
    pub track_ids: Vec<Option<u64>>,
    /// Of each box what models of a second stage give.
    pub attributes: Option<Vec<Vec<Attribute>>>,
    /// Stage, enter and leave in monotonic nanoseconds; only with `CAMWEAVE_PASSES=on`.
    pub passes: Option<Vec<(String, i64, i64)>>,
}

/// What a model of a second stage gives of a box.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Attribute {
    /// Of which kind it is.
    pub name: String,
    /// What the object is of this kind.
    pub label: String,
    /// 0 to 1.
    pub conf: f32,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// One camera in `summary.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CameraSummary {
    /// The camera's id.
    pub id: String,
    /// Frames that came from the camera.
    pub frames_sent: u64,
    /// Frames that were decoded.
    pub frames_decoded: u64,
    /// Frames whose detections reached the sink.
    pub frames_detected: u64,
    /// Frames that a stage dropped, by `stage.reason`.
    pub dropped: BTreeMap<String, u64>,
    /// Frames that went with a process, by stage.
    pub lost: BTreeMap<String, u64>,
    /// Frames between source and sink.
    pub under_way: u64,
    /// Detected frames per second.
    pub fps: f64,
    /// From capture to the sink.
    pub latency_ms: Latency,
    /// What the source says of the camera.
    #[serde(default)]
    pub state: Option<String>,
    /// Errors, by `stage.kind`.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
}

impl CameraSummary {
    /// Frames that were dropped, for any reason.
    #[must_use]
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Frames that went with a process.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Checks that each frame that was sent has one place, after the end of the run.
    ///
    /// # Panics
    /// If one has none, or two.
    pub fn check_account(&self) {
        let places = self.frames_detected + self.dropped_in_all() + self.lost_in_all();
        assert_eq!(
            (self.frames_sent, self.under_way),
            (places, 0),
            "the account of camera '{}' does not close: {self:?}",
            self.id
        );
    }
}

/// `summary.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Summary {
    /// By camera.
    pub cameras: Vec<CameraSummary>,
    /// Detected frames per second of all cameras.
    pub combined_fps: f64,
    /// What the stages say of themselves, by `stage.fact`.
    pub facts: BTreeMap<String, String>,
}

impl Summary {
    /// One camera.
    ///
    /// # Panics
    /// If the summary does not know it.
    #[must_use]
    pub fn camera(&self, id: &str) -> &CameraSummary {
        let found = self.cameras.iter().find(|camera| camera.id == id);
        found.unwrap_or_else(|| panic!("camera '{id}' is not in the summary: {:?}", self.cameras))
    }
}

/// Where a run writes: gone after the test, unless the test fails. What the run left
/// is what explains the failure then.
#[derive(Debug)]
pub struct RunFolder(TempDir);

impl RunFolder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("camweave-run-").tempdir();
        Self(folder.expect("a temporary folder"))
    }

    /// The folder with `out/`, `stats/` and `dora.log`.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        self.0.disable_cleanup(std::thread::panicking());
    }
}

/// All of it.
#[derive(Debug)]
pub struct Results {
    /// Exit code of dora; none if a signal ended it.
    pub exit_code: Option<i32>,
    /// `detections.jsonl`.
    pub lines: Vec<Line>,
    /// `summary.json`.
    pub summary: Summary,
    /// The reports of all stages.
    pub reports: Vec<StageReport>,
    /// What dora and the nodes wrote on its output.
    pub log: String,
    /// Where all of it lies.
    pub folder: Arc<RunFolder>,
}

impl Results {
    /// The lines of one camera, in the order of the file.
    #[must_use]
    pub fn lines_of(&self, camera: &str) -> Vec<&Line> {
        self.lines
            .iter()
            .filter(|line| line.camera == camera)
            .collect()
    }

    /// Checks that the account of each camera closes, and that what was detected is in the file.
    ///
    /// # Panics
    /// If it does not, or is not.
    pub fn check_accounts(&self) {
        for camera in &self.summary.cameras {
            camera.check_account();
            // A sink that is killed between writing and counting has written what it has not counted.
            let lines = self.lines_of(&camera.id).len() as u64;
            let at_most = camera.frames_detected + camera.lost.get("sink").copied().unwrap_or(0);
            assert!(
                (camera.frames_detected..=at_most).contains(&lines),
                "{lines} lines of {camera:?}"
            );
        }
    }

    /// The report of one node.
    ///
    /// # Panics
    /// If the node has left none.
    #[must_use]
    pub fn report(&self, stage: &str) -> &StageReport {
        let found = self.reports.iter().find(|report| report.stage == stage);
        found.unwrap_or_else(|| panic!("node '{stage}' has left no report"))
    }
}
