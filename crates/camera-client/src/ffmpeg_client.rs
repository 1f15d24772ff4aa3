//! The second client: FFmpeg's demuxer, on a thread of its own per session.
//!
//! FFmpeg's calls wait; an interrupt ends them when the session does. What comes out
//! is checked and bounded by `camweave-demux`; at most [`AHEAD`] access units wait between the
//! thread and the camera's task.

use std::sync::Once;
use std::time::Duration;

use camweave_cameras::{Camera, Transport};
use camweave_demux::{
    AccessUnit, Interrupt, LiveError, LiveOptions, LiveRead, LiveSource, Protocol, RtspTransport,
};
use camweave_failure::FailureKind;
use futures::FutureExt;
use futures::future::BoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;
use url::Url;

use crate::client::{Client, Event, Frame, StreamInfo};
use crate::failure::Failure;

/// An access unit that contradicts itself.
pub const DAMAGED: &str = "damaged";
/// Access units between the thread and the task.
const AHEAD: usize = 2;
/// Times are nanoseconds.
const CLOCK_HZ: u32 = 1_000_000_000;
/// The camera's task has the limits that count; this one ends a thread that it forgot.
const STALL_AT_MOST: Duration = Duration::from_secs(600);
/// Seconds from 1900, where NTP begins, to 1970 (RFC 5905, figure 4).
const UNIX_EPOCH_NTP_SECONDS: u64 = 2_208_988_800;
const NANOS: u64 = 1_000_000_000;

/// What the thread sends.
enum Sent {
    Opened(StreamInfo),
    Unit(AccessUnit),
    Damaged,
    Failed(Failure),
}

struct FfmpegClient {
    info: StreamInfo,
    received: mpsc::Receiver<Sent>,
    /// Given out after the sender's clock.
    held: Option<Frame>,
    /// Access units that were there and are not fit to be sent, since the last that was.
    damaged: u32,
    has_clock: bool,
    _thread: StopOnDrop,
}

/// Ends the thread's calls.
struct StopOnDrop(Interrupt);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Client for FfmpegClient {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Event, Failure>> {
        self.next_event().boxed()
    }
}

impl FfmpegClient {
    async fn next_event(&mut self) -> Result<Event, Failure> {
        if let Some(frame) = self.held.take() {
            return Ok(Event::Frame(frame));
        }
        match self.received.recv().await {
            Some(Sent::Unit(unit)) => Ok(self.unit(unit)),
            Some(Sent::Opened(info)) => {
                self.info = info;
                Ok(Event::Alive)
            }
            Some(Sent::Damaged) => {
                self.damaged = self.damaged.saturating_add(1);
                Ok(Event::Dropped {
                    reason: DAMAGED,
                    frames: 1,
                })
            }
            Some(Sent::Failed(failure)) => Err(failure),
            None => Err(ended_by_itself()),
        }
    }

    fn unit(&mut self, unit: AccessUnit) -> Event {
        let frame = Frame {
            data: unit.data,
            keyframe: Some(unit.keyframe),
            timestamp: unit.pts_nanos,
            lost_packets: std::mem::take(&mut self.damaged).saturating_add(unit.losses),
            arrival_unix_nanos: unit.arrival_unix_nanos,
        };
        // The clock is told once, and taken back once it is no longer to be believed.
        let has_clock = unit.sender_unix_nanos.is_some();
        if has_clock == self.has_clock {
            return Event::Frame(frame);
        }
        self.has_clock = has_clock;
        let event = Event::SenderReport {
            ntp: unit.sender_unix_nanos.map_or(0, ntp),
            timestamp: frame.timestamp,
            arrival_unix_nanos: frame.arrival_unix_nanos,
        };
        self.held = Some(frame);
        event
    }
}

/// 32.32 fixed-point seconds since 1900, which end in 2036 and begin again.
fn ntp(unix_nanos: i64) -> u64 {
    let nanos = u64::try_from(unix_nanos).unwrap_or(0);
    let seconds = (nanos / NANOS).wrapping_add(UNIX_EPOCH_NTP_SECONDS);
    let fraction = ((nanos % NANOS) << 32) / NANOS;
    (seconds << 32) | fraction
}

fn ended_by_itself() -> Failure {
    Failure::new(FailureKind::Protocol, "FFmpeg's thread has ended by itself")
}

