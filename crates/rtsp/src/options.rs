//! How to connect.

use tokio::time::Duration;

use crate::{Credentials, Limits, TriedSchemes};

/// How RTP packets are to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// Datagrams.
    Udp,
    /// TCP; UDP where the camera refuses TCP (status 461, or another that does not say why).
    TcpThenUdp,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// The user, where the camera asks for one.
    pub credentials: Option<Credentials>,
    /// What the camera's earlier sessions know of how it takes them.
    pub tried: TriedSchemes,
    /// How packets are to travel.
    pub transport: Transport,
    /// The header `User-Agent`.
    pub user_agent: &'static str,
    /// What the camera may cost.
    pub limits: Limits,
    /// Until the connection is open. The caller bounds what comes then.
    pub connect_timeout: Duration,
    /// After so long a silence the camera is asked whether it is there.
    pub probe_after: Duration,
}
