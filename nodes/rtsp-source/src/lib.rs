//! The `rtsp-source` stage: cameras in, units out.
//!
//! One task per camera connects, reads, and connects again; units reach the stage's
//! loop through one bounded hand-over. `camweave_cameras` reads `cameras.yml`. `README.md` is the node's
//! documentation.

mod backoff;
mod camera_task;
mod choice;
mod client;
mod drops;
mod facts;
mod failure;
mod ffmpeg_client;
mod liveness;
mod outbox;
mod rtsp_client;
mod session;
mod session_limits;
mod settings;
mod stage;
mod starting;
mod timeline;

pub use settings::RtspSourceSettings;
pub use stage::RtspSource;