/// Opens the camera and waits until its codec is known.
pub async fn connect(
    camera: &Camera,
    connect_timeout: Duration,
) -> Result<Box<dyn Client>, Failure> {
    // libavformat prints URLs, with passwords in them.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        // Fails never: it registers what FFmpeg 4 wanted registered.
        let _ = ffmpeg_next::init();
        camweave_demux::silence();
        camweave_demux::limit_allocations();
    });
    let scheme = camera.url.expose().scheme();
    let protocol = Protocol::of_scheme(scheme)
        .ok_or_else(|| Failure::new(FailureKind::Protocol, format!("no client for '{scheme}'")))?;
    let options = LiveOptions {
        protocol,
        transport: match camera.transport {
            None => RtspTransport::TcpThenUdp,
            Some(Transport::Tcp) => RtspTransport::Tcp,
            Some(Transport::Udp) => RtspTransport::Udp,
        },
        connect_timeout,
        stall_timeout: STALL_AT_MOST,
    };
    let url = with_credentials(camera);
    let interrupt = Interrupt::default();
    let stop = StopOnDrop(interrupt.clone());
    let (sender, mut received) = mpsc::channel(AHEAD);
    std::thread::Builder::new()
        .name("ffmpeg".to_owned())
        .spawn(move || run(&url, options, &interrupt, &sender))
        .map_err(|error| {
            Failure::new(
                FailureKind::Protocol,
                format!("cannot start a thread: {error}"),
            )
        })?;
    match received.recv().await {
        Some(Sent::Opened(info)) => Ok(Box::new(FfmpegClient {
            info,
            received,
            held: None,
            damaged: 0,
            has_clock: false,
            _thread: stop,
        })),
        Some(Sent::Failed(failure)) => Err(failure),
        _ => Err(ended_by_itself()),
    }
}

/// The thread: opens, reads, and ends when it fails or when nobody takes what it has.
fn run(url: &str, options: LiveOptions, interrupt: &Interrupt, sender: &mpsc::Sender<Sent>) {
    let failure = match LiveSource::open(url, options, interrupt) {
        Ok(mut source) => match read(&mut source, options, sender) {
            Ok(()) => return,
            Err(error) => failure(error),
        },
        Err(error) => failure(error),
    };
    let _ = sender.blocking_send(Sent::Failed(failure));
}

/// `Ok` once nobody takes what is read.
fn read(
    source: &mut LiveSource,
    options: LiveOptions,
    sender: &mpsc::Sender<Sent>,
) -> Result<(), LiveError> {
    let mut told = false;
    loop {
        if !told && let Some(info) = info(source, options) {
            told = true;
            if sender.blocking_send(Sent::Opened(info)).is_err() {
                return Ok(());
            }
        }
        let sent = match source.read()? {
            LiveRead::Unit(unit) => {
                if !told && let Some(info) = info(source, options) {
                    told = true;
                    if sender.blocking_send(Sent::Opened(info)).is_err() {
                        return Ok(());
                    }
                }
                Sent::Unit(unit)
            }
            LiveRead::Damaged(_) if !told => continue,
            LiveRead::Damaged(_) => Sent::Damaged,
        };
        if sender.blocking_send(sent).is_err() {
            return Ok(());
        }
    }
}

fn info(source: &LiveSource, options: LiveOptions) -> Option<StreamInfo> {
    let transport = match options.protocol {
        Protocol::Rtsp => match options.transport {
            RtspTransport::Udp => "udp",
            RtspTransport::Tcp => "tcp",
            // FFmpeg does not tell which one the server took.
            RtspTransport::TcpThenUdp => "tcp, or udp if it refuses tcp",
        },
        Protocol::Http | Protocol::Https if source.format().starts_with("hls") => "hls",
        other => other.scheme(),
    };
    Some(StreamInfo {
        codec: source.codec()?,
        clock_hz: CLOCK_HZ,
        size: source.size(),
        parameter_sets: Vec::new(),
        transport,
    })
}

/// The URL as FFmpeg wants it: with user and password in front of the host.
fn with_credentials(camera: &Camera) -> String {
    let mut url: Url = camera.url.expose().clone();
    if let Some(credentials) = &camera.credentials {
        let (username, password) = credentials.expose();
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        // Fails only for URLs without a host, which ask nobody's password.
        let _ = url.set_username(&encoded(username));
        let _ = url.set_password(Some(&encoded(password)));
    }
    url.into()
}

fn failure(error: LiveError) -> Failure {
    Failure::new(error.kind, error.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_of_cameras_has_its_protocol() {
        for scheme in camweave_cameras::SCHEMES {
            let protocol = Protocol::of_scheme(scheme).expect(scheme);
            assert_eq!(protocol.scheme(), scheme);
        }
        assert_eq!(camweave_cameras::SCHEMES.len(), Protocol::ALL.len());
    }

    #[test]
    fn ntp_of_unix_times() {
        // 2024-01-02 03:04:05.25 UTC.
        assert_eq!(
            ntp(1_704_164_645_250_000_000),
            (1_704_164_645 + 2_208_988_800) << 32 | 1 << 30
        );
    }
}
