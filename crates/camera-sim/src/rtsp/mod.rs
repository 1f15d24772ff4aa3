//! The RTSP server (RFC 2326): requests, sessions and the streams they start.

mod connection;
mod handler;
mod session;
mod sink;
mod stream;
mod transport;

use std::sync::Arc;

pub use connection::serve;

use crate::auth::Credentials;
use crate::camera::LiveCamera;

/// Seconds without a sign of life after which a client that receives over UDP is given up.
pub const SESSION_TIMEOUT_SECONDS: u64 = 60;

/// What all connections of a server share.
#[derive(Debug)]
pub struct Served {
    /// The cameras, each with its own id.
    pub cameras: Vec<Arc<LiveCamera>>,
    /// What clients must prove to know, if anything.
    pub credentials: Option<Credentials>,
    /// Largest RTP packet, header included.
    pub max_packet_bytes: usize,
    /// Frames that wait for a client that reads slowly.
    pub queue_frames: usize,
}

impl Served {
    fn camera(&self, id: &str) -> Option<&Arc<LiveCamera>> {
        self.cameras.iter().find(|camera| camera.setup.id == id)
    }
}
