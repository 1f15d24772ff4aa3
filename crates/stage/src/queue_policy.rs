//! Which rows are dropped in front of a stage that falls behind.

use std::time::Duration;

/// Which rows are dropped when a stage falls behind. Every row that does is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePolicy {
    /// In order, while no row waits longer than `max_wait`; beyond that, only the
    /// camera's newest row stays, and for two seconds no row waits longer than `overloaded_wait`.
    /// So a short hitch costs nothing, and a lasting overload costs old frames and never latency.
    Newest {
        /// How long a row may wait while a newer one of its camera waits too.
        max_wait: Duration,
        /// The same shortly after one has waited longer than that.
        overloaded_wait: Duration,
        /// At most so many rows of one camera wait.
        per_camera: usize,
    },
    /// In order; a camera with more than `per_camera` units waiting, or with more than
    /// 32 MiB in more than one unit, loses them up to the next keyframe,
    /// because frames between depend on them.
    GroupOfPictures {
        /// At most so many units of one camera wait.
        per_camera: usize,
    },
    /// In order and complete, up to `limit` rows in all; then the oldest rows of the camera with the
    /// most are dropped.
    Complete {
        /// At most so many rows wait.
        limit: usize,
    },
}

impl QueuePolicy {
    /// For a detector, which is where an overload shows: while it is overloaded, frames wait a
    /// quarter as long. Who lets them wait for longer than a second wants all of them, as of a file.
    #[must_use]
    pub fn of_detector(max_wait: Duration, per_camera: usize) -> Self {
        let is_live = max_wait <= Duration::from_secs(1);
        Self::Newest {
            max_wait,
            overloaded_wait: if is_live { max_wait / 4 } else { max_wait },
            per_camera,
        }
    }
}
