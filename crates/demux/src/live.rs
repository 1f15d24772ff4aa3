//! A live source: access units of its video, checked and bounded.

use std::ffi::CString;
use std::time::{Duration, Instant, SystemTime};

use camweave_failure::FailureKind;
use camweave_message::Codec;
use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::codec::{Id, Parameters};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Error, Packet, Rational, ffi, media};

use crate::convert::Converter;
use crate::extradata::extradata;
use crate::file_times::nanos;
use crate::input::{self, Options};
use crate::interrupt::Interrupt;
use crate::live_error::LiveError;
use crate::pace::Pace;
use crate::protocol::Protocol;
use crate::reader::codec_of;
use crate::timeline::Timeline;
use crate::{device, log};

/// The largest access unit, in bytes.
pub const MAX_ACCESS_UNIT: usize = 16 * 1024 * 1024;
/// Streams (video, audio, anything) of one source.
const MAX_STREAMS: u32 = 64;
/// Bytes that FFmpeg reads to find out what a source is.
const PROBE_BYTES: u32 = 1 << 20;
/// Packets that cannot be read, one after the other, after which the session is given up.
const MAX_ERRORS: u32 = 64;
/// How long a source that has nothing now is left alone.
const NOTHING_NOW: Duration = Duration::from_millis(2);
/// How often a wait looks whether it must end.
const STEP: Duration = Duration::from_millis(20);
/// How far sources that are no playlists may run ahead of their times: servers begin with the
/// pictures since the last keyframe.
const LEAD: Duration = Duration::from_secs(2);
/// Where a source does not tell its frame rate.
const DEFAULT_FRAME_NANOS: i64 = 40_000_000;

/// How media of an RTSP session travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtspTransport {
    /// TCP; UDP where the server refuses TCP.
    #[default]
    TcpThenUdp,
    /// Inside the RTSP connection.
    Tcp,
    /// Datagrams.
    Udp,
}

/// How a live source is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOptions {
    /// By the scheme of the URL.
    pub protocol: Protocol,
    /// RTSP: how media travel.
    pub transport: RtspTransport,
    /// Until the source is open, and until its first access unit after that.
    pub connect_timeout: Duration,
    /// Without an access unit, until the session is given up.
    pub stall_timeout: Duration,
}

/// One access unit of a live source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// As in messages: Annex B with parameter sets before each keyframe, a JPEG picture, ...
    pub data: Vec<u8>,
    /// Whether decoding can begin here.
    pub keyframe: bool,
    /// Since the session's first access unit.
    pub pts_nanos: i64,
    /// The capture time by the sender's clock, where it has told one that can be believed.
    pub sender_unix_nanos: Option<i64>,
    /// When it was read.
    pub arrival_unix_nanos: i64,
    /// Gaps that FFmpeg has found in this access unit or in front of it.
    pub losses: u32,
    /// The stream's times have jumped here, and go on from the arrival.
    pub has_jumped: bool,
}

/// What a live source gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveRead {
    /// An access unit.
    Unit(AccessUnit),
    /// One that contradicts itself, and why.
    Damaged(String),
}

/// An open live source. All calls belong to one thread, which may wait in them.
pub struct LiveSource {
    input: Input,
    interrupt: Interrupt,
    options: LiveOptions,
    video: Option<Video>,
    timeline: Timeline,
    pace: Pace,
    opened: Instant,
    last_unit: Option<Instant>,
    has_begun: bool,
    losses_before: u32,
}

/// The stream that is read.
struct Video {
    stream: usize,
    codec: Codec,
    converter: Converter,
    time_base: Rational,
    frame_nanos: i64,
    size: Option<(u32, u32)>,
}

