//! Settings.

use std::time::Duration;

use camweave_stage::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Limits;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct BatcherSettings {
    /// maximum frames in a batch
    #[schemars(range(min = 1, max = 1024), extend("unit" = "frames"))]
    pub max_batch: usize,
    /// longest wait for other cameras; the fastest live camera's period if that is shorter
    #[schemars(range(min = 1, max = 10_000), extend("unit" = "ms"))]
    pub max_window_ms: u64,
    /// maximum frames of one camera in a batch (mixed rates: ceil(fastest / slowest))
    #[schemars(range(min = 1, max = 1024), extend("unit" = "frames"))]
    pub max_per_source: usize,
}

impl Default for BatcherSettings {
    fn default() -> Self {
        Self {
            max_batch: 8,
            max_window_ms: 20,
            max_per_source: 1,
        }
    }
}

impl Settings for BatcherSettings {}

impl BatcherSettings {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_batch: self.max_batch,
            max_window: Duration::from_millis(self.max_window_ms),
            max_per_source: self.max_per_source,
        }
    }
}
