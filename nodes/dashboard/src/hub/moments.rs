//! Which frame shows an event as it began: events and detections come on different ways, so each may
//! be the first.

use std::collections::VecDeque;
use std::sync::Arc;

use camweave_message::{Event, FrameId, PictureRef};

use crate::images::Thumbnail;

/// Frames that are remembered, as references: a pool has hardly more that are still there.
const MOST_PICTURES: usize = 8;
/// Events that wait for their frame.
const MOST_WAITING: usize = 8;
/// Where the very frame has none, one that was captured so near to it shows the same.
const NEAR_NANOS: u64 = 500_000_000;

/// The last frames of a camera, and the events that wait for theirs.
#[derive(Default)]
pub(super) struct Moments {
    pictures: VecDeque<(FrameId, PictureRef)>,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    id: FrameId,
    event: Arc<str>,
    place: Option<[f32; 4]>,
}

fn is_same(a: &FrameId, b: &FrameId) -> bool {
    (a.session_unix_nanos, a.sequence) == (b.session_unix_nanos, b.sequence)
}

fn is_after(a: &FrameId, b: &FrameId) -> bool {
    (a.session_unix_nanos, a.sequence) > (b.session_unix_nanos, b.sequence)
}

impl Moments {
    /// A frame of which an image can be made: what is to be made of it.
    pub fn picture(&mut self, id: &FrameId, picture: &PictureRef) -> Vec<Thumbnail> {
        if self.pictures.len() == MOST_PICTURES {
            self.pictures.pop_front();
        }
        self.pictures.push_back((id.clone(), picture.clone()));
        let mut thumbnails = Vec::new();
        self.waiting.retain(|waiting| {
            if is_after(&waiting.id, id) {
                return true;
            }
            thumbnails.extend(Self::near(&self.pictures, waiting));
            false
        });
        thumbnails
    }

    /// An event that has begun, and what is to be made of its frame where that is here.
    pub fn event(&mut self, row: &Event) -> Option<Thumbnail> {
        let waiting = Waiting {
            id: row.id.clone(),
            event: Arc::clone(&row.event),
            place: row.place,
        };
        let newest = self.pictures.back().map(|(id, _)| id);
        if newest.is_none_or(|newest| is_after(&row.id, newest)) {
            if self.waiting.len() == MOST_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(waiting);
            return None;
        }
        Self::near(&self.pictures, &waiting)
    }

    fn near(pictures: &VecDeque<(FrameId, PictureRef)>, event: &Waiting) -> Option<Thumbnail> {
        let exact = pictures.iter().find(|(id, _)| is_same(id, &event.id));
        let distance = |id: &FrameId| {
            let (at, wanted) = (id.captured_unix_nanos, event.id.captured_unix_nanos);
            at.abs_diff(wanted)
        };
        let nearest = || {
            let nearest = pictures.iter().min_by_key(|(id, _)| distance(id));
            nearest.filter(|(id, _)| distance(id) <= NEAR_NANOS)
        };
        let (_, picture) = exact.or_else(nearest)?;
        Some(Thumbnail {
            event: Arc::clone(&event.event),
            place: event.place,
            picture: picture.clone(),
        })
    }
}

#[cfg(test)]
#[path = "moments_tests.rs"]
mod tests;