impl LiveSource {
    /// Opens a source. `url`: with credentials where it needs any, percent-encoded; it is never
    /// printed.
    ///
    /// # Errors
    /// Why not, and of which kind.
    pub fn open(url: &str, options: LiveOptions, interrupt: &Interrupt) -> Result<Self, LiveError> {
        let protocol = options.protocol;
        let begin = Instant::now();
        let _ = log::take_losses();
        interrupt.set_deadline(Some(begin + options.connect_timeout));
        if protocol == Protocol::V4l2 {
            device::register().map_err(|detail| LiveError::new(FailureKind::Missing, detail))?;
        }
        let address = address(url, protocol)?;
        let entries = entries(url, options);
        // Times that are not there are not made up by FFmpeg.
        let mut flags = ffi::AVFMT_FLAG_NOFILLIN;
        if protocol == Protocol::V4l2 {
            // Waiting for a picture cannot be interrupted.
            flags |= ffi::AVFMT_FLAG_NONBLOCK;
        }
        let options_of_input = Options {
            format: protocol.format(),
            entries: &entries,
            flags,
            find_streams: false,
        };
        let input = input::open(&address, &options_of_input, interrupt).map_err(|error| {
            refine(
                LiveError::of(error, interrupt, || timeout(options)),
                url,
                error,
            )
        })?;
        let lead = if input.format().name().starts_with("hls") {
            Duration::ZERO
        } else {
            LEAD
        };
        let mut source = Self {
            input,
            interrupt: interrupt.clone(),
            options,
            video: None,
            timeline: Timeline::default(),
            pace: Pace::new(lead),
            opened: Instant::now(),
            last_unit: None,
            has_begun: false,
            losses_before: 0,
        };
        source.choose()?;
        Ok(source)
    }

