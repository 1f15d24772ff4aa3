//! A broker: where it is, and what it is sent.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use camweave_redact::Secret;
use camweave_spool::Record;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::warn;

use super::packets::Message;
use crate::attempts::Attempts;
use crate::failure::{Failure, Reason};
use crate::payload::{Bodies, Payload, discovery};
use crate::settings::MqttVersion;
use crate::topics::Topics;

/// Cameras that are announced to Home Assistant at most.
const CAMERAS: usize = 1024;

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A broker.
pub(crate) struct Mqtt {
    pub host: String,
    pub port: u16,
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub version: MqttVersion,
    pub client_id: String,
    pub login: Option<(String, Secret)>,
    pub topics: Topics,
    pub timeout: Duration,
    pub bodies: Bodies,
    /// Those that were announced, also in earlier sessions.
    pub cameras: BTreeSet<String>,
    /// How often the row that is to be delivered next was not taken.
    pub attempts: Attempts,
    /// Topics of announcements of which the log says that the broker refuses them.
    pub refused: BTreeSet<String>,
}

/// What a record is to a broker.
pub(super) enum Made {
    Messages(Vec<Message>),
    /// It is none that can be sent.
    Refused(String),
}

impl Mqtt {
    /// Connects, and encrypts.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let lost = |error: io::Error| Failure::new(Reason::Connection, error.to_string());
        let found = lookup_host((self.host.as_str(), self.port)).await;
        let found: Vec<SocketAddr> = found.map_err(lost)?.collect();
        let stream = connect_any(&found, self.timeout).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let unsafe_end =
            |error: &dyn std::fmt::Display| Failure::new(Reason::Tls, format!("TLS: {error}"));
        let name = ServerName::try_from(self.host.clone()).map_err(|error| unsafe_end(&error))?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| unsafe_end(&error))?;
        Ok(Box::new(stream))
    }

    /// The messages of a record: a camera's announcement before its first event. `next` is the number of
    /// the first record that is not delivered.
    pub(super) fn messages(&mut self, record: &Record, next: u64) -> Made {
        let payload: Payload = match serde_json::from_slice(&record.bytes) {
            Ok(payload) => payload,
            Err(error) => return Made::Refused(format!("not a payload of this version: {error}")),
        };
        let mut messages = Vec::new();
        if self.cameras.len() < CAMERAS && !self.cameras.contains(&payload.camera) {
            messages.extend(announcement(&self.topics, &payload.camera));
            self.cameras.insert(payload.camera.clone());
        }
        messages.push(Message {
            topic: self.topics.events(&payload.camera),
            payload: self.bodies.of(record, &payload, next),
            is_retained: false,
        });
        Made::Messages(messages)
    }
}

impl Mqtt {
    /// Says once of each topic that the broker does not take an announcement: rows do not wait for it.
    pub(super) fn not_announced(&mut self, topic: &str, why: &str) {
        if self.refused.insert(topic.to_owned()) {
            warn!("{topic} is not announced: {why}");
        }
    }
}

/// Connects to the first address that answers. Each has its part of the time, so that one that swallows
/// packets does not hide those after it.
async fn connect_any(addresses: &[SocketAddr], within: Duration) -> io::Result<TcpStream> {
    let each = within / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refused = error,
            Err(_) => {
                let line = format!("{address} does not answer");
                refused = io::Error::new(io::ErrorKind::TimedOut, line);
            }
        }
    }
    Err(refused)
}

/// What says whether the node is there.
pub(super) fn available(topic: &str, state: &'static str) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: Bytes::from_static(state.as_bytes()),
        is_retained: true,
    }
}

/// What tells Home Assistant of a camera; nothing where that is not wanted.
pub(super) fn announcement(topics: &Topics, camera: &str) -> Option<Message> {
    let (topic, payload) = discovery(topics, camera)?;
    Some(Message {
        topic,
        payload: Bytes::from(payload.to_string()),
        is_retained: true,
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn an_address_that_swallows_packets_hides_no_other() {
        let silent = TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        silent.bind(any).expect("a port is free");
        // With its queue full, the system answers nobody.
        let silent = silent.listen(1).expect("it listens");
        let address = silent.local_addr().expect("an address");
        let mut waiting = Vec::new();
        let soon = Duration::from_millis(100);
        while let Ok(Ok(stream)) = timeout(soon, TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        let good = TcpListener::bind(any).await.expect("a port is free");
        let addresses = [address, good.local_addr().expect("an address")];
        let connected = connect_any(&addresses, Duration::from_millis(500)).await;
        let peer = connected.expect("the second").peer_addr();
        assert_eq!(peer.expect("an address"), addresses[1]);
        let refused = connect_any(&addresses[..1], soon).await.expect_err("none");
        assert!(refused.to_string().contains("does not answer"), "{refused}");
    }
}
