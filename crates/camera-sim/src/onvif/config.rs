use std::net::SocketAddr;

/// Where devices listen for probes.
pub const DISCOVERY_PORT: u16 = 3702;

/// How a client must prove to know user and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    /// By the token of WS-Security, around the time of the device.
    #[default]
    Token,
    /// By HTTP's digest authentication.
    HttpDigest,
}

/// The ONVIF side of a simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnvifConfig {
    /// Where the services are; port 0 is any free one.
    pub listen: SocketAddr,
    /// The port for probes, on all addresses: [`DISCOVERY_PORT`], or 0 for any free one.
    pub discovery_port: u16,
    /// What the devices' clocks are ahead.
    pub clock_ahead_seconds: i64,
    /// What is asked for where the simulator has credentials.
    pub proof: Proof,
}
