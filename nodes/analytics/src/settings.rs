//! Settings.

use std::path::PathBuf;
use std::time::Duration;

use camweave_rules::Rules;
use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct AnalyticsSettings {
    /// path of a rules.yml, relative to the graph's folder; changes of the file take effect while the node runs
    pub rules: Required<PathBuf>,
    /// time without a frame after which the events of a camera end
    #[schemars(range(min = 1000, max = 86_400_000), extend("unit" = "ms"))]
    pub silent_ms: u64,
    /// folder for heatmaps, a file for each camera and rule of that kind; not set: they are not written
    pub heatmaps: Option<PathBuf>,
    /// time between two writings of the heatmaps
    #[schemars(range(min = 1000, max = 86_400_000), extend("unit" = "ms"))]
    pub heatmaps_every_ms: u64,
}

impl Default for AnalyticsSettings {
    fn default() -> Self {
        Self {
            rules: Required::default(),
            silent_ms: 30_000,
            heatmaps: None,
            heatmaps_every_ms: 60_000,
        }
    }
}

impl Settings for AnalyticsSettings {
    fn check_files(&self) -> Result<(), StageError> {
        self.load().map(drop)
    }
}

impl AnalyticsSettings {
    /// The rules of the file.
    pub(crate) fn load(&self) -> Result<Rules, StageError> {
        camweave_rules::load(&self.rules)
            .map_err(|error| StageError::configuration(error.to_string()))
    }

    /// How long a camera may be without a frame.
    pub(crate) fn silent(&self) -> Duration {
        Duration::from_millis(self.silent_ms)
    }
}
