//! The `file-source` stage: media files in, units out, each file as one camera.
//!
//! Each file is demuxed with FFmpeg on a thread of its own, a few units ahead. The stage's loop
//! sends what is due and sleeps until the next unit is; it never waits for a file. `README.md` is
//! the node's documentation.

mod camera;
mod drops;
mod feed;
mod files;
mod pace;
mod playback;
mod recorded;
mod settings;
mod stage;
mod window;

pub use settings::{FileSourceSettings, Pace, Times};
pub use stage::FileSource;
