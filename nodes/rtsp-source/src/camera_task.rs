//! One camera: connects, streams, and reconnects indefinitely.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_camera_client::{
    CORRUPT, Choice, Client, ClientLimits, Event, Failure, FailureKind, StreamInfo, TriedSchemes,
    Which, connect,
};
use camweave_cameras::Camera;
use camweave_message::{Codec, Selection};
use camweave_stage::Context;
use camweave_telemetry::{Counters, clock, span_names};
use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::facts::CLIENT;
use crate::liveness::{Liveness, Usable};
use crate::outbox::Outbox;
use crate::session::Session;
use crate::session_limits::SessionLimits;
use crate::wish::{self, Goal, Wish};

/// How long a stop waits for the camera to answer TEARDOWN.
pub(crate) const TEARDOWN_AT_MOST: Duration = Duration::from_millis(300);
/// The longest time for a camera that answers the call and then needs long for its description.
const LONGEST_SESSION_LIMIT: Duration = Duration::from_secs(30);
/// A camera that flooded is streaming again once a session has lasted so long.
const CALM: Duration = Duration::from_secs(3);
const CONNECTING: &str = "connecting";
const STREAMING: &str = "streaming";
/// The state of a camera that is no longer in `cameras.yml`. Its counts stay until the run ends.
pub(crate) const REMOVED: &str = "removed";
const UNAUTHORIZED: &str = "offline: unauthorized";
/// Counted as an error: the camera's timestamps jumped.
const TIMESTAMP_JUMPS: &str = "timestamp_jumps";

/// Notes that a camera is no longer in `cameras.yml`.
pub(crate) fn note_removed(counters: &Counters, camera: &str) {
    counters.camera_state(camera, REMOVED);
    counters.forget_camera_fact(camera, &CLIENT);
}

pub(crate) struct CameraTask {
    id: Arc<str>,
    wishes: watch::Receiver<Wish>,
    /// As it was when it was connected last.
    camera: Arc<Camera>,
    /// The task that had the same camera before it was removed.
    before: Option<JoinHandle<()>>,
    limits: SessionLimits,
    context: Context,
    outbox: Outbox,
    last_session_unix_nanos: i64,
    /// Before this process, the password was wrong.
    refused: bool,
    offline_since: Option<Instant>,
    /// The session before sent too fast. Its successor most likely does so as well, and is not
    /// called streaming at once: a camera that floods is no news each second.
    flooded: bool,
    choice: Choice,
    tried: TriedSchemes,
    /// How long the next attempt may take: longer than `CONNECT_TIMEOUT_MS` for a camera that
    /// answered the call and needs longer for the rest.
    session_limit: Duration,
    /// The end of its last session said that it is removed.
    has_left: bool,
    /// Which client has the camera and why, as the facts say; empty: always the RTSP client.
    client_fact: String,
}

