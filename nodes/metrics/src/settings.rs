//! Settings.

use std::net::SocketAddr;

use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct MetricsSettings {
    /// address and port; whoever reaches it reads the metrics, without encryption and login
    pub listen: String,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
        }
    }
}

impl Settings for MetricsSettings {
    fn check(&self) -> Result<(), StageError> {
        self.address().map(drop)
    }
}

impl MetricsSettings {
    /// Where to listen.
    pub(crate) fn address(&self) -> Result<SocketAddr, StageError> {
        self.listen.parse().map_err(|_| {
            StageError::configuration(format!(
                "env LISTEN='{}', expected an IP address and a port, such as 127.0.0.1:9464 or 0.0.0.0:9464",
                camweave_redact::printable(&self.listen)
            ))
        })
    }
}
