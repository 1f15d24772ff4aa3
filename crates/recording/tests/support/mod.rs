//! Footage that FFmpeg has encoded, as a source gives it, and what FFmpeg says of clips.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_message::{
    CapturedClock, Codec, Direction, Event, EventKind, EventPhase, FrameId, Trace, Unit,
};
use camweave_outdir::Retention;
use camweave_recording::{Clip, Plan, Recorder, Report, Sidecar, Store, clips, read_sidecar};
use camweave_testing::{frame_id, unit};

pub const SECOND: i64 = 1_000_000_000;
/// When the first frame of a session was captured.
pub const BEGIN: i64 = 1_796_064_483 * SECOND;

pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && error.is_empty(),
        "{command:?}: {error}"
    );
    String::from_utf8(output.stdout).expect("text")
}

/// One access unit.
#[derive(Debug, Clone)]
pub struct Coded {
    pub data: Vec<u8>,
    pub keyframe: bool,
    pub pts_nanos: i64,
}

/// A file as FFmpeg has written it, and its access units.
#[derive(Debug, Clone)]
pub struct Footage {
    pub codec: Codec,
    pub units: Vec<Coded>,
    /// The MD5 of each frame, in presentation order.
    pub hashes: Vec<String>,
}

impl Footage {
    /// So many seconds at 10 frames/s, a keyframe every two seconds.
    pub fn new(codec: Codec, seconds: u32, size: &str, b_frames: u32) -> Self {
        let scene = format!("testsrc2=size={size}:rate=10:duration={seconds}");
        Self::of(codec, &scene, b_frames)
    }

    /// A scene of FFmpeg's filters, a keyframe every 20 frames.
    pub fn of(codec: Codec, scene: &str, b_frames: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("source.mp4");
        let (name, nal) = match codec {
            Codec::H265 => ("hevc", NalCodec::H265),
            _ => ("h264", NalCodec::H264),
        };
        let mut encode = Command::new("ffmpeg");
        encode.args(["-v", "error", "-f", "lavfi", "-i", scene]);
        if nal == NalCodec::H265 {
            let options = format!(
                "log-level=error:keyint=20:min-keyint=20:scenecut=0:open-gop=0:bframes={b_frames}"
            );
            encode.args(["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"]);
            encode.args(["-x265-params", &options]);
        } else {
            let frames = b_frames.to_string();
            encode.args(["-c:v", "libx264", "-preset", "veryfast", "-bf", &frames]);
            encode.args(["-g", "20", "-keyint_min", "20", "-sc_threshold", "0"]);
        }
        run(encode.args(["-pix_fmt", "yuv420p"]).arg(&path));
        let stream = folder.path().join(name);
        let filters = format!("{name}_mp4toannexb,{name}_metadata=aud=insert");
        let mut copy = Command::new("ffmpeg");
        copy.args(["-v", "error", "-i"]).arg(&path);
        run(copy
            .args(["-c", "copy", "-bsf:v", &filters, "-f", name])
            .arg(&stream));
        let bytes = std::fs::read(&stream).expect("the stream");
        let packets = packets(&path);
        let first = packets.iter().map(|it| it.0).min().unwrap_or(0);
        let units = access_units(nal, &bytes);
        assert_eq!(units.len(), packets.len());
        let units = units
            .into_iter()
            .zip(packets)
            .map(|(data, (pts, keyframe))| Coded {
                data,
                keyframe,
                pts_nanos: pts - first,
            });
        Self {
            codec,
            units: units.collect(),
            hashes: hashes(&path),
        }
    }

    /// The access units of a camera's session that begins `begin_seconds` after [`BEGIN`].
    pub fn session(&self, camera: &str, session: i64, begin_seconds: i64) -> Vec<Unit> {
        let all = self.units.iter().enumerate();
        all.map(|(index, coded)| Unit {
            id: FrameId {
                session_unix_nanos: session,
                pts_nanos: coded.pts_nanos,
                captured_unix_nanos: BEGIN + begin_seconds * SECOND + coded.pts_nanos,
                captured_clock: CapturedClock::SenderReport,
                ..frame_id(camera, index as u64)
            },
            codec: self.codec,
            keyframe: coded.keyframe,
            data: coded.data.clone().into(),
            ..unit(camera, 0)
        })
        .collect()
    }
}

