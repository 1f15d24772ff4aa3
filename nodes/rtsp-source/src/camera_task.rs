//! One camera: connects, streams, and connects again, for ever.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use camweave_stage::Context;
use camweave_telemetry::{clock, span_names};
use futures::{FutureExt, StreamExt};
use retina::client::SessionGroup;
use retina::codec::CodecItem;
use retina::rtcp::ReceivedCompoundPacket;
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::cameras::{Camera, Transport};
use crate::connect::{Connected, connect};
use crate::failure::{Failure, FailureKind};
use crate::outbox::Outbox;
use crate::session::{ReceivedFrame, Session};

/// How long a stop waits for the camera to answer TEARDOWN.
pub(crate) const TEARDOWN_AT_MOST: Duration = Duration::from_millis(300);
/// RTCP BYE (RFC 3550, section 6.6).
const RTCP_BYE: u8 = 203;
const STREAMING: &str = "streaming";

/// Times of all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub connect_timeout: Duration,
    pub stall_timeout: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
}

pub(crate) struct CameraTask {
    id: Arc<str>,
    camera: Camera,
    settings: Settings,
    context: Context,
    outbox: Outbox,
    group: Arc<SessionGroup>,
    last_session_unix_nanos: i64,
    offline_since: Option<Instant>,
}

impl CameraTask {
    pub fn new(camera: Camera, settings: Settings, context: Context, outbox: Outbox) -> Self {
        let id = Arc::from(camera.id.as_str());
        context.counters.camera_state(&camera.id, "connecting");
        let group = Arc::new(SessionGroup::default().named(camera.id.clone()));
        Self {
            id,
            camera,
            settings,
            context,
            outbox,
            group,
            last_session_unix_nanos: 0,
            offline_since: None,
        }
    }

    /// Runs until `stop` says true; then tears the session down.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.settings.reconnect_min, self.settings.reconnect_max);
        loop {
            let mut session = None;
            let began = Instant::now();
            let streaming = AssertUnwindSafe(self.stream(&mut session)).catch_unwind();
            let ended = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => None,
                ended = streaming => Some(ended),
            };
            if let Some(session) = session.filter(|session| session.received() > 0) {
                self.outbox.send(session.end(self.context.new_trace()));
            }
            let Some(ended) = ended else {
                break;
            };
            // A camera can make the RTSP library fail, but nothing beyond its own session.
            let failure = ended.unwrap_or_else(|_| {
                Failure::new(
                    FailureKind::Protocol,
                    "it sent what the RTSP library cannot take",
                )
            });
            if began.elapsed() >= self.settings.reconnect_max {
                backoff.reset();
            }
            let wait = if failure.kind.needs_a_person() {
                backoff.longest()
            } else {
                backoff.next(rand::random_range(0.0..1.0))
            };
            self.report_offline(&failure);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        // Best effort: the camera notices sooner that nobody watches.
        let _ = timeout(TEARDOWN_AT_MOST, self.group.await_teardown()).await;
    }

    /// One session, from connecting to its end. `session` outlives a panic.
    async fn stream(&mut self, session: &mut Option<Session>) -> Failure {
        let connecting = connect(&self.camera, &self.group);
        let mut connected = match timeout(self.settings.connect_timeout, connecting).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(failure)) => return failure,
            Err(_) => {
                let millis = self.settings.connect_timeout.as_millis();
                return Failure::new(
                    FailureKind::Timeout,
                    format!("no RTSP session within {millis} ms"),
                );
            }
        };
        // Sessions differ even where the wall clock stands still or goes back.
        let session_unix_nanos = clock::unix_nanos().max(self.last_session_unix_nanos + 1);
        self.last_session_unix_nanos = session_unix_nanos;
        let session = session.insert(Session::new(
            Arc::clone(&self.id),
            connected.codec,
            connected.clock_hz,
            session_unix_nanos,
        ));
        connected.learn(&mut session.sets);
        let mut last_frame = tokio::time::Instant::now();
        loop {
            let next = connected.frames.next();
            let item = match timeout_at(last_frame + self.settings.stall_timeout, next).await {
                Ok(Some(Ok(item))) => item,
                Ok(Some(Err(error))) => {
                    let has_credentials = self.camera.credentials.is_some();
                    let known = self.camera.known_secrets();
                    return Failure::from_rtsp(&error, has_credentials, &known);
                }
                Ok(None) => {
                    return Failure::new(FailureKind::Ended, "it closed the connection");
                }
                Err(_) => {
                    let millis = self.settings.stall_timeout.as_millis();
                    return Failure::new(FailureKind::Stalled, format!("no frame for {millis} ms"));
                }
            };
            match item {
                CodecItem::VideoFrame(frame) => {
                    last_frame = tokio::time::Instant::now();
                    if frame.has_new_parameters() {
                        connected.learn(&mut session.sets);
                    }
                    let frame = ReceivedFrame {
                        rtp_timestamp: frame.timestamp().timestamp(),
                        lost_packets: u32::from(frame.loss()),
                        arrival_unix_nanos: unix_nanos(frame.end_ctx().received_wall().into()),
                        data: frame.into_data(),
                    };
                    let mut span = self.context.counters.spans().begin(&span_names::UNIT);
                    let unit = session.unit(frame, self.context.new_trace());
                    self.context
                        .name_frames(&mut span, std::slice::from_ref(&unit));
                    drop(span);
                    if unit.id.sequence == 0 {
                        self.report_streaming(&connected);
                    }
                    self.outbox.send(unit);
                }
                CodecItem::Rtcp(packets) => {
                    if let Some((ntp, rtp)) = sender_report(&packets) {
                        let arrival = unix_nanos(packets.ctx().received_wall().into());
                        session.timeline.sender_report(ntp, rtp, arrival);
                    }
                    if packets
                        .pkts()
                        .any(|packet| packet.payload_type() == RTCP_BYE)
                    {
                        return Failure::new(FailureKind::Ended, "it ended the stream (RTCP BYE)");
                    }
                }
                _ => {}
            }
        }
    }

    fn report_streaming(&mut self, connected: &Connected) {
        let news = self.context.counters.camera_state(&self.id, STREAMING);
        let offline = self.offline_since.take();
        if !news {
            return;
        }
        let codec = match connected.codec {
            camweave_bitstream::NalCodec::H264 => "h264",
            camweave_bitstream::NalCodec::H265 => "h265",
        };
        let size = match connected.size() {
            Some((width, height)) => format!(" {width}x{height}"),
            None => String::new(),
        };
        let transport = match self.camera.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let since = match offline {
            Some(since) => format!("back after {} s", since.elapsed().as_secs_f64().ceil()),
            None => "streaming".to_owned(),
        };
        info!(camera = %self.id, url = %self.camera.url, "camera {since}: {codec}{size} over {transport}");
    }

    /// Counts each attempt, and says each state once.
    fn report_offline(&mut self, failure: &Failure) {
        self.offline_since.get_or_insert_with(Instant::now);
        let kind = failure.kind.as_str();
        self.context.counters.error(&self.id, kind);
        if self
            .context
            .counters
            .camera_state(&self.id, &format!("offline: {kind}"))
        {
            warn!(camera = %self.id, url = %self.camera.url, kind, "camera offline: {failure}");
        }
    }
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
