//! The events of a camera, on its time line.

use std::collections::HashMap;
use std::sync::Arc;

use camweave_message::Event;

/// Events that are known at a time. More than an analytics node has open; beyond it, the one that was
/// heard of least recently is forgotten.
const MOST: usize = 4096;

/// One event, as it was last heard of.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub row: Event,
    pub began: i64,
    pub ended: Option<i64>,
    heard: i64,
}

impl Moment {
    /// An event, heard of by a frame at `heard`.
    pub fn new(row: Event, heard: i64) -> Self {
        let captured = row.id.captured_unix_nanos;
        // How long before its frame, by the clock of both.
        let before = |nanos: i64| heard.saturating_sub(captured.saturating_sub(nanos).max(0));
        let began = before(row.began_unix_nanos);
        let ended = row.ended_unix_nanos.map(|it| before(it).max(began));
        Self {
            row,
            began,
            ended,
            heard,
        }
    }

    /// When it is over, as far as it is recorded.
    fn end(&self, now: i64, silent: i64) -> i64 {
        match self.ended {
            Some(ended) => ended,
            None if now.saturating_sub(self.heard) <= silent => i64::MAX,
            None => self.heard,
        }
    }

    /// Whether it was at some time between these.
    pub fn overlaps(&self, begin: i64, end: i64) -> bool {
        self.began <= end && self.ended.is_none_or(|ended| ended >= begin)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Moments(HashMap<Arc<str>, Moment>);

impl Moments {
    /// Notes what was heard; whether the event is a new one.
    pub fn note(&mut self, moment: Moment) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(&moment.row.event) {
            let oldest = self.0.values().min_by_key(|it| it.heard);
            let oldest = oldest.map(|it| Arc::clone(&it.row.event));
            oldest.and_then(|it| self.0.remove(&it));
        }
        let event = Arc::clone(&moment.row.event);
        self.0.insert(event, moment).is_none()
    }

    /// Up to when there is something to record; `None`: there is nothing.
    pub fn end(&self, now: i64, silent: i64) -> Option<i64> {
        self.0.values().map(|it| it.end(now, silent)).max()
    }

    /// Those that were at some time between these.
    pub fn between(&self, begin: i64, end: i64) -> impl Iterator<Item = &Moment> {
        self.0.values().filter(move |it| it.overlaps(begin, end))
    }

    /// Forgets those that were over before `line`.
    pub fn forget(&mut self, line: i64, silent: i64) {
        self.0.retain(|_, it| it.end(line, silent) >= line);
    }
}
