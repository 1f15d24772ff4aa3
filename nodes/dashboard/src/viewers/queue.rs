//! What waits for one viewer. Where it is too slow, it alone loses access units, of the cameras of
//! which too much waits, and each up to its next keyframe.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Message;
use bytes::Bytes;
use camweave_message::KeyframeGate;
use tokio::sync::Notify;

use super::sent::Sent;

/// Bytes that wait for one viewer at most.
pub(crate) const MOST_BYTES: usize = 8 << 20;
/// Texts are never left out: a viewer of whom so much waits with them takes nothing any more.
const MOST_WITH_TEXTS: usize = 2 * MOST_BYTES;
/// An access unit waits for so long at most.
const LONGEST: Duration = Duration::from_secs(2);
/// The text that tells of dropped frames is shorter.
const NOTE_BYTES: usize = 80;

#[derive(Debug)]
struct Waiting {
    message: Message,
    /// The camera of an access unit.
    unit: Option<u16>,
    /// The camera of an image.
    image: Option<u16>,
    bytes: usize,
}

/// What a message costs that waits, be it ever so small.
fn cost(bytes: usize) -> usize {
    bytes + size_of::<Waiting>()
}

/// A camera's units, up to the next keyframe where some were dropped.
#[derive(Debug, Default)]
struct Flow {
    gate: KeyframeGate,
    dropped: u64,
    /// When each of those that wait came.
    came: VecDeque<Instant>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    flows: HashMap<u16, Flow>,
    is_closed: bool,
}

/// A viewer's queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl Queue {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message that is no access unit: it is small, and never dropped alone. Where even these
    /// find no room, the queue is closed, and with it the viewer's connection.
    pub fn text(&self, text: String) {
        let mut inner = self.inner();
        if inner.bytes + cost(text.len()) > MOST_WITH_TEXTS {
            inner.close();
        } else {
            inner.push(Message::text(text), None);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether there is room for a group of so many messages, of so many bytes together.
    pub fn has_room(&self, messages: usize, bytes: usize) -> bool {
        let inner = self.inner();
        !inner.is_closed && inner.bytes + bytes + messages * cost(0) <= MOST_BYTES
    }

    /// Adds an image, in the place of one of the same camera that still waits; where there is no
    /// room, it is left out, as the next comes soon.
    pub fn image(&self, index: u16, message: Bytes) {
        let mut inner = self.inner();
        let bytes = cost(message.len());
        if inner.bytes + bytes > MOST_BYTES || inner.is_closed {
            return;
        }
        inner.bytes += bytes;
        let mut waiting = inner.waiting.iter_mut();
        let old = waiting.find(|it| it.image == Some(index)).map(|it| {
            let bytes = std::mem::replace(&mut it.bytes, bytes);
            it.message = Message::Binary(message.clone());
            bytes
        });
        match old {
            Some(bytes) => inner.bytes = inner.bytes.saturating_sub(bytes),
            None => inner.waiting.push_back(Waiting {
                bytes,
                message: Message::Binary(message),
                unit: None,
                image: Some(index),
            }),
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Adds an access unit; how many frames were dropped that waited or come now.
    pub fn unit(&self, sent: &Sent, now: Instant) -> u64 {
        let mut inner = self.inner();
        let dropped = inner.unit(sent, now);
        drop(inner);
        self.changed.notify_one();
        dropped
    }

    /// Adds the group of pictures with which a viewer joins a camera. Where there is no room, the
    /// camera begins with its next keyframe.
    pub fn join(&self, index: u16, group: &[Bytes], now: Instant) {
        let mut inner = self.inner();
        let bytes: usize = group.iter().map(|it| cost(it.len())).sum();
        inner.flows.insert(index, Flow::default());
        if group.is_empty() || inner.bytes + bytes > MOST_BYTES {
            inner.flows.entry(index).or_default().gate.close();
        } else {
            for message in group {
                inner.push_unit(message.clone(), index, now);
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// The viewer does not watch the camera any more.
    pub fn leave(&self, index: u16) {
        let mut inner = self.inner();
        inner.remove(index);
        inner.flows.remove(&index);
    }

    /// No more is added or taken.
    pub fn close(&self) {
        self.inner().close();
        self.changed.notify_one();
    }

    /// The next message; `None` where the queue is closed.
    pub async fn next(&self) -> Option<Message> {
        loop {
            {
                let mut inner = self.inner();
                if inner.is_closed {
                    return None;
                }
                if let Some(first) = inner.waiting.pop_front() {
                    inner.bytes = inner.bytes.saturating_sub(first.bytes);
                    let flow = first.unit.and_then(|index| inner.flows.get_mut(&index));
                    flow.and_then(|flow| flow.came.pop_front());
                    return Some(first.message);
                }
            }
            self.changed.notified().await;
        }
    }
}

impl Inner {
    fn close(&mut self) {
        *self = Self {
            is_closed: true,
            ..Self::default()
        };
    }

    fn push_unit(&mut self, message: Bytes, index: u16, now: Instant) {
        if !self.is_closed {
            let flow = self.flows.entry(index).or_default();
            flow.came.push_back(now);
            self.push(Message::Binary(message), Some(index));
        }
    }

    fn push(&mut self, message: Message, unit: Option<u16>) {
        if self.is_closed {
            return;
        }
        let bytes = cost(match &message {
            Message::Binary(bytes) => bytes.len(),
            Message::Text(text) => text.len(),
            _ => 0,
        });
        self.bytes += bytes;
        self.waiting.push_back(Waiting {
            message,
            unit,
            image: None,
            bytes,
        });
    }

    fn unit(&mut self, sent: &Sent, now: Instant) -> u64 {
        let index = sent.index;
        let oldest = self.flows.get(&index).and_then(|flow| flow.came.front());
        let is_stale = oldest.is_some_and(|came| now.saturating_duration_since(*came) >= LONGEST);
        let bytes = cost(sent.message.len()) + cost(NOTE_BYTES);
        let mut dropped = 0;
        if is_stale || self.bytes + bytes > MOST_BYTES {
            dropped += self.remove(index);
            let flow = self.flows.entry(index).or_default();
            flow.gate.close();
            flow.dropped += dropped;
        }
        let has_room = self.bytes + bytes <= MOST_BYTES;
        let flow = self.flows.entry(index).or_default();
        if !flow.gate.passes(sent.is_keyframe && has_room) || !has_room {
            flow.gate.close();
            flow.dropped += 1;
            return dropped + 1;
        }
        let frames = std::mem::take(&mut flow.dropped);
        if frames > 0 {
            let text = format!(r#"{{"type":"dropped","index":{index},"frames":{frames}}}"#);
            self.push(Message::text(text), None);
        }
        self.push_unit(sent.message.clone(), index, now);
        dropped
    }

    /// Removes the units of a camera; how many there were.
    fn remove(&mut self, index: u16) -> u64 {
        let before = self.waiting.len();
        let is_of = |it: &Waiting| it.unit == Some(index);
        let bytes: usize = (self.waiting.iter().filter(|it| is_of(it)))
            .map(|it| it.bytes)
            .sum();
        self.waiting.retain(|it| !is_of(it));
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(flow) = self.flows.get_mut(&index) {
            flow.came.clear();
        }
        (before - self.waiting.len()) as u64
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
