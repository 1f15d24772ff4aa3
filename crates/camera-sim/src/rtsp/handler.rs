//! Answers requests of one connection (RFC 2326, section 10).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rtsp_types::headers::{
    ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_BASE, CONTENT_TYPE, CSEQ, PUBLIC, RANGE,
    REQUIRE, RTP_INFO, SERVER, SESSION, TRANSPORT, Transports, UNSUPPORTED, WWW_AUTHENTICATE,
};
use rtsp_types::{HeaderName, Method, Response, ResponseBuilder, StatusCode, Version};
use tokio::sync::watch;

use crate::auth::Challenge;
use crate::camera::LiveCamera;
use crate::rtp::RtpStream;
use crate::rtsp::session::{Session, SessionState};
use crate::rtsp::sink::{SharedWriter, Sink, UdpPair};
use crate::rtsp::stream::{Activity, Stream};
use crate::rtsp::transport::{self, Requested};
use crate::rtsp::{SESSION_TIMEOUT_SECONDS, Served};
use crate::sdp;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN";

type Request = rtsp_types::Request<Vec<u8>>;

/// The state of one connection.
pub struct Handler {
    pub served: Arc<Served>,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub writer: SharedWriter,
    pub closing: Arc<watch::Sender<bool>>,
    pub activity: Activity,
    challenge: Challenge,
    sessions: HashMap<String, Session>,
}

/// What is done about a request.
pub enum Reply {
    /// The response, and the session whose stream starts once it is written.
    Respond(Response<Vec<u8>>, Option<(String, Box<Stream>)>),
    /// The connection is closed without a word: the camera is unreachable.
    HangUp,
}

/// A refusal: the status, and a header that goes with it.
struct Refusal(StatusCode, Option<(HeaderName, String)>);

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self(status, None)
    }
}

/// Which thing a URL names.
struct Resource {
    camera: Arc<LiveCamera>,
    /// The camera's stream rather than the camera.
    is_stream: bool,
}

impl Handler {
    pub fn new(
        served: Arc<Served>,
        (local, peer): (SocketAddr, SocketAddr),
        writer: SharedWriter,
    ) -> Self {
        Self {
            served,
            local,
            peer,
            writer,
            closing: Arc::new(watch::Sender::new(false)),
            activity: Activity::new(),
            challenge: Challenge::new(),
            sessions: HashMap::new(),
        }
    }

    /// Answers one request.
    pub async fn handle(&mut self, request: &Request) -> Reply {
        if let Ok(resource) = self.resource(request)
            && resource
                .camera
                .setup
                .faults
                .unreachable(resource.camera.offset())
        {
            return Reply::HangUp;
        }
        let mut stream = None;
        let answered = match self.check(request) {
            Ok(()) => self.answer(request, &mut stream).await,
            Err(refusal) => Err(refusal),
        };
        let response = answered.unwrap_or_else(|Refusal(status, header)| {
            let mut builder = response(request, status);
            if let Some((name, value)) = header {
                builder = builder.header(name, value);
            }
            builder.build(Vec::new())
        });
        Reply::Respond(response, stream)
    }

    /// Notes the task that runs a session's stream.
    pub fn started(&mut self, session: &str, running: tokio::task::JoinHandle<()>) {
        if let Some(Session {
            state: SessionState::Playing { task, .. },
            ..
        }) = self.sessions.get_mut(session)
        {
            *task = Some(running);
        }
    }

    /// Ends all sessions where they stand: the connection is gone.
    fn abort(&mut self) {
        for (_, session) in self.sessions.drain() {
            if let SessionState::Playing {
                task: Some(task), ..
            } = &session.state
            {
                task.abort();
            }
        }
    }

    /// What every request must satisfy.
    fn check(&self, request: &Request) -> Result<(), Refusal> {
        if request.version() != Version::V1_0 {
            return Err(StatusCode::RTSPVersionNotSupported.into());
        }
        if request.header(&CSEQ).is_none() {
            return Err(StatusCode::BadRequest.into());
        }
        match request.method() {
            Method::Options
            | Method::Describe
            | Method::Setup
            | Method::Play
            | Method::GetParameter
            | Method::SetParameter
            | Method::Teardown => {}
            Method::Extension(_) => return Err(StatusCode::NotImplemented.into()),
            _ => {
                let allowed = Some((ALLOW, METHODS.to_owned()));
                return Err(Refusal(StatusCode::MethodNotAllowed, allowed));
            }
        }
        if let Some(required) = request.header(&REQUIRE) {
            let unsupported = Some((UNSUPPORTED, required.as_str().to_owned()));
            return Err(Refusal(StatusCode::OptionNotSupported, unsupported));
        }
        if *request.method() != Method::Options && !self.is_authorised(request) {
            let challenge = Some((WWW_AUTHENTICATE, self.challenge.header()));
            return Err(Refusal(StatusCode::Unauthorized, challenge));
        }
        match session_id(request) {
            Some(id) if !self.sessions.contains_key(id) => Err(StatusCode::SessionNotFound.into()),
            _ => Ok(()),
        }
    }