    /// The codec, once the first access unit has come.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.video.as_ref().map(|video| video.codec)
    }

    /// Width and height in pixels, where the source tells them.
    #[must_use]
    pub fn size(&self) -> Option<(u32, u32)> {
        self.video.as_ref().and_then(|video| video.size)
    }

    /// FFmpeg's name of the format.
    #[must_use]
    pub fn format(&self) -> String {
        self.input.format().name().to_owned()
    }

    /// Waits for the next access unit.
    ///
    /// # Errors
    /// Why there is none; the source is then of no more use.
    pub fn read(&mut self) -> Result<LiveRead, LiveError> {
        let limit = match self.last_unit {
            Some(last) => last + self.options.stall_timeout,
            None => self.opened + self.options.connect_timeout.max(self.options.stall_timeout),
        };
        self.interrupt.set_deadline(Some(limit));
        let mut packet = Packet::empty();
        let mut errors = 0;
        loop {
            let read = packet.read(&mut self.input);
            if self.interrupt.is_due() {
                return Err(self.failed(Error::Exit));
            }
            match read {
                Ok(()) => {}
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {
                    std::thread::sleep(NOTHING_NOW);
                    continue;
                }
                Err(Error::InvalidData) if errors < MAX_ERRORS => {
                    errors += 1;
                    continue;
                }
                // FFmpeg's word for a connection that ended within an access unit.
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EIO => {
                    return Err(LiveError::new(
                        FailureKind::Ended,
                        "the connection ended within a frame",
                    ));
                }
                Err(error) => return Err(self.failed(error)),
            }
            if self.video.is_none() {
                self.choose()?;
            }
            let is_video = self
                .video
                .as_ref()
                .is_some_and(|video| video.stream == packet.stream());
            if is_video && packet.size() > 0 {
                return self.unit(&packet);
            }
        }
    }

    fn failed(&self, error: Error) -> LiveError {
        LiveError::of(error, &self.interrupt, || {
            let millis = self.options.stall_timeout.as_millis();
            match (&self.video, self.last_unit) {
                (_, Some(_)) => {
                    LiveError::new(FailureKind::Stalled, format!("no frame for {millis} ms"))
                }
                (Some(_), None) => {
                    LiveError::new(FailureKind::Stalled, "connected, but no frame came")
                }
                (None, None) => LiveError::new(FailureKind::NoVideo, "it sends no video"),
            }
        })
    }

    fn unit(&mut self, packet: &Packet) -> Result<LiveRead, LiveError> {
        let now = Instant::now();
        let arrival_unix_nanos = unix_nanos();
        if packet.size() > MAX_ACCESS_UNIT {
            return Err(LiveError::new(
                FailureKind::TooLarge,
                format!(
                    "an access unit of {} bytes, expected at most {MAX_ACCESS_UNIT}",
                    packet.size()
                ),
            ));
        }
        self.last_unit = Some(now);
        let start_unix_nanos =
            input::start_unix_micros(&self.input).and_then(|micros| micros.checked_mul(1000));
        // A gap is found with the packet behind it. Where FFmpeg gives out an access unit once the
        // next begins, that may be the packet of the next: both may lack something.
        let found = log::take_losses() + u32::from(packet.is_corrupt());
        let losses = found + std::mem::replace(&mut self.losses_before, found);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let Some(video) = &mut self.video else {
            return Ok(LiveRead::Damaged("a packet of no stream".to_owned()));
        };
        if is_first && let Some(stream) = self.input.stream(video.stream) {
            // Some formats have the header in front of the first access unit.
            video.converter = converter(video.codec, &stream.parameters())?;
            video.size = video.size.or(size_of(&stream.parameters()));
        }
        let header = packet
            .side_data()
            .find(|data| data.kind() == side_data::Type::NewExtraData);
        let header = header.map_or(Ok(()), |data| video.converter.update(data.data()));
        let data = packet.data().unwrap_or_default();
        if video.codec == Codec::Mjpeg && !data.starts_with(&[0xff, 0xd8]) {
            return Ok(LiveRead::Damaged(format!(
                "{} bytes that are not a JPEG image",
                data.len()
            )));
        }
        let key = packet.is_key() || video.codec == Codec::Mjpeg;
        let (data, keyframe) = match header.and_then(|()| video.converter.convert(data, key)) {
            Ok(converted) => converted,
            Err(error) => return Ok(LiveRead::Damaged(error.to_string())),
        };
        let time = packet.pts().or(packet.dts());
        let time = time.map(|ticks| nanos(ticks, video.time_base));
        let since_open = now.saturating_duration_since(self.opened).as_nanos();
        let times = self.timeline.place(
            time,
            video.frame_nanos,
            i64::try_from(since_open).unwrap_or(i64::MAX),
            start_unix_nanos,
            arrival_unix_nanos,
        );
        self.hold_back(times.pts_nanos)?;
        Ok(LiveRead::Unit(AccessUnit {
            data,
            keyframe,
            pts_nanos: times.pts_nanos,
            sender_unix_nanos: times.sender_unix_nanos,
            arrival_unix_nanos: unix_nanos(),
            losses,
            has_jumped: times.jumped,
        }))
    }

    /// Waits where a source delivers faster than its pictures follow each other.
    fn hold_back(&mut self, pts_nanos: i64) -> Result<(), LiveError> {
        let now = Instant::now();
        let until = now + self.pace.wait(pts_nanos, now);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if self.interrupt.is_stopped() {
                return Err(self.failed(Error::Exit));
            }
            std::thread::sleep(left.min(STEP));
        }
        // The source was not silent meanwhile.
        self.last_unit = Some(Instant::now());
        Ok(())
    }

    /// Chooses the stream to read: of several the one with the highest bit rate.
    fn choose(&mut self) -> Result<(), LiveError> {
        let mut best: Option<(u64, usize, Codec)> = None;
        let mut refused = None;
        for stream in self.input.streams() {
            let parameters = stream.parameters();
            if parameters.medium() != media::Type::Video {
                continue;
            }
            let Some(codec) = codec_of(parameters.id()) else {
                refused = Some(parameters.id());
                continue;
            };
            let metadata = stream.metadata();
            let rate = metadata
                .get("variant_bitrate")
                .and_then(|it| it.parse().ok());
            let rate = rate.unwrap_or(0);
            if best.is_none_or(|(other, ..)| rate > other) {
                best = Some((rate, stream.index(), codec));
            }
        }
        if let Some((_, index, codec)) = best {
            return self.select(index, codec);
        }
        match refused {
            Some(Id::None) | None => Ok(()), // not known yet
            Some(id) => Err(LiveError::new(
                FailureKind::UnsupportedCodec,
                format!(
                    "its video is {}, expected h264, h265 (hevc), vp9, av1, mjpeg or mpeg4",
                    id.name()
                ),
            )),
        }
    }

    fn select(&mut self, index: usize, codec: Codec) -> Result<(), LiveError> {
        let Some(stream) = self.input.stream(index) else {
            return Ok(());
        };
        let parameters = stream.parameters();
        let converter = converter(codec, &parameters)?;
        let rate = [stream.avg_frame_rate(), stream.rate()]
            .into_iter()
            .find(|rate| rate.numerator() > 0 && rate.denominator() > 0);
        let size = size_of(&parameters);
        self.video = Some(Video {
            stream: index,
            codec,
            converter,
            time_base: stream.time_base(),
            frame_nanos: rate.map_or(DEFAULT_FRAME_NANOS, |rate| nanos(1, rate.invert())),
            size,
        });
        for other in 0..self.input.nb_streams() as usize {
            if other != index {
                input::discard(&mut self.input, other);
            }
        }
        Ok(())
    }
}

