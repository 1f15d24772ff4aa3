//! Settings.

use camweave_decode::FrameSettings;
use camweave_stage::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct SwDecodeSettings {
    /// decoding threads for all cameras together; 0: as many as cores, at most 4
    #[schemars(range(max = 256), extend("unit" = "threads"))]
    pub threads: usize,
    /// As all decoding stages have them.
    #[serde(flatten)]
    pub frames: FrameSettings,
    /// memory for the frames of one camera; larger frames are dropped as too_large
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub camera_mb: u64,
}

impl Default for SwDecodeSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            frames: FrameSettings::default(),
            camera_mb: 256,
        }
    }
}

impl Settings for SwDecodeSettings {}

impl SwDecodeSettings {
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
            threads => threads,
        }
    }
}