    fn is_authorised(&self, request: &Request) -> bool {
        let Some(credentials) = &self.served.credentials else {
            return true;
        };
        let path = request.request_uri().map_or("*", |uri| uri.path());
        request.header(&AUTHORIZATION).is_some_and(|given| {
            self.challenge
                .accepts(given.as_str(), request.method().into(), path, credentials)
        })
    }

    fn resource(&self, request: &Request) -> Result<Resource, Refusal> {
        let uri = request.request_uri().ok_or(StatusCode::BadRequest)?;
        let path = uri.path().trim_matches('/');
        let (camera, stream) = path.split_once('/').unwrap_or((path, ""));
        if !["", sdp::STREAM_CONTROL].contains(&stream) {
            return Err(StatusCode::NotFound.into());
        }
        let camera = self.served.camera(camera).ok_or(StatusCode::NotFound)?;
        Ok(Resource {
            camera: Arc::clone(camera),
            is_stream: !stream.is_empty(),
        })
    }

    async fn answer(
        &mut self,
        request: &Request,
        stream: &mut Option<(String, Box<Stream>)>,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let ok = response(request, StatusCode::Ok);
        match request.method() {
            Method::Describe => self.describe(request, ok),
            Method::Setup => self.setup(request, ok).await,
            Method::Play => self.play(request, ok, stream),
            Method::Teardown => {
                let id = session_id(request).ok_or(StatusCode::SessionNotFound)?;
                self.sessions.remove(id);
                Ok(ok.build(Vec::new()))
            }
            Method::GetParameter | Method::SetParameter if !request.body().is_empty() => {
                Err(StatusCode::ParameterNotUnderstood.into())
            }
            Method::Options => Ok(ok.header(PUBLIC, METHODS).build(Vec::new())),
            _ => {
                let ok = match session_id(request) {
                    Some(id) => ok.header(SESSION, session_header(id)),
                    None => ok,
                };
                Ok(ok.build(Vec::new()))
            }
        }
    }

    fn describe(
        &self,
        request: &Request,
        ok: ResponseBuilder,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let Resource { camera, .. } = self.resource(request)?;
        if let Some(accept) = request.header(&ACCEPT) {
            let accepts = |part: &str| {
                let kind = part.split(';').next().unwrap_or_default().trim();
                ["application/sdp", "application/*", "*/*"].contains(&kind)
            };
            if !accept.as_str().split(',').any(accepts) {
                return Err(StatusCode::NotAcceptable.into());
            }
        }
        let body = sdp::describe(&camera.setup.id, self.local.ip(), &camera.setup.clip);
        Ok(ok
            .header(
                CONTENT_BASE,
                format!("{}/", self.camera_url(request, &camera)),
            )
            .header(CONTENT_TYPE, "application/sdp")
            .header(CACHE_CONTROL, "no-cache")
            .build(body.into_bytes()))
    }

    /// The camera's URL as the client wrote its beginning.
    fn camera_url(&self, request: &Request, camera: &LiveCamera) -> String {
        let mut url = match request.request_uri() {
            Some(uri) => uri.clone(),
            None => return String::new(),
        };
        url.set_path(&camera.setup.id);
        url.set_query(None);
        url.to_string()
    }

