//! What each camera may take.

use std::time::Duration;

use camweave_camera_client::ClientLimits;

/// Limits of all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    pub client: ClientLimits,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
}
