//! An RTSP client (RFC 2326) for cameras as they are: it takes what cameras send, as long as
//! it can tell what was meant, and every buffer has a limit.
//!
//! - [`Session::connect`]: DESCRIBE, SETUP and PLAY of the first H.264 or H.265 stream, with
//!   redirects, digest (MD5, SHA-256) or basic authentication, and UDP where TCP is refused.
//! - [`Session::next`]: access units, sender reports and signs of life, until an [`RtspError`].
//!
//! What a peer can cost: [`Limits`] says how many bytes of a message and of an access unit are
//! kept and how fast is read; more is an error or waits in the peer, for half a second at most. Of the peer's
//! text, errors quote the names of codecs and media alone, as they came: whoever prints them must make
//! them safe.

mod connection;
mod error;
mod event;
#[cfg(fuzzing)]
pub mod fuzzing;
mod media;
mod options;
mod order;
mod rate;
mod rtp;
mod sdp;
mod session;
mod udp;
mod wire;

pub use camweave_http_auth::{Credentials, TriedSchemes};
pub use error::RtspError;
pub use event::{Event, Stream};
pub use options::{Options, Transport};
pub use session::Session;

use std::time::Duration;

/// What one camera may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an access unit.
    pub access_unit_bytes: usize,
    /// Bytes a second that are read, over a second or more. Each packet counts
    /// [`PACKET_COST_BYTES`] more. A camera that sends faster must wait (TCP) or loses packets (UDP).
    /// One that does so over TCP for longer than [`BEHIND_AT_MOST`] ends its session: what it sends
    /// would come later and later, and what it sends after that as well.
    pub bytes_per_second: u32,
    /// Bytes that may come at once when a session begins: relays send what they have kept of the
    /// group of pictures.
    pub bytes_at_start: u32,
}

/// Bytes of the first line and headers of an RTSP message.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Bytes of an RTSP message's body; an SDP has one or two thousand.
pub const BODY_BYTES: usize = 256 * 1024;
/// Bytes that belong to no message, until a session is given up.
pub const GARBAGE_BYTES: usize = 256 * 1024;
/// What a packet counts beyond its bytes: handling costs time as well. A stream of 100 Mbit/s in
/// packets of 1,400 bytes has room.
pub const PACKET_COST_BYTES: u32 = 800;
/// How long a camera may send more than [`Limits::bytes_per_second`] without a pause, over TCP.
pub const BEHIND_AT_MOST: Duration = Duration::from_millis(500);

impl Default for Limits {
    fn default() -> Self {
        Self {
            access_unit_bytes: 8 * 1024 * 1024,
            bytes_per_second: 20 * 1024 * 1024,
            bytes_at_start: 60 * 1024 * 1024,
        }
    }
}
