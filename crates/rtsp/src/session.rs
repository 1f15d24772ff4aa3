//! DESCRIBE, SETUP, PLAY, and what comes then.

mod keep_alive;
mod requests;
mod setup;

use tokio::time::{Instant, sleep_until};

use self::keep_alive::KeepAlive;
use self::requests::{Requests, answer};
use crate::connection::Connection;
use crate::event::{Event, Stream};
use crate::media::Media;
use crate::udp::Udp;
use crate::wire::Message;
use crate::{PACKET_COST_BYTES, RtspError};

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

/// Events that are delivered before other cameras have their turn.
const EVENTS_PER_TURN: u32 = 64;

impl Session {
    /// The stream that plays.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The next event. Loses nothing where it is dropped before it is ready.
    ///
    /// # Errors
    /// Why there are no more events; earlier ones have been delivered.
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
