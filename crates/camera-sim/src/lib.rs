//! Simulated RTSP cameras: rendered scenes with ground truth, or any media file, with faults on request.
//!
//! The cameras are real to any RTSP client. Each is live: frame n is captured at `t0 + n / fps` on
//! the wall clock, sent then and not before, and RTCP sender reports say exactly that, so a client
//! can tell every frame's capture time to a tick of 1/90000 s. A client that joins late gets frames
//! from the next one on, in the middle of a group of pictures, as from a real camera; a client that
//! reads slowly loses whole frames and delays nobody.
//!
//! ```text
//! scene seed -> render -> encode \
//!                                 Clip -> LiveCamera -> one stream per client -> RTP over TCP or UDP
//! media file -> demux [-> encode] /        (time line, faults, record)
//! ```
//!
//! The binary `camera-sim serve` is a shell around [`Simulator`].

pub mod scene;

pub mod auth;
mod camera;
pub mod clip;
mod clock;
pub mod encode;
mod error;
pub mod faults;
pub mod media;
pub mod nal;
pub mod onvif;
pub mod parameter_sets;
pub mod record;
pub mod render;
mod rtp;
mod rtsp;
mod sdp;
mod second;
mod sent;
mod simulator;
pub mod timeline;

pub use camera::AtEnd;
pub use error::SimError;
pub use second::SECOND_STREAM;
pub use simulator::{CameraConfig, Simulator, SimulatorConfig, Start, check_id};
