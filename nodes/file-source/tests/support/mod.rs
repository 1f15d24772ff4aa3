//! Runs the stage without a graph, and the `ffmpeg` command.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use camweave_file_source::FileSource;
use camweave_message::{Passage, Unit};
use camweave_stage::telemetry::CameraCounters;
use camweave_stage::{Context, Declared, Output, Stage, StageError};
use tempfile::TempDir;

/// A stage alone, with a folder for files.
pub struct Run {
    pub stage: FileSource,
    pub context: Context,
    out: Output<Unit>,
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test's files")
}

pub fn open(folder: &Path, values: &[(&str, &str)]) -> Result<Run, StageError> {
    // A test that fails shows what the node said.
    let _ = camweave_stage::telemetry::log::start();
    let context = Context::for_tests("file-source", folder);
    let stage = FileSource::open_declared(&Declared::of(values.iter().copied()), &context)?;
    Ok(Run {
        stage,
        context,
        out: Output::default(),
    })
}

impl Run {
    pub fn tick(&mut self) -> Vec<Unit> {
        self.stage.tick(&mut self.out).expect("a tick");
        self.out.take().into_iter().flatten().collect()
    }

    /// Ticks until `count` units are there: files are read on threads of their own.
    pub fn collect(&mut self, count: usize) -> Vec<Unit> {
        let give_up = Instant::now() + Duration::from_secs(20);
        let mut units = self.tick();
        while units.len() < count {
            assert!(Instant::now() < give_up, "{} of {count} units", units.len());
            std::thread::sleep(Duration::from_millis(5));
            units.extend(self.tick());
        }
        units
    }

    /// When there is something to do next, once the next unit has been read.
    pub fn deadline(&mut self) -> Instant {
        let give_up = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(deadline) = self.stage.deadline() {
                return deadline;
            }
            assert!(Instant::now() < give_up, "nothing more is to come");
            std::thread::sleep(Duration::from_millis(5));
            assert!(self.tick().is_empty(), "nothing is due");
        }
    }

    pub fn give_back(&mut self, units: &[Unit]) {
        let rows = units
            .iter()
            .map(|unit| Passage {
                id: unit.id.clone(),
                trace: unit.trace.clone(),
            })
            .collect();
        self.stage.rows(rows, &mut self.out).expect("passages");
    }

    pub fn close(&mut self) -> Vec<Unit> {
        self.stage.close(&mut self.out).expect("a close");
        self.out.take().into_iter().flatten().collect()
    }

    /// Runs to the end as the runtime would, every frame coming back at once.
    pub fn play_to_end(&mut self) -> Vec<Unit> {
        let mut units = Vec::new();
        let give_up = Instant::now() + Duration::from_secs(60);
        while !self.stage.finished() {
            let sent = self.tick();
            self.give_back(&sent);
            if sent.is_empty() {
                let now = Instant::now();
                assert!(now < give_up, "the stage never finished");
                // Without a deadline the thread of a file wakes the stage.
                let until = self
                    .stage
                    .deadline()
                    .unwrap_or(now + Duration::from_millis(2));
                std::thread::sleep(
                    until
                        .saturating_duration_since(now)
                        .min(Duration::from_millis(50)),
                );
            }
            units.extend(sent);
        }
        assert!(self.close().is_empty(), "everything was sent before");
        units
    }

    pub fn counters(&self, camera: &str) -> CameraCounters {
        self.context.counters.report().cameras[camera].clone()
    }
}

/// Checks the end of the session and the counters; the units before it.
pub fn frames(run: &Run, camera: &str, units: &[Unit]) -> Vec<Unit> {
    let units: Vec<Unit> = units
        .iter()
        .filter(|it| *it.id.camera == *camera)
        .cloned()
        .collect();
    let (end, frames) = units.split_last().expect("units");
    assert!(end.data.is_empty() && frames.iter().all(|unit| !unit.data.is_empty()));
    for (sequence, unit) in units.iter().enumerate() {
        assert_eq!(unit.id.sequence, sequence as u64);
        assert_eq!(unit.id.session_unix_nanos, end.id.session_unix_nanos);
    }
    let counters = run.counters(camera);
    let dropped: u64 = counters.dropped.values().sum();
    // The unit that ends the session is no frame.
    assert_eq!(counters.received, frames.len() as u64 + dropped);
    frames.to_vec()
}

