//! What a session with a camera may take.

use std::time::Duration;

/// Limits of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Until the connection is open. The caller bounds what comes then.
    pub connect_timeout: Duration,
    /// Time without a frame after which the caller takes a camera for stalled: it is asked whether
    /// it is there after half of that.
    pub stall_timeout: Duration,
    /// Bytes of an access unit at most.
    pub access_unit_bytes: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            access_unit_bytes: 8 << 20,
        }
    }
}
