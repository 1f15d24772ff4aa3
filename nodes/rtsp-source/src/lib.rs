//! The `rtsp-source` stage: cameras in, units out.
//!
//! One task per camera connects, reads, and connects again; units reach the stage's
//! loop through one bounded hand-over. `camweave_cameras` reads and watches `cameras.yml`,
//! `camweave_camera_client` has the clients. `README.md` is the node's documentation.

mod backoff;
mod camera_task;
mod drops;
mod facts;
mod fleet;
mod liveness;
mod outbox;
mod session;
mod session_limits;
mod settings;
mod stage;
mod starting;
mod wish;

pub use settings::{CameraStream, RtspSourceSettings};
pub use stage::RtspSource;
