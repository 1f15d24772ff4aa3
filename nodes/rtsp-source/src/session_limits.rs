//! What each camera may take.

use std::time::Duration;

/// Times of all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    pub connect_timeout: Duration,
    pub stall_timeout: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// Bytes of an access unit at most.
    pub access_unit_bytes: usize,
}
