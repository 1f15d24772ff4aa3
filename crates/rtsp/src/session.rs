//! DESCRIBE, SETUP, PLAY, and what comes then.

mod keep_alive;
mod setup;

use std::collections::VecDeque;

use camweave_bitstream::NalCodec;
use camweave_bitstream::rtp::Damage;
use tokio::time::{Duration, Instant, sleep_until};
use url::Url;

use crate::auth::Authorizer;
use crate::connection::Connection;
use crate::media::Media;
use crate::udp::Udp;
use crate::wire::{Headers, Message, Response};
use crate::{Credentials, Limits, PACKET_COST_BYTES, RtspError, TriedSchemes};
use keep_alive::KeepAlive;

/// How RTP packets are to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// Datagrams.
    Udp,
    /// TCP; UDP where the camera refuses TCP (status 461, or another that does not say why).
    TcpThenUdp,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// The user, where the camera asks for one.
    pub credentials: Option<Credentials>,
    /// What the camera's earlier sessions know of how it takes them.
    pub tried: TriedSchemes,
    /// How packets are to travel.
    pub transport: Transport,
    /// The header `User-Agent`.
    pub user_agent: &'static str,
    /// What the camera may cost.
    pub limits: Limits,
    /// Until the connection is open. The caller bounds what comes then.
    pub connect_timeout: Duration,
    /// After so long a silence the camera is asked whether it is there.
    pub probe_after: Duration,
}

/// The stream that plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The codec.
    pub codec: NalCodec,
    /// Ticks per second of [`Event::Unit`]'s timestamp.
    pub clock_hz: u32,
    /// Annex B; may be empty.
    pub parameter_sets: Vec<u8>,
    /// Whether packets come as datagrams.
    pub udp: bool,
}

/// What a session gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole access unit.
    Unit {
        /// Annex B.
        data: Vec<u8>,
        /// The unwrapped RTP timestamp.
        timestamp: i64,
        /// Packets that are missing since the unit before.
        lost_packets: u32,
        /// When its last packet came.
        arrival_unix_nanos: i64,
    },
    /// Frames of which a part or all is missing.
    Dropped {
        /// Why.
        damage: Damage,
        /// How many.
        frames: u32,
    },
    /// The camera's clock (RFC 3550, section 6.4.1).
    SenderReport {
        /// 32.32 fixed-point seconds since 1900.
        ntp: u64,
        /// The unwrapped RTP timestamp of the same instant.
        timestamp: i64,
        /// When it came.
        arrival_unix_nanos: i64,
    },
    /// The camera is there.
    Alive,
}

/// A camera that plays. Dropping it closes the connection; [`Session::teardown`] says so before.
#[derive(Debug)]
pub struct Session {
    /// `None` once the camera has closed it, and datagrams come on.
    connection: Option<Connection>,
    udp: Option<Udp>,
    requests: Requests,
    media: Media,
    /// The SSRC of our receiver reports: one of our own (RFC 3550, section 8.1).
    reporter: u32,
    stream: Stream,
    /// The URL of PLAY, TEARDOWN and signs of life.
    url: String,
    keep_alive: KeepAlive,
    failure: Option<RtspError>,
    /// Given out since other cameras had their turn.
    events: u32,
}

/// Events that are given out before other cameras have their turn.
const EVENTS_PER_TURN: u32 = 64;

/// Writes requests.
#[derive(Debug)]
struct Requests {
    authorizer: Authorizer,
    user_agent: &'static str,
    sequence: u32,
    /// Numbers of requests without an answer, the latest last.
    unanswered: VecDeque<u32>,
    session: Option<String>,
}

/// Requests without an answer that are remembered.
const UNANSWERED: usize = 16;

