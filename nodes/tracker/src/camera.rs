//! The tracks of one camera: how much time is between its frames, and which ids its tracks have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{DetectedBox, FrameId};
use camweave_vision::Detection;

use crate::follow::{Follow, Followed};

/// Frames between two looks for ids that are over, unless there are many.
const FORGET_IDS_EVERY: u64 = 256;
/// A camera that was silent for so long, or for its tracker's memory if that is longer, is forgotten.
pub(crate) const SILENT: Duration = Duration::from_secs(10);
/// Classes of a camera whose names are kept.
const MOST_LABELS: usize = 1024;

/// The tracks of one camera.
pub(crate) struct Camera {
    follower: Box<dyn Follow>,
    /// The tracker's own number to the id that went out.
    ids: HashMap<u64, Id>,
    /// The names of the classes that were seen.
    labels: HashMap<u32, Arc<str>>,
    frames: u64,
    /// Capture time since the first frame.
    seconds: f64,
    last: FrameId,
    last_arrived: Instant,
    /// Whether the frame before was older than `last`.
    is_behind: bool,
}

struct Id {
    id: u64,
    last_seconds: f64,
}

impl Camera {
    /// A camera of which `first` will be the first frame.
    pub fn new(follower: Box<dyn Follow>, first: &FrameId, arrived: Instant) -> Self {
        Self {
            follower,
            ids: HashMap::new(),
            labels: HashMap::new(),
            frames: 0,
            seconds: 0.0,
            last: first.clone(),
            last_arrived: arrived,
            is_behind: false,
        }
    }

    /// Whether the clock went back by more than the tracker remembers: the tracks are of another time.
    pub fn is_of_the_future(&self, id: &FrameId, arrived: Instant) -> bool {
        self.since_last(id, arrived) < -self.follower.memory_seconds()
    }

    /// Takes the next frame's boxes; the id and the class of each one's track. `new_id` makes an id
    /// for a new track.
    ///
    /// A frame that is not newer than the one before is matched as if it were of the same time.
    pub fn update(
        &mut self,
        id: &FrameId,
        arrived: Instant,
        boxes: &[Detection],
        mut new_id: impl FnMut() -> u64,
    ) -> Vec<Option<(u64, u32)>> {
        let since = self.since_last(id, arrived);
        let elapsed = since.max(0.0);
        // One late frame leaves the time as it is; two in a row are a clock that was set back.
        self.is_behind = since < 0.0 && !self.is_behind;
        if !self.is_behind {
            self.last = id.clone();
            self.last_arrived = arrived;
        }
        self.frames += 1;
        self.seconds += elapsed;
        let seconds = self.seconds;
        let followed = self.follower.update(elapsed, boxes);
        let ids = followed.into_iter().map(|track| {
            let Followed { number, class_id } = track?;
            let new = || Id {
                id: new_id(),
                last_seconds: seconds,
            };
            let known = self.ids.entry(number).or_insert_with(new);
            known.last_seconds = seconds;
            Some((known.id, class_id))
        });
        let ids = ids.collect();
        self.forget(boxes.len());
        ids
    }

    /// Remembers the names of the boxes' classes.
    pub fn learn_labels(&mut self, boxes: &[DetectedBox]) {
        for item in boxes {
            if let Some(known) = self.labels.get_mut(&item.class_id) {
                if !Arc::ptr_eq(known, &item.label) {
                    *known = Arc::clone(&item.label);
                }
            } else if self.labels.len() < MOST_LABELS {
                self.labels.insert(item.class_id, Arc::clone(&item.label));
            }
        }
    }

    /// The name of a class, if a box had it.
    pub fn label(&self, class_id: u32) -> Option<&Arc<str>> {
        self.labels.get(&class_id)
    }

    /// Seconds from the last frame to this one, negative if the clock went back.
    fn since_last(&self, id: &FrameId, arrived: Instant) -> f64 {
        let last = &self.last;
        let nanos = |from: i64, to: i64| (i128::from(to) - i128::from(from)) as f64 / 1e9;
        if id.captured_clock == last.captured_clock {
            nanos(last.captured_unix_nanos, id.captured_unix_nanos)
        } else if id.session_unix_nanos == last.session_unix_nanos {
            // Two clocks differ by anything. The time in the session goes on.
            nanos(last.pts_nanos, id.pts_nanos)
        } else {
            arrived
                .saturating_duration_since(self.last_arrived)
                .as_secs_f64()
        }
    }

    /// Forgets the ids of tracks that the tracker has given up: a camera runs for months.
    fn forget(&mut self, boxes: usize) {
        let are_many = self.ids.len() > 64 + 4 * boxes && self.frames.is_multiple_of(8);
        if are_many || self.frames.is_multiple_of(FORGET_IDS_EVERY) {
            let kept = self.follower.memory_seconds();
            let seconds = self.seconds;
            self.ids
                .retain(|_, id| seconds - id.last_seconds <= kept + 1.0);
        }
    }

    /// Ids that are kept.
    pub fn ids(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing of it can be continued.
    pub fn is_over(&self, now: Instant) -> bool {
        let memory = Duration::from_secs_f64(self.follower.memory_seconds().clamp(0.0, 1e6));
        now.saturating_duration_since(self.last_arrived) >= SILENT.max(memory)
    }
}
