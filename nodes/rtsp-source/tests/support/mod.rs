//! Simulated cameras in process, and the stage without a graph.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_camera_sim::clip::Clip;
use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::{AtEnd, CameraConfig, Simulator, SimulatorConfig, faults, media};
use camweave_message::Unit;
use camweave_rtsp_source::RtspSource;
use camweave_stage::telemetry::CameraCounters;
use camweave_stage::{Context, Declared, Output, Stage, StageError};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const X264: &[&str] = &["-c:v", "libx264", "-x264-params", "keyint=10:bframes=0"];
/// Reordered pictures; one IDR at the beginning, CRA after it.
pub const X265_OPEN: &[&str] = &[
    "-c:v",
    "libx265",
    "-x265-params",
    "keyint=10:min-keyint=10:bframes=3:log-level=none",
];
pub const X264_B_FRAMES: &[&str] = &[
    "-c:v",
    "libx264",
    "-x264-params",
    "keyint=10:bframes=2:b-adapt=0",
];

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test's files")
}

/// A media file of 25 pictures a second.
pub fn make(folder: &Path, name: &str, pictures: u32, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source = format!(
        "testsrc2=size=320x180:rate=25:duration={}",
        f64::from(pictures) / 25.0
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]);
    command
        .args(["-pix_fmt", "yuv420p"])
        .args(arguments)
        .arg(&path);
    let output = command
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}

pub fn clip(file: &Path) -> Arc<Clip> {
    Arc::new(media::load(file, &Encoding::default()).expect("a clip"))
}

/// A camera that plays `pictures`, or indefinitely; `faults` as the simulator writes them.
pub fn camera(id: &str, clip: &Arc<Clip>, pictures: Option<u64>, faults: &[&str]) -> CameraConfig {
    let fault = |text: &&str| faults::parse(&format!("*:{text}")).expect("a fault").1;
    CameraConfig {
        id: id.to_owned(),
        clip: Arc::clone(clip),
        truth: Vec::new(),
        frames_total: pictures,
        faults: faults.iter().map(fault).collect(),
    }
}

/// Cameras that run in the background of a test.
pub struct Cameras {
    simulator: Option<Simulator>,
    runtime: Runtime,
}

impl Cameras {
    /// `auth`: `user:password`; `port`: 0 for any.
    pub fn start(cameras: Vec<CameraConfig>, auth: Option<&str>, port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let config = SimulatorConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            at_end: AtEnd::Bye,
            credentials: auth
                .map(|text| camweave_camera_sim::auth::Credentials::parse(text).expect("auth")),
            ..SimulatorConfig::default()
        };
        let simulator = runtime
            .block_on(Simulator::start(config, cameras))
            .expect("a simulator");
        Self {
            simulator: Some(simulator),
            runtime,
        }
    }

    pub fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("not killed")
    }

    pub fn port(&self) -> u16 {
        self.simulator().address().port()
    }

    /// When frame 0 of the only camera was captured.
    pub fn t0_unix_nanos(&self) -> i64 {
        self.simulator().records()[0]
            .t0_unix_nanos
            .expect("it has begun")
            .cast_signed()
    }

    /// All connections break at once.
    pub fn kill(mut self) {
        drop(self.simulator.take());
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }
}

/// The stage with a `cameras.yml`.
pub struct Source {
    stage: RtspSource,
    pub context: Context,
    out: Output<Unit>,
    pub units: Vec<Unit>,
    /// Frames of each camera that were counted and not kept.
    discarded: BTreeMap<String, u64>,
    pub folder: TempDir,
}

/// Opens the stage; `cameras`: the lines below `cameras:`.
pub fn open(cameras: &str, values: &[(&str, &str)]) -> Result<Source, StageError> {
    // A test that fails shows what the node said.
    let _ = camweave_stage::telemetry::log::start();
    let folder = folder();
    let file = folder.path().join("cameras.yml");
    std::fs::write(&file, format!("cameras:\n{cameras}")).expect("cameras.yml");
    let file = file.display().to_string();
    let mut all = vec![("CAMERAS", file.as_str())];
    all.extend(values);
    let context = Context::for_tests("rtsp-source", folder.path());
    let mut stage = RtspSource::open_declared(&Declared::of(all), &context)?;
    stage.begin()?;
    Ok(Source {
        stage,
        context,
        out: Output::default(),
        units: Vec::new(),
        discarded: BTreeMap::new(),
        folder,
    })
}

