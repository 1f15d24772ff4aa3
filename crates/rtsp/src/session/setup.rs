//! From a URL to a stream that plays.

use std::collections::VecDeque;
use std::net::IpAddr;

use camweave_http_auth::Authorizer;
use tokio::time::Duration;
use url::Url;

use super::Session;
use super::keep_alive::KeepAlive;
use super::requests::Requests;
use crate::connection::Connection;
use crate::event::Stream;
use crate::media::Media;
use crate::options::{Options, Transport};
use crate::sdp::{self, Video};
use crate::udp::Udp;
use crate::wire::Response;
use crate::{Limits, RtspError};

/// A longer way of redirects leads nowhere.
const MAX_REDIRECTS: usize = 5;
/// Characters of a session's name or a URL that the camera gives.
const MAX_TEXT: usize = 2048;

impl Session {
    /// Connects, and plays the first H.264 or H.265 stream. The caller bounds its time.
    ///
    /// # Errors
    /// Why it does not play.
    pub async fn connect(url: &Url, options: Options) -> Result<Self, RtspError> {
        connect(url, options).await
    }
}

async fn connect(url: &Url, options: Options) -> Result<Session, RtspError> {
    let mut requests = Requests {
        authorizer: Authorizer::new(options.credentials, options.tried),
        user_agent: options.user_agent,
        sequence: 0,
        unanswered: VecDeque::new(),
        session: None,
    };
    let rate = options.limits;
    let opening = (rate, options.connect_timeout);
    let (mut connection, described, response) = describe(url, &mut requests, opening).await?;
    let video = sdp::video(&response.body)?;
    let base = ["Content-Base", "Content-Location"]
        .into_iter()
        .find_map(|name| response.headers.get(name))
        .filter(|base| base.to_ascii_lowercase().starts_with("rtsp://") && base.len() <= MAX_TEXT)
        .unwrap_or(described.as_str())
        .to_owned();
    let (track, url) = sdp::urls(&base, &video);
    let first = options.transport == Transport::Udp;
    let mut media = Media::new(&video, options.limits.access_unit_bytes, first);
    let mut setup = setup(&mut connection, &mut requests, &track, first, rate).await;
    if let Err(RtspError::Status { status, .. }) = setup
        && may_be_the_transport(status)
        && options.transport == Transport::TcpThenUdp
    {
        media = Media::new(&video, options.limits.access_unit_bytes, true);
        let second = self::setup(&mut connection, &mut requests, &track, true, rate).await;
        // Where neither is taken, the first answer says more.
        if !matches!(second, Err(RtspError::Status { .. })) {
            setup = second;
        }
    }
    let (udp, timeout) = setup?;
    let play = requests.send(
        &mut connection,
        "PLAY",
        &url,
        Some(("Range", "npt=0.000-")),
        Some(&mut media),
    );
    let played = play.await?;
    if played.status >= 300 {
        return Err(RtspError::Redirect("while it sets up the stream"));
    }
    let reporter = rand::random();
    if let Some(udp) = &udp {
        udp.report(&crate::rtp::receiver_report(reporter));
    }
    Ok(Session {
        stream: stream(video, udp.is_some()),
        connection: Some(connection),
        udp,
        requests,
        media,
        reporter,
        url,
        keep_alive: KeepAlive::new(timeout, options.probe_after),
        failure: None,
        events: 0,
    })
}

/// Whether `status` to SETUP may refuse the transport: 461 does, and cameras that do not know
/// it answer 400, 406, 500 and others. Credentials and a wrong path have their own.
fn may_be_the_transport(status: u16) -> bool {
    !matches!(status, 401 | 403 | 404)
}

fn stream(video: Video, udp: bool) -> Stream {
    let Video {
        codec,
        clock_hz,
        parameter_sets,
        ..
    } = video;
    Stream {
        codec,
        clock_hz,
        parameter_sets,
        udp,
    }
}

