//! Settings.

use std::path::PathBuf;
use std::time::Duration;

use camweave_camera_client::ClientLimits;
use camweave_cameras as cameras;
use camweave_cameras::{Camera, StreamRole};
use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::session_limits::SessionLimits;

/// Bytes of an access unit that may be asked for: far below what dora carries.
const MOST_ACCESS_UNIT_BYTES: usize = 32 << 20;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct RtspSourceSettings {
    /// path of a cameras.yml, relative to the graph's folder; changes of the file take effect while the node runs
    pub cameras: Required<PathBuf>,
    /// which stream of cameras that have two: detect: the one that is detected on; record: the one
    /// that is recorded
    pub stream: CameraStream,
    /// time within which a session must play
    #[schemars(range(min = 1, max = 3_600_000), extend("unit" = "ms"))]
    pub connect_timeout_ms: u64,
    /// time without a frame until a camera is reconnected; slow cameras have longer
    #[schemars(range(min = 1, max = 3_600_000), extend("unit" = "ms"))]
    pub stall_timeout_ms: u64,
    /// delay before the first reconnect; doubles with each attempt
    #[schemars(range(min = 1, max = 3_600_000), extend("unit" = "ms"))]
    pub reconnect_min_ms: u64,
    /// maximum delay between attempts; longer where retrying soon cannot help
    #[schemars(range(min = 1, max = 3_600_000), extend("unit" = "ms"))]
    pub reconnect_max_ms: u64,
    /// cameras that may be between connecting and their first decoded frame
    #[schemars(range(min = 1, max = 100_000), extend("unit" = "cameras"))]
    pub starting_at_once: usize,
    /// maximum size of an access unit; a camera that sends a larger one is reconnected
    #[schemars(range(min = 65_536, max = MOST_ACCESS_UNIT_BYTES), extend("unit" = "bytes"))]
    pub access_unit_max_bytes: usize,
}

/// A stream of a camera that has `streams`. Others have one, which is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CameraStream {
    /// The one that is detected on.
    Detect,
    /// The one that is recorded.
    Record,
}

impl CameraStream {
    /// The cameras with this stream alone.
    pub(crate) fn of(self, cameras: Vec<Camera>) -> Vec<Camera> {
        let role = match self {
            Self::Detect => StreamRole::Detect,
            Self::Record => StreamRole::Record,
        };
        let each = cameras.into_iter();
        each.map(|camera| camera.with_stream(role)).collect()
    }
}

impl Default for RtspSourceSettings {
    fn default() -> Self {
        Self {
            cameras: Required::default(),
            stream: CameraStream::Detect,
            connect_timeout_ms: 5000,
            stall_timeout_ms: 5000,
            reconnect_min_ms: 200,
            reconnect_max_ms: 700,
            starting_at_once: 40,
            access_unit_max_bytes: 8 << 20,
        }
    }
}

impl Settings for RtspSourceSettings {
    fn check(&self) -> Result<(), StageError> {
        if self.reconnect_min_ms > self.reconnect_max_ms {
            return Err(StageError::configuration(format!(
                "env RECONNECT_MIN_MS='{}', expected at most RECONNECT_MAX_MS='{}'",
                self.reconnect_min_ms, self.reconnect_max_ms
            )));
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), StageError> {
        self.load().map(drop)
    }
}

impl RtspSourceSettings {
    /// The cameras of the list.
    pub(crate) fn load(&self) -> Result<Vec<Camera>, StageError> {
        let cameras = cameras::load(&self.cameras)
            .map_err(|error| StageError::configuration(error.to_string()))?;
        Ok(self.stream.of(cameras))
    }

    /// What a camera is held to.
    pub(crate) fn limits(&self) -> SessionLimits {
        SessionLimits {
            client: ClientLimits {
                connect_timeout: Duration::from_millis(self.connect_timeout_ms),
                stall_timeout: Duration::from_millis(self.stall_timeout_ms),
                access_unit_bytes: self.access_unit_max_bytes,
            },
            reconnect_min: Duration::from_millis(self.reconnect_min_ms),
            reconnect_max: Duration::from_millis(self.reconnect_max_ms),
        }
    }
}