impl Requests {
    /// Appends a request.
    fn write(
        &mut self,
        connection: &mut Connection,
        method: &str,
        url: &str,
        header: Option<(&str, &str)>,
    ) {
        self.sequence += 1;
        let mut text = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: {}\r\n",
            self.sequence, self.user_agent
        );
        let authorization = self.authorizer.header(method, url);
        let headers = [
            ("Authorization", authorization.as_deref()),
            ("Session", self.session.as_deref()),
        ];
        let given = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in given.chain(header) {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        connection.write(text.as_bytes());
        if self.unanswered.len() == UNANSWERED {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back(self.sequence);
    }

    /// Whether `response` is the final answer to the latest request. Cameras forget the number
    /// or always send the same: any number is the latest's but that of an earlier request which
    /// has had no answer.
    fn is_answer(&mut self, response: &Response) -> bool {
        // 100 Continue and its like come before the answer.
        if response.status < 200 {
            return false;
        }
        let number = response.headers.sequence();
        let earlier = |open: &u32| *open != self.sequence && number == Some(*open);
        if let Some(at) = self.unanswered.iter().position(earlier) {
            self.unanswered.remove(at);
            return false;
        }
        self.unanswered.pop_back_if(|open| *open == self.sequence);
        true
    }

    /// Sends a request and waits for its answer, with as many credentials as it takes.
    /// Packets that come before go to `media`, requests of the camera's are answered.
    async fn send(
        &mut self,
        connection: &mut Connection,
        method: &'static str,
        url: &str,
        header: Option<(&str, &str)>,
        mut media: Option<&mut Media>,
    ) -> Result<Response, RtspError> {
        loop {
            self.write(connection, method, url, header);
            let response = loop {
                match connection.buffered()? {
                    Some(Message::Response(response)) if self.is_answer(&response) => {
                        break response;
                    }
                    Some(Message::Response(_)) => {}
                    Some(Message::Request { method, headers }) => {
                        answer(connection, &method, &headers)?;
                    }
                    Some(Message::Data(range)) => {
                        if let Some(media) = media.as_deref_mut()
                            && !media.is_full()
                        {
                            media.packet(connection.bytes(range))?;
                        }
                    }
                    None => connection.exchange().await?,
                }
            };
            match response.status {
                200..=299 => {
                    self.authorizer.accepted();
                    return Ok(response);
                }
                401 => self
                    .authorizer
                    .challenged(response.headers.all("WWW-Authenticate"))?,
                301..=303 | 305 | 307 | 308 => return Ok(response),
                status => return Err(RtspError::Status { status, method }),
            }
        }
    }
}

/// Answers a request of the camera's.
fn answer(connection: &mut Connection, method: &str, headers: &Headers) -> Result<(), RtspError> {
    let status = match method {
        "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => "200 OK",
        "TEARDOWN" => return Err(RtspError::Ended("its request TEARDOWN")),
        "REDIRECT" => return Err(RtspError::Ended("its request REDIRECT")),
        _ => "501 Not Implemented",
    };
    let number = headers.sequence().unwrap_or(0);
    connection.write(format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n").as_bytes());
    Ok(())
}

impl Session {
    /// Connects, and plays the first H.264 or H.265 stream. The caller bounds its time.
    ///
    /// # Errors
    /// Why it does not play.
    pub async fn connect(url: &Url, options: Options) -> Result<Self, RtspError> {
        setup::connect(url, options).await
    }

    /// The stream that plays.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The next event. Loses nothing where it is dropped before it is ready.
    ///
    /// # Errors
    /// Why there are no more events; what came before has been given out.
    pub async fn next(&mut self) -> Result<Event, RtspError> {
        loop {
            // Handling an event costs time, and a small packet can make many of them.
            if self.events >= EVENTS_PER_TURN {
                self.events = 0;
                tokio::task::yield_now().await;
            }
            if let Some(event) = self.media.pop() {
                self.events += 1;
                if let Some(udp) = &mut self.udp {
                    udp.charge(PACKET_COST_BYTES);
                } else if let Some(connection) = &mut self.connection {
                    connection.charge(PACKET_COST_BYTES);
                }
                return Ok(event);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if let Err(failure) = self.advance().await {
                match failure {
                    // Datagrams need no connection; the caller notices where they stop.
                    RtspError::Closed | RtspError::Broken(_) if self.udp.is_some() => {
                        self.connection = None;
                    }
                    failure => {
                        self.media.end();
                        self.failure = Some(failure);
                    }
                }
            }
        }
    }

    /// Handles one message, or waits for bytes, a datagram or the next point in time.
    async fn advance(&mut self) -> Result<(), RtspError> {
        if let Some(connection) = &mut self.connection
            && let Some(message) = connection.buffered()?
        {
            return self.message(message);
        }
        let deadline = self.media.deadline();
        let deadline = deadline.map_or(self.keep_alive.due(), |it| it.min(self.keep_alive.due()));
        tokio::select! {
            exchanged = exchange(&mut self.connection) => exchanged,
            datagram = receive(&mut self.udp) => {
                self.keep_alive.heard();
                self.media.packet(datagram)
            }
            () = sleep_until(deadline) => self.on_time(),
        }
    }

    fn message(&mut self, message: Message) -> Result<(), RtspError> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        match message {
            Message::Data(range) => {
                let data = connection.bytes(range);
                self.keep_alive.heard();
                self.media.packet(data)
            }
            Message::Request { method, headers } => answer(connection, &method, &headers),
            Message::Response(response) => {
                self.keep_alive.heard();
                let answers = self.requests.is_answer(&response);
                let answered = answers && self.keep_alive.answered(&response);
                let challenges = response.headers.all("WWW-Authenticate");
                if response.status != 401 {
                    self.requests.authorizer.accepted();
                } else if answered && self.requests.authorizer.challenged(challenges).is_ok() {
                    self.keep_alive.send_again();
                }
                self.media.alive();
                Ok(())
            }
        }
    }

    fn on_time(&mut self) -> Result<(), RtspError> {
        self.media.on_time()?;
        if self.keep_alive.due() > Instant::now() {
            return Ok(());
        }
        let method = self.keep_alive.method();
        if let Some(connection) = &mut self.connection {
            self.requests.write(connection, method, &self.url, None);
        }
        self.keep_alive.sent(self.connection.is_some());
        if let Some(udp) = &self.udp {
            udp.report(&crate::rtp::receiver_report(self.reporter));
        }
        Ok(())
    }

    /// Tells the camera that nobody watches any longer, and waits for its answer. The caller
    /// bounds its time.
    pub async fn teardown(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let sent = self
            .requests
            .send(connection, "TEARDOWN", &self.url, None, None);
        let _ = sent.await;
    }
}

async fn exchange(connection: &mut Option<Connection>) -> Result<(), RtspError> {
    match connection {
        Some(connection) => connection.exchange().await,
        None => std::future::pending().await,
    }
}

async fn receive(udp: &mut Option<Udp>) -> &[u8] {
    match udp {
        Some(udp) => udp.receive().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> Response {
        let mut reader = crate::wire::Reader::default();
        reader.space(text.len()).extend_from_slice(text.as_bytes());
        match reader.next() {
            Ok(Some(Message::Response(response))) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The number, and whether it answers the latest request, which is 3; 1 has its answer.
    #[test]
    fn which_response_answers_the_latest_request() {
        for (text, answers) in [
            ("200 OK\r\nCSeq: 3", true),
            ("200 OK", true),
            ("200 OK\r\nCSeq: 1", true),
            ("200 OK\r\nCSeq: 0", true),
            ("200 OK\r\nCSeq: x", true),
            ("401 No\r\nCSeq: 9", true),
            ("200 OK\r\nCSeq: 2", false),
            ("100 Continue\r\nCSeq: 3", false),
        ] {
            let mut requests = Requests {
                authorizer: Authorizer::new(None, TriedSchemes::default()),
                user_agent: "x",
                sequence: 3,
                unanswered: VecDeque::from([2, 3]),
                session: None,
            };
            let given = response(&format!("RTSP/1.0 {text}\r\n\r\n"));
            assert_eq!(requests.is_answer(&given), answers, "{text}");
            let rest = requests.unanswered.len();
            let expected = if text.starts_with("100") { 2 } else { 1 };
            assert_eq!(rest, expected, "{text}");
        }
    }
}
