//! Sends events out of the graph: to an MQTT broker, Kafka or a webhook.
//!
//! Rows are on disk (`camweave_spool`) before they are sent, and leave it when the receiver has confirmed
//! them: at least once, in order. `docs/publish.md` is the description of what is sent, and `README.md`
//! the node's documentation.

mod attempts;
mod backoff;
mod crowding;
mod delivery;
mod drops;
mod facts;
mod failure;
mod kafka;
mod mqtt;
mod outage;
mod payload;
mod queue;
mod secrets;
mod settings;
mod signature;
mod stage;
mod target;
mod tls;
mod topics;
mod webhook;

pub use kafka::Sasl;
pub use payload::{Payload, SCHEMA};
pub use settings::{MqttVersion, PublishSettings, Shape};
pub use stage::Publish;
