//! What was detected, as long as a clip may need it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use camweave_message::FrameId;

use crate::captured::Key;
use crate::notes::SeenNote;

/// Detections that are kept for clips that begin before them, and of those that wait for their frame.
const MOST: usize = 8192;
const MOST_BYTES: usize = 16 << 20;

/// What was detected in a frame.
#[derive(Debug)]
struct Answer {
    note: Arc<SeenNote>,
    /// By how much the frame that was looked at was captured earlier or later than this one.
    off: u64,
}

/// What was detected in a frame of another stream, and is not on one of this yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub id: FrameId,
    pub note: SeenNote,
    pub since: Instant,
}

/// What becomes of one that waits.
pub(crate) enum Place {
    /// It is on this frame, whose time differs by so much.
    On(Key, u64),
    /// It goes on waiting.
    Later,
    /// There is no frame that it could be on.
    Nowhere,
}

/// A camera's.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    answers: BTreeMap<Key, Answer>,
    bytes: usize,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
}

impl Seen {
    /// Takes what was detected in a frame, or `off` nanoseconds from it. `None`: something nearer is
    /// known of it.
    pub fn put(&mut self, frame: Key, note: SeenNote, off: u64) -> Option<Arc<SeenNote>> {
        if self.answers.get(&frame).is_some_and(|it| it.off < off) {
            return None;
        }
        let note = Arc::new(note);
        self.bytes += note.bytes();
        let answer = Answer {
            note: Arc::clone(&note),
            off,
        };
        if let Some(before) = self.answers.insert(frame, answer) {
            self.bytes -= before.note.bytes();
        }
        while self.answers.len() > MOST || self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.answers.pop_first() else {
                break;
            };
            self.bytes -= oldest.note.bytes();
        }
        Some(note)
    }

    /// What was detected in a frame.
    pub fn of(&self, frame: Key) -> Option<&Arc<SeenNote>> {
        self.answers.get(&frame).map(|it| &it.note)
    }

    /// Takes what was detected in a frame of another stream.
    pub fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.note.bytes();
        self.waiting.push_back(waiting);
        while self.waiting.len() > MOST || self.waiting_bytes > MOST_BYTES {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.note.bytes();
        }
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Those that `place` says a frame of, with it and by how much it differs; in the order in which they
    /// came.
    pub fn placed(&mut self, mut place: impl FnMut(&Waiting) -> Place) -> Vec<(Key, u64, Waiting)> {
        let mut placed = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let place = place(&waiting);
            if let Place::Later = place {
                self.waiting.push_back(waiting);
                continue;
            }
            self.waiting_bytes -= waiting.note.bytes();
            if let Place::On(frame, off) = place {
                placed.push((frame, off, waiting));
            }
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    use camweave_testing::{detections, frame_id};

    use super::*;

    fn note(sequence: u64) -> SeenNote {
        SeenNote::new(&detections("a", sequence))
    }

    #[test]
    fn the_nearest_is_kept() {
        let mut seen = Seen::default();
        let mut put = |sequence, off| seen.put((1, 5), note(sequence), off).is_some();
        assert!(put(0, 20) && put(1, 10) && !put(2, 11) && put(3, 0) && put(4, 0));
        assert_eq!(seen.of((1, 5)).map(|it| it.sequence), Some(4));
        assert_eq!(seen.bytes, note(4).bytes(), "of one");
        assert!(seen.of((1, 6)).is_none());
    }

    #[test]
    fn what_waits_and_what_is_kept_is_bounded() {
        let mut seen = Seen::default();
        for sequence in 0..2 * MOST as u64 {
            seen.put((1, sequence), note(sequence), 0);
            seen.wait(Waiting {
                id: frame_id("a", sequence),
                note: note(sequence),
                since: Instant::now(),
            });
        }
        assert_eq!((seen.answers.len(), seen.waiting.len()), (MOST, MOST));
        let mut large = note(0);
        large.boxes = vec![[0.0; 4]; MOST_BYTES / 96];
        let bytes = large.bytes();
        seen.wait(Waiting {
            id: frame_id("a", 1),
            note: large.clone(),
            since: Instant::now(),
        });
        seen.put((2, 0), large, 0);
        assert!(bytes > MOST_BYTES && seen.bytes <= MOST_BYTES && seen.waiting_bytes <= MOST_BYTES);
        assert_eq!((seen.answers.len(), seen.waiting.len()), (0, 0));
        assert_eq!((seen.bytes, seen.waiting_bytes), (0, 0));
    }

    #[test]
    fn what_has_no_frame_yet_goes_on_waiting() {
        let mut seen = Seen::default();
        for sequence in 0..4 {
            seen.wait(Waiting {
                id: frame_id("a", sequence),
                note: note(sequence),
                since: Instant::now(),
            });
        }
        let placed = seen.placed(|it| match it.id.sequence {
            1 => Place::On((7, 70), 3),
            2 => Place::Nowhere,
            _ => Place::Later,
        });
        let [((7, 70), 3, it)] = &placed[..] else {
            panic!("{placed:?}");
        };
        assert_eq!((it.id.sequence, it.note.sequence), (1, 1));
        assert_eq!(seen.waiting_bytes, 2 * note(0).bytes());
        let placed = seen.placed(|_| Place::Nowhere);
        assert!(placed.is_empty() && !seen.is_waiting() && seen.waiting_bytes == 0);
    }
}