impl Source {
    /// Replaces the `cameras.yml`; `cameras`: the lines below `cameras:`.
    pub fn edit(&self, cameras: &str) {
        let new = self.folder.path().join("cameras.yml.new");
        std::fs::write(&new, format!("cameras:\n{cameras}")).expect("writable");
        std::fs::rename(new, self.folder.path().join("cameras.yml")).expect("in its place");
    }

    /// What the report says of `cameras.yml`.
    pub fn cameras_file(&self) -> String {
        let facts = self.context.counters.report().facts;
        facts.get("cameras_file").cloned().unwrap_or_default()
    }

    /// Runs until `done`, which must come true within a minute.
    pub fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let give_up = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let report = self.context.counters.report();
            assert!(Instant::now() < give_up, "never: {what}; {report:#?}");
            self.stage.tick(&mut self.out).expect("a tick");
            self.collect();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.stage.tick(&mut self.out).expect("a tick");
            self.collect();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As `run_for`, but keeps no units.
    pub fn discard_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.stage.tick(&mut self.out).expect("a tick");
            self.collect();
            self.discard();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn discard(&mut self) {
        for unit in self.units.drain(..).filter(|unit| !unit.data.is_empty()) {
            *self
                .discarded
                .entry(unit.id.camera.to_string())
                .or_default() += 1;
        }
    }

    /// How many frames of the camera were counted and not kept, or are still here.
    pub fn discarded(&mut self, camera: &str) -> u64 {
        self.discard();
        self.discarded.get(camera).copied().unwrap_or(0)
    }

    pub fn close(&mut self) {
        self.stage.close(&mut self.out).expect("a close");
        self.collect();
    }

    fn collect(&mut self) {
        self.units.extend(self.out.take().into_iter().flatten());
    }

    pub fn counters(&self, camera: &str) -> CameraCounters {
        self.context
            .counters
            .report()
            .cameras
            .get(camera)
            .cloned()
            .unwrap_or_default()
    }

    pub fn state(&self, camera: &str) -> String {
        self.counters(camera).state.unwrap_or_default()
    }

    pub fn errors(&self, camera: &str, kind: &str) -> u64 {
        self.counters(camera).errors.get(kind).copied().unwrap_or(0)
    }

    /// The camera's units by session, each with its end; checks what holds of all.
    pub fn sessions(&self, camera: &str) -> Vec<Vec<Unit>> {
        let mut sessions: Vec<Vec<Unit>> = Vec::new();
        for unit in self.units.iter().filter(|unit| *unit.id.camera == *camera) {
            match sessions.last_mut() {
                Some(session) if session[0].id.session_unix_nanos == unit.id.session_unix_nanos => {
                    session.push(unit.clone());
                }
                _ => sessions.push(vec![unit.clone()]),
            }
        }
        for session in &sessions {
            assert_eq!(session[0].id.pts_nanos, 0);
            for (sequence, unit) in session.iter().enumerate() {
                assert_eq!(unit.id.sequence, sequence as u64);
            }
            let ends = session.iter().filter(|unit| unit.data.is_empty()).count();
            assert!(ends <= 1);
        }
        let counters = self.counters(camera);
        let frames = sessions
            .iter()
            .flatten()
            .filter(|unit| !unit.data.is_empty());
        let sent = frames.count();
        let dropped: u64 = counters.dropped.values().sum();
        assert!(counters.received >= sent as u64 + dropped);
        sessions
    }

    /// Whether the camera's latest session has ended.
    pub fn has_ended(&self, camera: &str) -> bool {
        let last = self.units.iter().rfind(|unit| *unit.id.camera == *camera);
        last.is_some_and(|unit| unit.data.is_empty())
    }
}

/// Writes units as an elementary stream and decodes it: the MD5 of each picture.
pub fn picture_hashes(folder: &Path, name: &str, units: &[Unit]) -> Vec<String> {
    let path = folder.join(name);
    let bytes: Vec<u8> = units
        .iter()
        .flat_map(|unit| unit.data.as_slice().to_vec())
        .collect();
    std::fs::write(&path, bytes).expect("the stream is written");
    hashes_of(&path)
}

pub fn hashes_of(path: &Path) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-vsync", "passthrough", "-f", "framemd5", "-"]);
    let output = command
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            line.rsplit(',')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .collect()
}