impl CameraTask {
    /// `before`: a task of the same camera that is about to end.
    pub fn new(
        wishes: watch::Receiver<Wish>,
        limits: SessionLimits,
        context: Context,
        outbox: Outbox,
        before: Option<JoinHandle<()>>,
    ) -> Self {
        let camera = Arc::clone(&wishes.borrow().camera);
        let id: Arc<str> = Arc::from(camera.id.as_str());
        // A process that was restarted goes on with the report of the one before, and must not
        // hammer an account that may be locked.
        let report = context.counters.report();
        let earlier = report.cameras.get(&camera.id);
        let refused = earlier.is_some_and(|it| it.state.as_deref() == Some(UNAUTHORIZED));
        if !refused && before.is_none() {
            context.counters.camera_state(&camera.id, CONNECTING);
        }
        let client_fact = report.facts.get(&CLIENT.of_camera(&id)).cloned();
        let client_fact = client_fact.unwrap_or_default();
        Self {
            id,
            choice: choice(&camera),
            wishes,
            camera,
            before,
            limits,
            context,
            outbox,
            last_session_unix_nanos: 0,
            refused,
            offline_since: None,
            flooded: false,
            tried: TriedSchemes::default(),
            session_limit: limits.client.connect_timeout,
            has_left: false,
            client_fact,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the camera's frames are detected on at all, and so decoded.
    pub fn is_decoded(&self) -> bool {
        self.wishes.borrow().camera.selection != Selection::Off
    }

    /// The task of the same camera that is about to end.
    pub fn into_before(self) -> Option<JoinHandle<()>> {
        self.before
    }

    /// Runs until the camera is removed or the node ends; then tears the session down.
    pub async fn run(mut self) {
        if let Some(before) = self.before.take() {
            // Its session ends before this one's begins, and its state is not the last one.
            let _ = before.await;
            self.context.counters.camera_state(&self.id, CONNECTING);
            self.client_fact.clear();
        }
        let mut backoff = Backoff::new(self.limits.reconnect_min, self.limits.reconnect_max);
        if self.refused {
            self.wait(backoff.next(FailureKind::Unauthorized, 1.0))
                .await;
        }
        loop {
            let wish = wish::now(&mut self.wishes);
            match wish.goal {
                Goal::Stream => {}
                Goal::Remove => {
                    self.leave();
                    return;
                }
                Goal::Stop => return,
            }
            if !wish.camera.connects_as(&self.camera) {
                // What is known of the camera as it was reached before says nothing of it now.
                backoff = Backoff::new(self.limits.reconnect_min, self.limits.reconnect_max);
                self.choice = choice(&wish.camera);
                self.tried = TriedSchemes::default();
                self.session_limit = self.limits.client.connect_timeout;
                self.flooded = false;
                self.offline_since = None;
                self.context.counters.camera_state(&self.id, CONNECTING);
            }
            self.camera = wish.camera;
            let Some(failure) = self.session(&mut backoff).await else {
                continue;
            };
            let wait = backoff.next(failure.kind, rand::random_range(0.0..1.0));
            self.report_offline(&failure);
            self.wait(wait).await;
        }
    }

    /// Waits for so long, or until the camera is to be reached in another way, or not at all.
    async fn wait(&mut self, time: Duration) {
        tokio::select! {
            biased;
            () = wish::ends(&mut self.wishes, &self.camera) => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// Tells whatever keeps something of the camera that nobody looks at it again.
    fn leave(&mut self) {
        if self.last_session_unix_nanos > 0 && !self.has_left {
            let info = StreamInfo {
                codec: Codec::H264,
                clock_hz: 1,
                size: None,
                parameter_sets: Vec::new(),
                transport: "",
            };
            // A session of no frames, as the last one has ended.
            let session = self.begin_session(&info);
            self.outbox.send(session.end(self.context.new_trace()));
        }
        note_removed(&self.context.counters, &self.id);
    }

    /// A session from its beginning to its end; what is to be reported and waited for, if it has not
    /// ended because it was to, and no other client shall try at once.
    async fn session(&mut self, backoff: &mut Backoff) -> Option<Failure> {
        let mut session = None;
        let mut client = None;
        let began = Instant::now();
        let which = self.choice.client(began);
        let (mut wishes, camera) = (self.wishes.clone(), Arc::clone(&self.camera));
        let streaming = self.stream(which, &mut session, &mut client);
        let streaming = AssertUnwindSafe(streaming).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = wish::ends(&mut wishes, &camera) => None,
            ended = streaming => Some(ended),
        };
        let frames = session.as_ref().map_or(0, Session::received);
        if frames > 0 {
            backoff.played(began.elapsed());
        }
        if let Some(session) = session.filter(|session| session.received() > 0) {
            self.has_left = self.wishes.borrow().goal == Goal::Remove;
            self.outbox.send(session.end(self.context.new_trace()));
        }
        // Best effort: the camera notices sooner that nobody watches.
        let panicked = matches!(ended, Some(Err(_)));
        if let Some(mut client) = client.filter(|_| !panicked) {
            let _ = timeout(TEARDOWN_AT_MOST, client.teardown()).await;
        }
        // A camera can make the RTSP library fail, but nothing beyond its own session.
        let failure = ended?.unwrap_or_else(|_| {
            Failure::new(
                FailureKind::Protocol,
                "it sent what the RTSP library cannot take",
            )
        });
        self.flooded |= failure.kind == FailureKind::TooFast;
        if failure.kind != FailureKind::Timeout {
            self.session_limit = self.limits.client.connect_timeout;
        }
        self.choice.ended(which, failure, frames, Instant::now())
    }

    fn begin_session(&mut self, stream: &StreamInfo) -> Session {
        // Sessions differ even where the wall clock stops or goes back.
        let session_unix_nanos = clock::unix_nanos().max(self.last_session_unix_nanos + 1);
        self.last_session_unix_nanos = session_unix_nanos;
        Session::new(
            Arc::clone(&self.id),
            self.wishes.clone(),
            stream,
            session_unix_nanos,
        )
    }

    /// One session, from connecting to its end. `session` and `client` outlive a stop and a panic.
    async fn stream(
        &mut self,
        which: Which,
        session: &mut Option<Session>,
        client: &mut Option<Box<dyn Client>>,
    ) -> Failure {
        let limit = self.session_limit;
        let client = match timeout(limit, self.connect(which, limit)).await {
            Ok(Ok(connected)) => client.insert(connected),
            Ok(Err(failure)) => return failure,
            Err(_) => {
                // The RTSP client bounds the time until the connection is open by the usual limit in any
                // case: a host that is off takes no longer than before.
                if which == Which::Rtsp {
                    self.session_limit = (limit * 2).min(LONGEST_SESSION_LIMIT.max(limit));
                }
                let millis = limit.as_millis();
                return Failure::new(
                    FailureKind::Timeout,
                    format!("no session within {millis} ms"),
                );
            }
        };
        let session = session.insert(self.begin_session(client.info()));
        let frames_only = which == Which::Ffmpeg;
        let begin = tokio::time::Instant::now();
        let mut liveness = Liveness::new(self.limits.client.stall_timeout, frames_only, begin);
        let mut usable = Usable::new(begin);
        loop {
            let event = match timeout_at(liveness.deadline(), client.next()).await {
                Ok(Ok(event)) => event,
                Ok(Err(failure)) => return failure,
                Err(_) => return stalled(&liveness, client.info()),
            };
            let now = tokio::time::Instant::now();
            liveness.traffic(now);
            match event {
                Event::Frame(frame) => {
                    liveness.frame(now);
                    usable.frame();
                    let mut span = self.context.counters.spans().begin(&span_names::UNIT);
                    let (unit, jumped) = session.unit(frame, self.context.new_trace());
                    if jumped {
                        self.context.counters.error(&self.id, TIMESTAMP_JUMPS);
                    }
                    self.context
                        .name_frames(&mut span, std::slice::from_ref(&unit));
                    drop(span);
                    if unit.id.sequence == 0 && !self.flooded
                        || self.flooded && now.duration_since(begin) >= CALM
                    {
                        self.flooded = false;
                        self.report_streaming(which, client.info());
                    }
                    self.outbox.send(unit);
                }
                Event::SenderReport {
                    ntp,
                    timestamp,
                    arrival_unix_nanos,
                } => session
                    .timeline
                    .sender_report(ntp, timestamp, arrival_unix_nanos),
                Event::Dropped { reason, frames } => {
                    self.context
                        .counters
                        .missed(&self.id, reason, u64::from(frames));
                    if reason == CORRUPT
                        && usable.corrupt(frames, now)
                        && self.choice.has_alternative(which, Instant::now())
                    {
                        return Failure::new(
                            FailureKind::Stalled,
                            "more than half of its frames break their format",
                        );
                    }
                }
                Event::Alive => {}
            }
        }
    }

    /// Connects with one of the clients. FFmpeg's has no limit of its own until the connection is open.
    async fn connect(&self, which: Which, limit: Duration) -> Result<Box<dyn Client>, Failure> {
        let usual = self.limits.client;
        let limits = match which {
            Which::Rtsp => usual,
            Which::Ffmpeg => ClientLimits {
                connect_timeout: limit,
                ..usual
            },
        };
        connect(&self.camera, which, &limits, &self.tried, self.flooded).await
    }

    fn report_streaming(&mut self, which: Which, stream: &StreamInfo) {
        let is_new_client = self.report_client(which);
        let news = self.context.counters.camera_state(&self.id, STREAMING) || is_new_client;
        let offline = self.offline_since.take();
        if !news {
            return;
        }
        let codec = stream.codec.as_str();
        let size = match stream.size {
            Some((width, height)) => format!(" {width}x{height}"),
            None => String::new(),
        };
        let transport = stream.transport;
        let client = &self.client_fact;
        let client = if client.is_empty() {
            String::new()
        } else {
            format!(", client {client}")
        };
        let since = match offline {
            Some(since) => format!("back after {} s", since.elapsed().as_secs_f64().ceil()),
            None => "streaming".to_owned(),
        };
        info!(camera = %self.id, url = %self.camera.url, "camera {since}: {codec}{size} over {transport}{client}");
    }

    /// Notes which client has the camera and why; whether that is news.
    fn report_client(&mut self, which: Which) -> bool {
        let why = self.choice.why().filter(|_| which == Which::Ffmpeg);
        let fact = match why {
            Some(why) => format!("{} ({why})", which.as_str()),
            // Said only of cameras that were FFmpeg's before.
            None if self.client_fact.is_empty() => return false,
            None => which.as_str().to_owned(),
        };
        if fact == self.client_fact {
            return false;
        }
        let counters = &self.context.counters;
        counters.camera_fact(&self.id, &CLIENT, &fact);
        self.client_fact = fact;
        true
    }

    /// Counts each attempt, and says each state once.
    fn report_offline(&mut self, failure: &Failure) {
        self.offline_since.get_or_insert_with(Instant::now);
        let kind = failure.kind.as_str();
        self.context.counters.error(&self.id, kind);
        let (state, detail) = (format!("offline: {kind}"), failure.to_string());
        let detail = camweave_redact::log_line(&detail);
        let counters = &self.context.counters;
        if counters.camera_state_with(&self.id, &state, Some(&detail)) {
            warn!(camera = %self.id, url = %self.camera.url, kind, "camera offline: {failure}");
        }
    }
}

/// Which client has the camera at first.
fn choice(camera: &Camera) -> Choice {
    Choice::new(camera.client, camera.url.expose().scheme() == "rtsp")
}

fn stalled(liveness: &Liveness, stream: &StreamInfo) -> Failure {
    let millis = liveness.without_frame().as_millis();
    let advice = if stream.transport.starts_with("udp") && !liveness.has_frame() {
        ": does a firewall keep its datagrams back? 'transport: tcp' needs no way of its own"
    } else {
        ": is its encoder running?"
    };
    Failure::new(
        FailureKind::Stalled,
        format!("no frame for {millis} ms{advice}"),
    )
}
