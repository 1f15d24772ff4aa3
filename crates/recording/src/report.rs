//! What a recorder says of what it does.

use std::path::PathBuf;
use std::sync::Arc;

/// Why access units that were to be recorded are in no clip.
pub mod loss {
    /// More waits for the disk than may.
    pub const BACKLOG: &str = "disk_backlog";
    /// The disk refuses.
    pub const NOT_WRITTEN: &str = "not_written";
}

/// Something that happened.
#[derive(Debug)]
pub enum Report {
    /// Access units of the camera that were to be recorded are in no clip, for a reason of [`loss`].
    Lost {
        /// The camera's id.
        camera: Arc<str>,
        /// Which reason.
        reason: &'static str,
        /// How many.
        units: u64,
    },
    /// The camera sends a codec that is not recorded.
    Unsupported {
        /// The camera's id.
        camera: Arc<str>,
        /// Its name in messages.
        codec: &'static str,
    },
    /// A clip begins later than was asked for: what was before is not kept any more, or never came.
    Shortened {
        /// The camera's id.
        camera: Arc<str>,
        /// By how much.
        seconds: f64,
    },
    /// An event of a frame that never came, or is long gone.
    Unplaced {
        /// The camera's id.
        camera: Arc<str>,
    },
    /// What was detected in frames of another stream of the camera than the recorded one is on none of its
    /// frames: the two have no clock in common, or differ by too much.
    Unmatched {
        /// The camera's id.
        camera: Arc<str>,
        /// Of how many frames.
        rows: u64,
    },
    /// A fragment of a clip is on the disk.
    Synced {
        /// The camera's id.
        camera: Arc<str>,
        /// The session of its frames.
        session_unix_nanos: i64,
        /// The sequence of its last frame.
        sequence: u64,
    },
    /// A clip has its name.
    Finished {
        /// Where it is.
        path: PathBuf,
        /// For how long it plays.
        seconds: f64,
        /// How many frames it has.
        frames: u64,
        /// It could not be finished at first, and ends early.
        salvaged: bool,
    },
    /// A clip cannot be written. What is on the disk of it is finished when that is possible.
    Failed {
        /// The camera's id.
        camera: Arc<str>,
        /// Why, with the file.
        error: String,
    },
    /// Clips of the camera are written again.
    Recovered {
        /// The camera's id.
        camera: Arc<str>,
    },
    /// No clip can begin with a keyframe of the camera: its parameter sets are missing or damaged.
    Unwritable {
        /// The camera's id.
        camera: Arc<str>,
        /// What is wrong with them.
        error: String,
    },
    /// An old clip was removed.
    Removed {
        /// Where it was.
        path: PathBuf,
        /// Which limit it was.
        why: &'static str,
    },
    /// An old clip could not be removed, or clips cannot be listed.
    NotRemoved {
        /// Why, with the file.
        error: String,
    },
    /// This machine's clock was set forward: for a day, no clip is removed for its age.
    ClockSet {
        /// By how much.
        seconds: u64,
    },
    /// So much is kept.
    Kept {
        /// Clips.
        clips: usize,
        /// Their bytes.
        bytes: u64,
    },
}