/// Makes a file with the `ffmpeg` command: `arguments` stand between input and output.
pub fn make(folder: &Path, name: &str, seconds: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source = format!("testsrc2=size=192x128:rate=25:duration={seconds}");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(arguments)
        .arg(&path);
    run(&mut command);
    path
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

/// The MD5 of each picture, in presentation order.
pub fn picture_hashes(path: &Path) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args([
        "-map",
        "0:v:0",
        "-vsync",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]);
    let text = run(&mut command);
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

/// One field of each packet, as the `ffprobe` command sees it.
pub fn packets(path: &Path, field: &str) -> Vec<String> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries"]);
    command
        .arg(format!("packet={field}"))
        .args(["-of", "csv=p=0"])
        .arg(path);
    run(&mut command)
        .lines()
        .map(|line| line.trim_matches(',').trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Writes units as an elementary stream that begins with the first of them.
pub fn write_stream(folder: &Path, name: &str, units: &[Unit]) -> PathBuf {
    let path = folder.join(name);
    let bytes: Vec<u8> = units
        .iter()
        .flat_map(|unit| unit.data.as_slice().to_vec())
        .collect();
    std::fs::write(&path, bytes).expect("the stream is written");
    path
}

/// Writes VP9 or AV1 units as an IVF file.
pub fn write_ivf(folder: &Path, name: &str, fourcc: [u8; 4], units: &[Unit]) -> PathBuf {
    let mut bytes = b"DKIF\0\0\x20\0".to_vec();
    bytes.extend(fourcc);
    bytes.extend([192, 0, 128, 0]);
    for number in [25_u32, 1, units.len() as u32, 0] {
        bytes.extend(number.to_le_bytes());
    }
    for (index, unit) in units.iter().enumerate() {
        bytes.extend((unit.data.len() as u32).to_le_bytes());
        bytes.extend((index as u64).to_le_bytes());
        bytes.extend(unit.data.as_slice());
    }
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the file is written");
    path
}

/// A frame as the `ffprobe` command shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownFrame {
    /// Since the first frame. `None`: it has none for this frame.
    pub nanos: Option<i64>,
    /// The packet that it was in, counted in the order of the file.
    pub packet: usize,
}

/// The frames in the order in which they are shown.
pub fn shown_frames(path: &Path) -> Vec<ShownFrame> {
    let entries = |what: &str, fields: &str| -> Vec<Vec<(String, String)>> {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-select_streams", "v:0", "-show_entries"]);
        command
            .arg(format!("{what}={fields}"))
            .args(["-of", "compact=p=0"])
            .arg(path);
        let text = run(&mut command);
        let lines = text.lines().map(|line| {
            line.split('|')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<Vec<_>>()
        });
        lines.filter(|pairs| !pairs.is_empty()).collect()
    };
    let get = |pairs: &[(String, String)], key: &str| -> String {
        let found = pairs.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let positions: Vec<String> = entries("packet", "pos")
        .iter()
        .map(|packet| get(packet, "pos"))
        .collect();
    let frames = entries("frame", "best_effort_timestamp_time,pkt_pos");
    let seconds = |frame: &[(String, String)]| -> Option<f64> {
        get(frame, "best_effort_timestamp_time").parse().ok()
    };
    let frames: Vec<_> = frames
        .iter()
        .filter(|frame| !get(frame, "pkt_pos").is_empty())
        .collect();
    let first = frames
        .first()
        .and_then(|frame| seconds(frame))
        .unwrap_or(0.0);
    frames
        .iter()
        .map(|frame| {
            let position = get(frame, "pkt_pos");
            ShownFrame {
                nanos: seconds(frame).map(|it| ((it - first) * 1e6).round() as i64 * 1000),
                packet: positions
                    .iter()
                    .position(|it| *it == position)
                    .expect("the frame's packet"),
            }
        })
        .collect()
}

/// Files one behind the other, as recorders of transport streams do.
pub fn concatenated(folder: &Path, name: &str, parts: &[PathBuf]) -> PathBuf {
    let path = folder.join(name);
    let bytes: Vec<u8> = parts
        .iter()
        .flat_map(|part| std::fs::read(part).expect("a part"))
        .collect();
    std::fs::write(&path, bytes).expect("writable");
    path
}
