//! What several tests need: clips, a simulator in process, and clients.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::SystemTime;

use camweave_camera_sim::clip::Clip;
use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::faults::{self, Fault};
use camweave_camera_sim::nal::Codec;
use camweave_camera_sim::{AtEnd, CameraConfig, Simulator, SimulatorConfig, media};
use futures::StreamExt as _;
use retina::client::{
    Credentials, Demuxed, PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions,
    Transport, UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, VideoFrame};
use retina::rtcp::TypedPacketRef;

pub const UNIX_EPOCH_NTP_SECONDS: i128 = 2_208_988_800;

/// Runs FFmpeg's command line on a test picture and gives the file it wrote.
pub fn make_media(dir: &Path, name: &str, seconds: u32, fps: &str, arguments: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let source = format!("testsrc2=size=320x180:rate={fps}:duration={seconds}");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source])
        .args(arguments)
        .arg("-y")
        .arg(&path)
        .output()
        .expect("ffmpeg is installed (Debian package ffmpeg)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}

/// A clip of 25 frames per second without B frames.
pub fn plain_clip(codec: Codec, seconds: u32) -> Clip {
    let dir = tempfile::tempdir().unwrap();
    let arguments = match codec {
        Codec::H264 => ["-c:v", "libx264", "-g", "25", "-bf", "0"].as_slice(),
        Codec::H265 => [
            "-c:v",
            "libx265",
            "-x265-params",
            "keyint=25:bframes=0:log-level=none",
        ]
        .as_slice(),
    };
    let path = make_media(dir.path(), "plain.mp4", seconds, "25", arguments);
    media::load(&path, &Encoding::default()).unwrap()
}

/// A camera that plays all of a clip once.
pub fn camera(id: &str, clip: Clip) -> CameraConfig {
    CameraConfig {
        id: id.to_owned(),
        frames_total: Some(clip.len()),
        clip: Arc::new(clip),
        truth: Vec::new(),
        faults: Vec::new(),
    }
}

pub fn fault(text: &str) -> Fault {
    faults::parse(&format!("*:{text}")).unwrap().1
}

/// A configuration with a free port whose cameras say goodbye.
pub fn config() -> SimulatorConfig {
    SimulatorConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        at_end: AtEnd::Bye,
        ..SimulatorConfig::default()
    }
}

pub async fn start(cameras: Vec<CameraConfig>) -> Simulator {
    Simulator::start(config(), cameras).await.unwrap()
}

pub fn url(simulator: &Simulator, camera: &str) -> String {
    format!("rtsp://{}/{camera}", simulator.address())
}

/// Runs a command without blocking the simulator.
pub async fn run(program: &'static str, arguments: Vec<String>) -> Output {
    tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}"))
    })
    .await
    .unwrap()
}

/// Connects `retina` and begins to play.
pub async fn play(
    url: &str,
    udp: bool,
    creds: Option<Credentials>,
) -> Result<Demuxed, retina::Error> {
    let options = SessionOptions::default()
        .user_agent("test".to_owned())
        .creds(creds);
    let mut session = Session::describe(url.parse().unwrap(), options).await?;
    let transport = if udp {
        Transport::Udp(UdpTransportOptions::default())
    } else {
        Transport::Tcp(TcpTransportOptions::default())
    };
    let setup = SetupOptions::default()
        .transport(transport)
        .frame_format(FrameFormat::SIMPLE);
    session.setup(0, setup).await?;
    session.play(PlayOptions::default()).await?.demuxed()
}

/// What a client saw of one frame.
pub struct Seen {
    /// Capture time by the latest sender report, nanoseconds since the Unix epoch.
    pub captured_unix_nanos: i128,
    /// When its first packet came, nanoseconds since the Unix epoch.
    pub received_unix_nanos: i128,
    pub rtp_timestamp: i64,
    pub loss: u16,
    pub random_access: bool,
    pub data: Vec<u8>,
}

/// A client that relates RTP times to the wall clock as RFC 3550, 6.4.1 says.
pub struct Viewer {
    demuxed: Demuxed,
    /// Wall clock in nanoseconds and RTP timestamp of the latest sender report.
    report: Option<(i128, u32)>,
}

impl Viewer {
    pub async fn connect(url: &str, udp: bool) -> Self {
        Self {
            demuxed: play(url, udp, None).await.unwrap(),
            report: None,
        }
    }

    /// The next frame; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            match self.demuxed.next().await? {
                Ok(CodecItem::VideoFrame(frame)) => return Some(self.seen(frame)),
                Ok(CodecItem::Rtcp(compound)) => {
                    for packet in compound.pkts() {
                        if let Ok(Some(TypedPacketRef::SenderReport(report))) = packet.as_typed() {
                            let ntp = i128::from(report.ntp_timestamp().0);
                            let nanos = (ntp * 1_000_000_000 + (1 << 31)) >> 32;
                            let unix = nanos - UNIX_EPOCH_NTP_SECONDS * 1_000_000_000;
                            self.report = Some((unix, report.rtp_timestamp()));
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn seen(&self, frame: VideoFrame) -> Seen {
        let (unix, rtp) = self.report.expect("a sender report before the first frame");
        let rtp_timestamp = frame.timestamp().timestamp();
        let ticks = (rtp_timestamp as u32).wrapping_sub(rtp) as i32;
        let received: SystemTime = frame.start_ctx().received_wall().into();
        Seen {
            captured_unix_nanos: unix + i128::from(ticks) * 1_000_000_000 / 90_000,
            received_unix_nanos: received
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_nanos() as i128,
            rtp_timestamp,
            loss: frame.loss(),
            random_access: frame.is_random_access_point(),
            data: frame.into_data(),
        }
    }

    /// All frames until the stream ends.
    pub async fn all(mut self) -> Vec<Seen> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

/// The frame number that a capture time belongs to, checked to a millisecond.
pub fn frame_number(seen: &Seen, t0_unix_nanos: u64, fps: f64) -> u64 {
    let offset = seen.captured_unix_nanos - i128::from(t0_unix_nanos);
    let number = (offset as f64 / 1e9 * fps).round();
    let exact = number / fps * 1e9;
    let off = (offset as f64 - exact).abs();
    assert!(off < 1e6, "captured {off} ns away from frame {number}");
    number as u64
}
