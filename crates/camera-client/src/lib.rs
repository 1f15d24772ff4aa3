//! The clients of cameras: what connects to one, and gives its access units.
//!
//! Two of them are behind one interface, [`Client`]: the RTSP client (`camweave-rtsp`) and FFmpeg's
//! demuxer (`camweave-demux`). [`Choice`] decides which of them takes a camera, session by session;
//! [`connect`] opens it. A [`Failure`] says what went wrong and what to do, without a secret.
//! [`Timeline`] places the timestamps of a session in time.
//!
//! `rtsp-source` keeps cameras with them, and `camweave-probe` looks at one.

mod choice;
mod client;
mod failure;
mod ffmpeg_client;
mod limits;
mod rtsp_client;
mod timeline;

pub use camweave_failure::FailureKind;
pub use camweave_rtsp::TriedSchemes;
pub use choice::{Choice, Which};
pub use client::{Client, Event, Frame, StreamInfo, nal_codec};
pub use failure::Failure;
pub use ffmpeg_client::DAMAGED;
pub use limits::ClientLimits;
pub use rtsp_client::{CORRUPT, LOST_IN_NETWORK};
pub use timeline::{Timeline, Times};

use camweave_cameras::Camera;

/// Connects to a camera and has it play. The caller bounds the time; `limits.connect_timeout` bounds
/// that until the connection is open. `flooded`: the session before sent too much, and this one gets
/// no burst at its start.
///
/// # Errors
/// Why the camera does not play, in words for its user.
pub async fn connect(
    camera: &Camera,
    which: Which,
    limits: &ClientLimits,
    tried: &TriedSchemes,
    flooded: bool,
) -> Result<Box<dyn Client>, Failure> {
    match which {
        Which::Rtsp => rtsp_client::connect(camera, limits, tried, flooded).await,
        Which::Ffmpeg => ffmpeg_client::connect(camera, limits.connect_timeout).await,
    }
}