fn converter(codec: Codec, parameters: &Parameters) -> Result<Converter, LiveError> {
    Converter::new(codec, &extradata(parameters)).map_err(|error| {
        LiveError::new(
            FailureKind::Protocol,
            format!("its header is damaged: {error}"),
        )
    })
}

fn size_of(parameters: &Parameters) -> Option<(u32, u32)> {
    let (width, height) = crate::extradata::size(parameters);
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    (width > 0 && height > 0).then_some((width, height))
}

fn timeout(options: LiveOptions) -> LiveError {
    let millis = options.connect_timeout.as_millis();
    LiveError::new(
        FailureKind::Timeout,
        format!("no session within {millis} ms"),
    )
}

/// FFmpeg reports a name that is not known as an error of reading.
fn refine(error: LiveError, url: &str, cause: Error) -> LiveError {
    use std::net::ToSocketAddrs;
    let is_vague = matches!(cause, Error::Other { errno } if errno == ffmpeg_next::error::EIO);
    let host = url.split("://").nth(1).map(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    });
    let Some(host) = host.filter(|host| is_vague && !host.is_empty()) else {
        return error;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match (name, 1).to_socket_addrs() {
        Err(cause) => LiveError::new(FailureKind::Unreachable, cause.to_string()),
        Ok(_) => error,
    }
}

/// What FFmpeg opens: the URL, or the path of a device.
fn address(url: &str, protocol: Protocol) -> Result<CString, LiveError> {
    let address = match protocol {
        Protocol::V4l2 => {
            let path = url.split("://").nth(1).unwrap_or_default();
            path.split('?').next().unwrap_or_default()
        }
        _ => url,
    };
    CString::new(address)
        .map_err(|_| LiveError::new(FailureKind::NotFound, "a NUL byte in the URL"))
}

/// The options of FFmpeg's demuxers and protocols. Each takes those that it knows.
fn entries(url: &str, options: LiveOptions) -> Vec<(&'static str, String)> {
    let protocol = options.protocol;
    let mut entries = vec![
        ("protocol_whitelist", protocol.whitelist().to_owned()),
        ("max_streams", MAX_STREAMS.to_string()),
        ("probesize", PROBE_BYTES.to_string()),
        ("formatprobesize", PROBE_BYTES.to_string()),
    ];
    if let Some(formats) = protocol.format_whitelist() {
        entries.push(("format_whitelist", formats.to_owned()));
    }
    let agent = concat!("camweave/", env!("CARGO_PKG_VERSION")).to_owned();
    match protocol {
        Protocol::Rtsp | Protocol::Rtsps => {
            let transport = match options.transport {
                RtspTransport::TcpThenUdp => {
                    // FFmpeg's own order begins with UDP.
                    entries.push(("rtsp_flags", "prefer_tcp".to_owned()));
                    "tcp+udp"
                }
                RtspTransport::Tcp => "tcp",
                RtspTransport::Udp => "udp",
            };
            entries.extend([
                ("rtsp_transport", transport.to_owned()),
                ("allowed_media_types", "video".to_owned()),
                ("reorder_queue_size", "128".to_owned()),
                ("user_agent", agent),
            ]);
        }
        Protocol::Http | Protocol::Https => {
            entries.extend([
                ("user_agent", agent),
                // The newest segment: a camera is watched now.
                ("live_start_index", "-1".to_owned()),
            ]);
        }
        Protocol::V4l2 => {
            let query = url.split_once('?').map_or("", |(_, query)| query);
            let mut format = "mjpeg";
            for pair in query.split('&') {
                match pair.split_once('=') {
                    Some(("input_format", value)) => format = value,
                    Some(("video_size", value)) => entries.push(("video_size", value.to_owned())),
                    Some(("framerate", value)) => entries.push(("framerate", value.to_owned())),
                    _ => {}
                }
            }
            entries.push(("input_format", format.to_owned()));
        }
        Protocol::Rtmp | Protocol::Rtmps | Protocol::Srt => {}
    }
    entries
}

fn unix_nanos() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
