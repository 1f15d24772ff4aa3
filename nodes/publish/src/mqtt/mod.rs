//! Delivery to a broker: each connection is a new session that goes on with the first message that no
//! broker has confirmed. Which these are is in our own queue, so a session's past is of no use.

mod packets;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use camweave_redact::Secret;
use camweave_spool::Record;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::failure::{Failure, Reason};
use crate::payload::{Frigate, Payload, discovery};
use crate::queue::Queue;
use crate::settings::{MqttVersion, Shape};
use crate::topics::Topics;
use packets::{Message, Opening};
use session::Session;

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
enum Made {
    Messages(Vec<Message>),
    /// It is none that can be sent.
    Refused(String),
}

impl Mqtt {
    /// Delivers until the queue is closed and empty.
    pub async fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        let stream = timeout(self.timeout, self.connect()).await;
        let stream =
            stream.map_err(|_| Failure::new(Reason::Timeout, "no connection in time"))??;
        let will_topic = self.topics.available();
        let opening = Opening {
            client_id: &self.client_id,
            will_topic: &will_topic,
            will: "offline",
            login: self
                .login
                .as_ref()
                .map(|(user, password)| (&**user, password.expose())),
        };
        let mut session = Session::open(stream, self.version, &opening, self.timeout).await?;
        queue.connected();
        session.announce(&available(&will_topic, "online"))?;
        for camera in &self.cameras {
            if let Some(message) = announcement(&self.topics, camera) {
                session.announce(&message)?;
            }
        }
        session.deliver(self, queue).await?;
        session.announce(&available(&will_topic, "offline"))?;
        session.end().await
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
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
    fn messages(&mut self, record: &Record) -> Made {
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

fn available(topic: &str, state: &'static str) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: Bytes::from_static(state.as_bytes()),
        is_retained: true,
    }
}

fn announcement(topics: &Topics, camera: &str) -> Option<Message> {
    let (topic, payload) = discovery(topics, camera)?;
    Some(Message {
        topic,
        payload: Bytes::from(payload.to_string()),
        is_retained: true,
    })
}
