//! A camera's current group of pictures, for those that begin to watch: there is an image at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::viewers::Sent;

/// Bytes of one camera's group.
const MOST_BYTES: usize = 4 << 20;
/// A group that lasts for longer takes too long to decode to be of use.
const LONGEST: Duration = Duration::from_secs(10);

/// What was sent since the camera's last keyframe.
#[derive(Debug, Default)]
pub(crate) struct Group {
    sent: Vec<Arc<Sent>>,
    bytes: usize,
    since: Option<Instant>,
}

impl Group {
    /// Adds what is sent. Where there is no room, a viewer that joins waits for the next keyframe.
    pub fn push(&mut self, sent: &Arc<Sent>, now: Instant) {
        if sent.is_keyframe {
            self.clear();
            self.since = Some(now);
        }
        let Some(since) = self.since else {
            return;
        };
        let bytes = self.bytes + sent.message.len();
        if bytes > MOST_BYTES || now.saturating_duration_since(since) > LONGEST {
            self.clear();
            return;
        }
        self.bytes = bytes;
        self.sent.push(Arc::clone(sent));
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// When its keyframe was sent.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// From the keyframe on.
    pub fn sent(&self) -> &[Arc<Sent>] {
        &self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(is_keyframe: bool, bytes: usize) -> Arc<Sent> {
        Arc::new(Sent::of(0, is_keyframe, vec![0; bytes].into()))
    }

    #[test]
    fn a_group_begins_with_its_keyframe_and_is_bounded() {
        let now = Instant::now();
        let mut group = Group::default();
        group.push(&sent(false, 10), now);
        assert!(group.sent().is_empty(), "nobody can decode it");
        group.push(&sent(true, 10), now);
        group.push(&sent(false, 10), now);
        assert_eq!((group.sent().len(), group.bytes()), (2, 20));
        group.push(&sent(true, 10), now);
        assert_eq!((group.sent().len(), group.bytes()), (1, 10));
        group.push(&sent(false, MOST_BYTES), now);
        assert_eq!((group.sent().len(), group.bytes()), (0, 0));
        group.push(&sent(false, 10), now);
        assert!(group.sent().is_empty(), "its keyframe is gone");
        group.push(&sent(true, 10), now);
        group.push(&sent(false, 10), now + LONGEST + Duration::from_secs(1));
        assert!(group.sent().is_empty(), "it lasts for too long");
    }
}
