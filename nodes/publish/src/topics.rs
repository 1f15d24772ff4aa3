//! The topics of a broker.

use crate::settings::{PublishSettings, Shape};

/// How topics are named.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    pub prefix: String,
    pub shape: Shape,
    discovery_prefix: String,
    /// The client's id, as a level of a topic.
    client: String,
}

impl Topics {
    pub fn of(settings: &PublishSettings, client_id: &str) -> Self {
        Self {
            prefix: settings.topic_prefix.clone(),
            shape: settings.shape,
            discovery_prefix: settings.discovery_prefix.clone(),
            client: client_id.replace(['/', '+', '#'], "_"),
        }
    }

    /// Whether this node is connected: `online`, or `offline` as its will. Of two nodes at one broker each
    /// has its own; what was made for Frigate expects a single one.
    pub fn available(&self) -> String {
        match self.shape {
            Shape::Camweave => format!("{}/{}/available", self.prefix, self.client),
            Shape::Frigate => format!("{}/available", self.prefix),
        }
    }

    /// A camera's events.
    pub fn events(&self, camera: &str) -> String {
        match self.shape {
            Shape::Camweave => format!("{}/{camera}/events", self.prefix),
            Shape::Frigate => format!("{}/events", self.prefix),
        }
    }

    /// A device's announcement; `None` where none is wanted.
    pub fn discovery(&self, device: &str) -> Option<String> {
        let prefix = &self.discovery_prefix;
        (!prefix.is_empty()).then(|| format!("{prefix}/device/{device}/config"))
    }
}
