//! Settings.

use camweave_decode::half_of_memory;
use camweave_pool::MAX_SLOTS;
use camweave_stage::Settings;
use camweave_vision::MAX_DIMENSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Limits;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct SwDecodeSettings {
    /// decoding threads for all cameras together; 0: as many as cores, at most 4
    #[schemars(range(max = 256), extend("unit" = "threads"))]
    pub threads: usize,
    /// frames per pool; 0: 12 and what the stream's decoder holds, at most 28
    #[schemars(range(max = MAX_SLOTS), extend("unit" = "slots"))]
    pub slots: u32,
    /// the widest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_width: u32,
    /// the highest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_height: u32,
    /// memory for the frames of one camera; larger frames are dropped as too_large
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub camera_mb: u64,
    /// memory for the frames of all cameras; 0: half of the machine's
    #[schemars(range(max = 16_777_216), extend("unit" = "MiB"))]
    pub pools_mb: u64,
}

impl Default for SwDecodeSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            slots: 0,
            max_width: 8192,
            max_height: 8192,
            camera_mb: 256,
            pools_mb: 0,
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

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            slots: self.slots,
            max_width: self.max_width,
            max_height: self.max_height,
        }
    }

    /// Memory of one camera's pools, in bytes.
    pub(crate) fn camera_bytes(&self) -> u64 {
        self.camera_mb << 20
    }

    /// Memory of all cameras' pools, in bytes.
    pub(crate) fn total_bytes(&self) -> u64 {
        match self.pools_mb {
            0 => half_of_memory(),
            mebibytes => mebibytes << 20,
        }
    }
}