/// Connects and asks for the description, at the place that the camera names in the end.
async fn describe(
    url: &Url,
    requests: &mut Requests,
    (limits, timeout): (Limits, Duration),
) -> Result<(Connection, Url, Response), RtspError> {
    let mut at = url.clone();
    let mut connection = Connection::open(&at, limits, timeout).await?;
    let mut reopened = false;
    for _ in 0..=MAX_REDIRECTS {
        let sent = requests
            .send(
                &mut connection,
                "DESCRIBE",
                at.as_str(),
                Some(("Accept", "application/sdp")),
                None,
            )
            .await;
        let response = match sent {
            // Some close the connection with their 401: the answer to it goes into another.
            Err(RtspError::Closed | RtspError::Broken(_))
                if requests.authorizer.is_asked() && !reopened =>
            {
                reopened = true;
                connection = Connection::open(&at, limits, timeout).await?;
                continue;
            }
            sent => sent?,
        };
        if response.status < 300 {
            return Ok((connection, at, response));
        }
        let location = response.headers.get("Location").unwrap_or_default();
        let next = at.join(location).ok().filter(|next| {
            next.scheme() == "rtsp" && next.has_host() && location.len() <= MAX_TEXT
        });
        let Some(mut next) = next.filter(|_| !location.is_empty()) else {
            return Err(RtspError::Redirect("to no rtsp:// URL"));
        };
        // Credentials come from cameras.yml alone.
        let _ = next.set_username("").and_then(|()| next.set_password(None));
        let elsewhere = next.host_str() != url.host_str();
        requests.authorizer.redirected(elsewhere);
        // Many close the connection with such an answer.
        connection = Connection::open(&next, limits, timeout).await?;
        at = next;
    }
    Err(RtspError::Redirect("more than 5 times"))
}

async fn setup(
    connection: &mut Connection,
    requests: &mut Requests,
    track: &str,
    udp: bool,
    limits: Limits,
) -> Result<(Option<Udp>, Option<Duration>), RtspError> {
    let mut sockets = None;
    let mut transport = "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned();
    if udp {
        let ends = (
            connection.stream().local_addr(),
            connection.stream().peer_addr(),
        );
        let (Ok(local), Ok(camera)) = ends else {
            return Err(RtspError::Closed);
        };
        let bound: IpAddr = local.ip();
        let bound = Udp::bind(bound, camera.ip(), limits)
            .await
            .map_err(RtspError::Connect)?;
        let port = bound.port().map_err(RtspError::Connect)?;
        transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
        sockets = Some(bound);
    }
    let header = Some(("Transport", transport.as_str()));
    let response = requests
        .send(connection, "SETUP", track, header, None)
        .await?;
    if response.status >= 300 {
        return Err(RtspError::Redirect("while it sets up the stream"));
    }
    let mut timeout = None;
    if let Some(session) = response.headers.get("Session") {
        let mut parts = session.split(';').map(str::trim);
        let name = parts
            .next()
            .filter(|name| !name.is_empty() && name.len() <= MAX_TEXT);
        requests.session = name.map(str::to_owned);
        timeout = parts.find_map(|part| parameter(part, "timeout")?.parse().ok());
    }
    if let Some(sockets) = &mut sockets {
        let transport = response.headers.get("Transport").unwrap_or_default();
        let port = transport
            .split(';')
            .find_map(|part| parameter(part.trim(), "server_port"))
            .and_then(|ports| ports.split('-').next()?.trim().parse().ok());
        let source = transport
            .split(';')
            .find_map(|part| parameter(part.trim(), "source"))
            .and_then(|source| source.trim_matches(['[', ']']).parse().ok())
            .filter(|source: &IpAddr| !source.is_unspecified() && !source.is_multicast());
        sockets.set_server(port, source);
    }
    Ok((sockets, timeout.map(Duration::from_secs)))
}

/// The value in `name=value`.
fn parameter<'a>(part: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = part.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}
