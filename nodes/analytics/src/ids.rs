//! The ids of events.

use std::sync::Arc;
use std::time::SystemTime;

use camweave_message::limits::MAX_EVENT_ID_BYTES;

/// Bytes of a camera's id that are in an event's.
const CAMERA_BYTES: usize = 28;

/// Ids of one start of the stage: the camera, when the stage was started in Unix nanoseconds, and a
/// count. Nobody gives one twice: no two starts are in the same nanosecond.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    started: u64,
    count: u64,
}

impl Ids {
    pub fn new(now: SystemTime) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            started: since.map_or(0, |since| since.as_nanos() as u64),
            count: 0,
        }
    }

    /// The next event's.
    pub fn next(&mut self, camera: &str) -> Arc<str> {
        self.count += 1;
        let camera = &camera[..camera.floor_char_boundary(CAMERA_BYTES)];
        let id = format!("{camera}-{:x}-{:x}", self.started, self.count);
        debug_assert!(id.len() <= MAX_EVENT_ID_BYTES);
        Arc::from(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_differ() {
        let mut ids = Ids::new(SystemTime::now());
        let camera = "c".repeat(64);
        assert_ne!(ids.next(&camera), ids.next(&camera));
        let mut last = Ids {
            started: u64::MAX,
            count: u64::MAX - 1,
        };
        assert!(last.next(&camera).len() <= MAX_EVENT_ID_BYTES);
        assert_ne!(ids.next("a"), Ids::new(SystemTime::now()).next("a"));
    }
}