/// Presentation time in nanoseconds, and whether it is a keyframe.
fn packets(path: &Path) -> Vec<(i64, bool)> {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-show_entries",
        "packet=pts_time,flags",
        "-of",
        "csv=p=0",
    ]);
    let text = run(command.arg(path));
    let packet = |line: &str| {
        let (time, flags) = line.split_once(',')?;
        let seconds: f64 = time.parse().ok()?;
        Some(((seconds * 1e9).round() as i64, flags.starts_with('K')))
    };
    text.lines()
        .map(|line| packet(line).expect("a packet"))
        .collect()
}

fn access_units(codec: NalCodec, bytes: &[u8]) -> Vec<Vec<u8>> {
    let begins = StartCodes::new(bytes)
        .filter(|code| codec.kind(&bytes[code.nal_at..]) == NalKind::Delimiter)
        .map(|code| code.code_at);
    let begins: Vec<usize> = begins.chain([bytes.len()]).collect();
    let pairs = begins.windows(2);
    pairs.map(|it| bytes[it[0]..it[1]].to_vec()).collect()
}

/// The MD5 of each frame that FFmpeg decodes, in presentation order. It must find nothing wrong.
pub fn hashes(path: &Path) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    let text = run(command.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.rsplit(',').next()?.trim().to_owned()))
        .collect()
}

/// When FFmpeg presents each frame of a clip, in seconds.
pub fn presented(path: &Path) -> Vec<f64> {
    let mut times: Vec<f64> = packets(path).iter().map(|it| it.0 as f64 / 1e9).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// A recorder, in a folder of its own, whose time goes as its units' does.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub recorder: Recorder,
    pub now: Instant,
    pub reports: Vec<Report>,
}

impl Bench {
    pub fn new(plan: &Plan) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = Plan {
            folder: folder.path().to_owned(),
            ..plan.clone()
        };
        let store = Store::open(&plan.folder, "test").expect("free");
        let recorder = Recorder::start(store, plan, || {}).expect("threads");
        Self {
            folder,
            recorder,
            now: Instant::now(),
            reports: Vec::new(),
        }
    }

    pub fn units<'a>(&mut self, units: impl IntoIterator<Item = &'a Unit>) {
        for unit in units {
            self.recorder.unit(unit, self.now);
            self.wait_for_room();
            self.pass(Duration::from_millis(100));
        }
    }

    /// The test's units come faster than any camera's.
    fn wait_for_room(&self) {
        while self.recorder.waiting_bytes() > 4 << 20 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.recorder.tick(self.now);
        self.reports.extend(self.recorder.take_reports());
    }

    /// The end; the clips and their sidecars, by begin.
    pub fn close(mut self) -> (Vec<(Clip, Sidecar)>, Vec<Report>, tempfile::TempDir) {
        assert!(
            self.recorder
                .close(Instant::now() + Duration::from_secs(60))
        );
        self.reports.extend(self.recorder.take_reports());
        (recorded(self.folder.path()), self.reports, self.folder)
    }
}

pub fn recorded(folder: &Path) -> Vec<(Clip, Sidecar)> {
    let all = clips(folder).expect("listed").into_iter();
    let all = all.map(|clip| {
        let sidecar = read_sidecar(&clip.path).expect("a sidecar");
        (clip, sidecar)
    });
    all.collect()
}

/// All names in the folder, hidden ones as well.
pub fn names(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(names(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// For tests of what is recorded, not of how long it is kept.
pub fn plan() -> Plan {
    Plan {
        pre_roll: Duration::from_secs(3),
        post_roll: Duration::from_secs(2),
        retention: Retention::default(),
        ..Plan::default()
    }
}

/// What is known of an event by the frame of `unit`: seconds since [`BEGIN`].
pub fn event(unit: &Unit, name: &str, began: f64, ended: Option<f64>) -> Event {
    let at = |seconds: f64| BEGIN + (seconds * 1e9) as i64;
    Event {
        id: unit.id.clone(),
        trace: Trace::default(),
        event: Arc::from(name),
        phase: match ended {
            Some(_) => EventPhase::End,
            None => EventPhase::New,
        },
        kind: EventKind::Crossing,
        rule: Arc::from("gate"),
        direction: Some(Direction::In),
        began_unix_nanos: at(began),
        ended_unix_nanos: ended.map(at),
        track_ids: vec![7],
        label: Arc::from("person"),
        score: 0.5,
        place: Some([0.1, 0.2, 0.3, 0.4]),
        value: 1.0,
        entered: 1,
        left: 0,
    }
}
