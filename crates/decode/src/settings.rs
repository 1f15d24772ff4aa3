//! Settings that all decoding stages have.

use std::sync::Arc;

use camweave_pool::MAX_SLOTS;
use camweave_vision::MAX_DIMENSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Budget;

/// What frames may be, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct FrameSettings {
    /// frames per pool; 0: 16 in nvdec; in sw-decode 12 plus those that the decoder holds itself, at most 28
    #[schemars(range(max = MAX_SLOTS), extend("unit" = "slots"))]
    pub slots: u32,
    /// the widest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_width: u32,
    /// the highest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_height: u32,
    /// memory for the frames of all cameras; 0: half of the host's, or all of a device's
    #[schemars(range(max = 16_777_216), extend("unit" = "MiB"))]
    pub pools_mb: u64,
}

impl Default for FrameSettings {
    fn default() -> Self {
        Self {
            slots: 0,
            max_width: 8192,
            max_height: 8192,
            pools_mb: 0,
        }
    }
}

impl FrameSettings {
    /// The memory of pools: `camera_mb` of each camera, and of all together what the settings say, or
    /// else `total_bytes`.
    #[must_use]
    pub fn budget(&self, camera_mb: u64, total_bytes: u64) -> Arc<Budget> {
        let total_bytes = match self.pools_mb {
            0 => total_bytes,
            mebibytes => mebibytes << 20,
        };
        Budget::new(camera_mb << 20, total_bytes)
    }
}
