//! What is recorded, and what that may take.

use std::path::PathBuf;
use std::time::Duration;

use camweave_outdir::Retention;

/// When a camera is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// While there are events, and before and after them.
    Events,
    /// All the time.
    Continuous,
}

/// What is recorded, and what that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The folder of clips.
    pub folder: PathBuf,
    /// When.
    pub mode: Mode,
    /// Before an event.
    pub pre_roll: Duration,
    /// After an event.
    pub post_roll: Duration,
    /// A clip that is longer continues in another at the next keyframe.
    pub longest: Duration,
    /// An event of which nothing has been heard for so long is recorded no further.
    pub silent_event: Duration,
    /// What is kept in memory of each camera.
    pub ring: Duration,
    /// Its bytes at most.
    pub ring_camera_bytes: usize,
    /// Those of all cameras.
    pub ring_bytes: usize,
    /// Bytes that may wait for the disk.
    pub queue_bytes: usize,
    /// Threads that write.
    pub writers: usize,
    /// How long clips are kept.
    pub retention: Retention,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("out/recordings"),
            mode: Mode::Events,
            pre_roll: Duration::from_secs(5),
            post_roll: Duration::from_secs(5),
            longest: Duration::from_secs(300),
            silent_event: Duration::from_secs(600),
            ring: Duration::from_secs(30),
            ring_camera_bytes: 64 << 20,
            ring_bytes: 1024 << 20,
            queue_bytes: 256 << 20,
            writers: 4,
            retention: Retention::default(),
        }
    }
}

/// As times on a camera's line are.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
