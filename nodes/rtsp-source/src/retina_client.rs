//! The client that speaks RTSP with the crate `retina`.

use std::sync::Arc;
use std::time::SystemTime;

use camweave_message::Codec;
use camweave_redact::KnownSecrets;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use retina::client::{
    Demuxed, InitialSequenceNumberPolicy, PlayOptions, SessionGroup, SessionOptions, SetupOptions,
    Stream, TcpTransportOptions, TeardownPolicy, UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, ParameterSetInsertion, ParametersRef, VideoFrame};
use retina::rtcp::ReceivedCompoundPacket;

use crate::cameras::{Camera, Transport};
use crate::client::{Client, Event, Frame, StreamInfo};
use crate::failure::{Failure, FailureKind};

/// Annex B; parameter sets are put in by [`ParameterSets`], which knows all
/// random-access points and not IDR pictures alone.
const FORMAT: FrameFormat = {
    let mut format = FrameFormat::SIMPLE;
    format.parameter_set_insertion = ParameterSetInsertion::Never;
    format
};

/// RTCP BYE (RFC 3550, section 6.6).
const RTCP_BYE: u8 = 203;

struct RetinaClient {
    frames: Demuxed,
    stream: usize,
    info: StreamInfo,
    /// The frame that follows parameter sets which are given out first.
    held: Option<Frame>,
    has_credentials: bool,
    /// What the camera may quote of its credentials.
    known: KnownSecrets,
}

impl RetinaClient {
    fn parameters(&self) -> Option<(Vec<u8>, (u32, u32))> {
        match self.frames.streams()[self.stream].parameters() {
            Some(ParametersRef::Video(parameters)) => Some((
                parameters.extra_data().to_vec(),
                parameters.pixel_dimensions(),
            )),
            _ => None,
        }
    }

    async fn next_event(&mut self) -> Result<Event, Failure> {
        if let Some(frame) = self.held.take() {
            return Ok(Event::Frame(frame));
        }
        let item = match self.frames.next().await {
            Some(Ok(item)) => item,
            Some(Err(error)) => {
                return Err(Failure::from_rtsp(
                    &error,
                    self.has_credentials,
                    &self.known,
                ));
            }
            None => {
                return Err(Failure::new(FailureKind::Ended, "it closed the connection"));
            }
        };
        match item {
            CodecItem::VideoFrame(frame) => Ok(self.frame(frame)),
            CodecItem::Rtcp(packets) => rtcp(&packets),
            _ => Ok(Event::Alive),
        }
    }

    fn frame(&mut self, frame: VideoFrame) -> Event {
        let is_new = frame.has_new_parameters();
        let frame = Frame {
            keyframe: None,
            timestamp: frame.timestamp().timestamp(),
            lost_packets: u32::from(frame.loss()),
            arrival_unix_nanos: unix_nanos(frame.end_ctx().received_wall().into()),
            data: frame.into_data(),
        };
        match self.parameters().filter(|_| is_new) {
            Some((sets, size)) => {
                self.info.size = Some(size);
                self.held = Some(frame);
                Event::ParameterSets(sets)
            }
            None => Event::Frame(frame),
        }
    }
}

impl Client for RetinaClient {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Event, Failure>> {
        self.next_event().boxed()
    }
}

fn rtcp(packets: &ReceivedCompoundPacket) -> Result<Event, Failure> {
    if packets
        .pkts()
        .any(|packet| packet.payload_type() == RTCP_BYE)
    {
        return Err(Failure::new(
            FailureKind::Ended,
            "it ended the stream (RTCP BYE)",
        ));
    }
    let Some((ntp, timestamp)) = sender_report(packets) else {
        return Ok(Event::Alive);
    };
    Ok(Event::SenderReport {
        ntp,
        timestamp,
        arrival_unix_nanos: unix_nanos(packets.ctx().received_wall().into()),
    })
}

/// The NTP time (32.32) and the unwrapped RTP timestamp of a compound packet's sender report.
fn sender_report(packets: &ReceivedCompoundPacket) -> Option<(u64, i64)> {
    let rtp = packets.rtp_timestamp()?.timestamp();
    let report = packets.pkts().next()?.as_sender_report().ok()??;
    Some((report.ntp_timestamp().0, rtp))
}

fn unix_nanos(time: SystemTime) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

pub(crate) async fn connect(
    camera: &Camera,
    group: &Arc<SessionGroup>,
) -> Result<Box<dyn Client>, Failure> {
    let credentials = camera.credentials.as_ref().map(|credentials| {
        let (username, password) = credentials.expose();
        retina::client::Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    });
    let known = camera.known_secrets();
    let failed =
        |error: retina::Error| Failure::from_rtsp(&error, camera.credentials.is_some(), &known);
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("camweave/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(Arc::clone(group))
        .teardown(TeardownPolicy::Auto);
    let mut session = retina::client::Session::describe(camera.url.expose().clone(), options)
        .await
        .map_err(failed)?;
    let (stream, codec) = choose(session.streams(), &known)?;
    let clock_hz = session.streams()[stream].clock_rate_hz();
    let transport = match camera.transport {
        Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
    };
    let setup = SetupOptions::default()
        .transport(transport)
        .frame_format(FORMAT);
    session.setup(stream, setup).await.map_err(failed)?;
    // Cameras announce a first sequence number that is not the one they send.
    let play = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let frames = session
        .play(play)
        .await
        .map_err(failed)?
        .demuxed()
        .map_err(failed)?;
    let mut client = RetinaClient {
        frames,
        stream,
        info: StreamInfo {
            codec,
            clock_hz,
            size: None,
            parameter_sets: Vec::new(),
            transport: match camera.transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
            },
        },
        held: None,
        has_credentials: camera.credentials.is_some(),
        known: camera.known_secrets(),
    };
    if let Some((sets, size)) = client.parameters() {
        client.info.parameter_sets = sets;
        client.info.size = Some(size);
    }
    Ok(Box::new(client))
}

/// The first video stream that can be read.
fn choose(streams: &[Stream], known: &KnownSecrets) -> Result<(usize, Codec), Failure> {
    let video = streams
        .iter()
        .enumerate()
        .filter(|(_, stream)| stream.media() == "video");
    let mut others = Vec::new();
    for (index, stream) in video {
        match stream.encoding_name() {
            "h264" => return Ok((index, Codec::H264)),
            "h265" => return Ok((index, Codec::H265)),
            other => others.push(other),
        }
    }
    if others.is_empty() {
        let media: Vec<&str> = streams.iter().map(Stream::media).collect();
        return Err(Failure::new(
            FailureKind::NoVideo,
            format!(
                "it offers no video (media: {})",
                known.hide(&media.join(", "))
            ),
        ));
    }
    Err(Failure::new(
        FailureKind::UnsupportedCodec,
        format!(
            "its video is '{}', expected h264 or h265",
            known.hide(&others.join("', '"))
        ),
    ))
}
