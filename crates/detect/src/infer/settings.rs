//! Settings that all stages with a network have.

use std::time::Duration;

use camweave_stage::{QueuePolicy, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which frames wait for the network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct QueueSettings {
    /// how long a frame may wait while a newer one of its camera waits too; if at most 1000, a
    /// quarter of it for 2 s after a frame has waited longer
    #[schemars(range(max = 60_000), extend("unit" = "ms"))]
    pub max_wait_ms: u64,
    /// maximum waiting frames of one camera
    #[schemars(range(min = 1, max = 4096), extend("unit" = "frames"))]
    pub queue: usize,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            max_wait_ms: 400,
            queue: 16,
        }
    }
}

impl QueueSettings {
    /// The queue that they describe.
    #[must_use]
    pub fn policy(&self) -> QueuePolicy {
        QueuePolicy::of_detector(Duration::from_millis(self.max_wait_ms), self.queue)
    }
}

/// Checks `HEAD_SLOTS`; 0 is the stage's own choice.
///
/// # Errors
/// A batch does not fit.
pub fn check_head_slots(slots: u32, max_batch: usize) -> Result<(), StageError> {
    if slots == 0 || slots as usize >= max_batch {
        return Ok(());
    }
    Err(StageError::configuration(format!(
        "env HEAD_SLOTS='{slots}', expected at least MAX_BATCH ({max_batch})"
    )))
}
