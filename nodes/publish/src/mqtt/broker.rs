//! A broker: where it is, and what it is sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use camweave_redact::Secret;
use camweave_spool::Record;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::packets::Message;
use crate::failure::{Failure, Reason};
use crate::payload::{Frigate, Payload, discovery};
use crate::settings::{MqttVersion, Shape};
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
    pub frigate: Frigate,
    /// Those that were announced, also in earlier sessions.
    pub cameras: BTreeSet<String>,
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
        let lost = |error: std::io::Error| Failure::new(Reason::Connection, error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(lost)?;
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

    /// The messages of a record: a camera's announcement before its first event.
    pub(super) fn messages(&mut self, record: &Record) -> Made {
        let payload: Payload = match serde_json::from_slice(&record.bytes) {
            Ok(payload) => payload,
            Err(error) => return Made::Refused(format!("not a payload of this version: {error}")),
        };
        let mut messages = Vec::new();
        if self.cameras.len() < CAMERAS && !self.cameras.contains(&payload.camera) {
            messages.extend(announcement(&self.topics, &payload.camera));
            self.cameras.insert(payload.camera.clone());
        }
        let bytes = match self.topics.shape {
            Shape::Camweave => record.bytes.clone(),
            Shape::Frigate => self.frigate.of(&payload).to_string().into_bytes(),
        };
        messages.push(Message {
            topic: self.topics.events(&payload.camera),
            payload: Bytes::from(bytes),
            is_retained: false,
        });
        Made::Messages(messages)
    }
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