    async fn setup(
        &mut self,
        request: &Request,
        ok: ResponseBuilder,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let Resource { camera, is_stream } = self.resource(request)?;
        if !is_stream {
            return Err(StatusCode::AggregateOperationNotAllowed.into());
        }
        let known = session_id(request).map(str::to_owned);
        if let Some(session) = known.as_ref().and_then(|id| self.sessions.get(id)) {
            if !Arc::ptr_eq(&session.camera, &camera) {
                return Err(StatusCode::AggregateOperationNotAllowed.into());
            }
            if matches!(session.state, SessionState::Playing { .. }) {
                return Err(StatusCode::MethodNotValidInThisState.into());
            }
        }
        let requested = request
            .typed_header::<Transports>()
            .ok()
            .flatten()
            .and_then(|alternatives| transport::choose(&alternatives))
            .ok_or(StatusCode::UnsupportedTransport)?;
        let id = known.unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
        let ssrc: u32 = rand::random();
        let (sink, channels, transport) = match requested {
            Requested::Interleaved(wanted) => {
                let (rtp, rtcp) = self
                    .channels(wanted, &id)
                    .ok_or(StatusCode::UnsupportedTransport)?;
                let sink = Sink::Interleaved {
                    writer: Arc::clone(&self.writer),
                    rtp,
                    rtcp,
                };
                let text = format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X}");
                (sink, Some((rtp, rtcp)), text)
            }
            Requested::Udp(rtp, rtcp) => {
                let sockets = UdpPair::bind(self.local.ip()).await.map_err(|error| {
                    tracing::warn!(%error, "no pair of UDP ports");
                    StatusCode::ServiceUnavailable
                })?;
                let server = sockets.rtp_port;
                let text = format!(
                    "RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={server}-{};ssrc={ssrc:08X}",
                    server + 1
                );
                let to = |port| SocketAddr::new(self.peer.ip(), port);
                (
                    Sink::Udp {
                        sockets,
                        rtp: to(rtp),
                        rtcp: to(rtcp),
                    },
                    None,
                    text,
                )
            }
        };
        let first_sequence = rand::random_range(2..0x8000);
        let state = SessionState::Ready(sink);
        let session = Session {
            camera,
            ssrc,
            first_sequence,
            channels,
            state,
        };
        self.sessions.insert(id.clone(), session);
        Ok(ok
            .header(SESSION, session_header(&id))
            .header(TRANSPORT, transport)
            .header(CACHE_CONTROL, "no-cache")
            .build(Vec::new()))
    }

    /// The channels a client wants if no other session has them, else the first free ones.
    fn channels(&self, wanted: Option<(u8, u8)>, session: &str) -> Option<(u8, u8)> {
        let is_free = |(a, b): (u8, u8)| {
            let others = self.sessions.iter().filter(|(id, _)| *id != session);
            let mut taken = others.filter_map(|(_, session)| session.channels);
            a != b && !taken.any(|(c, d)| [c, d].contains(&a) || [c, d].contains(&b))
        };
        wanted
            .into_iter()
            .chain((0..=254).step_by(2).map(|rtp| (rtp, rtp + 1)))
            .find(|&pair| is_free(pair))
    }

    fn play(
        &mut self,
        request: &Request,
        ok: ResponseBuilder,
        stream: &mut Option<(String, Box<Stream>)>,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let resource = self.resource(request)?;
        let id = session_id(request).ok_or(StatusCode::SessionNotFound)?;
        let url = self.camera_url(request, &resource.camera);
        let session = self
            .sessions
            .get_mut(id)
            .ok_or(StatusCode::SessionNotFound)?;
        if !Arc::ptr_eq(&session.camera, &resource.camera) {
            return Err(StatusCode::MethodNotValidInThisState.into());
        }
        let ok = ok
            .header(SESSION, session_header(id))
            .header(RANGE, "npt=now-");
        if matches!(session.state, SessionState::Playing { .. }) {
            return Ok(ok.build(Vec::new()));
        }
        let camera = Arc::clone(&session.camera);
        let subscription = camera.subscribe(self.served.queue_frames);
        let playing = SessionState::Playing {
            viewer: subscription.viewer,
            ending: Arc::clone(&subscription.ending),
            task: None,
        };
        let SessionState::Ready(sink) = std::mem::replace(&mut session.state, playing) else {
            return Err(StatusCode::MethodNotValidInThisState.into());
        };
        let info = format!(
            "url={url}/{};seq={};rtptime={}",
            sdp::STREAM_CONTROL,
            session.first_sequence,
            subscription.first_rtp
        );
        let max_packet_bytes = self.served.max_packet_bytes;
        let running = Stream {
            camera,
            subscription,
            rtp: RtpStream::new(session.ssrc, session.first_sequence, max_packet_bytes),
            sink,
            activity: self.activity.clone(),
            closing: Arc::clone(&self.closing),
        };
        *stream = Some((id.to_owned(), Box::new(running)));
        Ok(ok.header(RTP_INFO, info).build(Vec::new()))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.abort();
    }
}

/// A response with the headers that all have.
fn response(request: &Request, status: StatusCode) -> ResponseBuilder {
    let builder = Response::builder(Version::V1_0, status).header(SERVER, "camera-sim");
    match request.header(&CSEQ) {
        Some(cseq) => builder.header(CSEQ, cseq.clone()),
        None => builder,
    }
}

/// The session that a request names, without parameters.
fn session_id(request: &Request) -> Option<&str> {
    let header = request.header(&SESSION)?.as_str();
    Some(header.split(';').next().unwrap_or_default().trim())
}

fn session_header(id: &str) -> String {
    format!("{id};timeout={SESSION_TIMEOUT_SECONDS}")
}
