//! The grouping itself, over any rows and any clock.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::rate::Rate;

/// When a list is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many rows in a list.
    pub max_batch: usize,
    /// No row waits longer than this, and no longer than the fastest live source's period.
    pub max_window: Duration,
    /// At most so many rows of one source in a list.
    pub max_per_source: usize,
}

/// A source that was silent for this long is not waited for, however slow it is.
const LIVE_AT_MOST: Duration = Duration::from_secs(2);

/// Groups rows by source into lists.
///
/// A list is complete when it is full, when every live source is in it, or when
/// its first row has waited for the window. The window is the period of the
/// fastest live source, so no list ever waits for a source slower than that, nor
/// for one that has stopped delivering.
#[derive(Debug)]
pub struct Batcher<R> {
    limits: Limits,
    sources: HashMap<String, Rate>,
    waiting: VecDeque<(String, Instant, R)>,
}

impl<R> Batcher<R> {
    /// An empty batcher.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sources: HashMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Adds a row of `source` that came at `now`.
    pub fn push(&mut self, source: &str, row: R, now: Instant) {
        match self.sources.get_mut(source) {
            Some(rate) => rate.arrived(now),
            None => self
                .sources
                .entry(source.to_owned())
                .or_default()
                .arrived(now),
        }
        self.waiting.push_back((source.to_owned(), now, row));
    }

    /// The next complete list, if there is one at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<R>> {
        let mut per_source: HashMap<&str, usize> = HashMap::new();
        let mut chosen = 0;
        for (source, ..) in &self.waiting {
            let count = per_source.entry(source).or_default();
            if *count < self.limits.max_per_source {
                *count += 1;
                chosen += 1;
            }
        }
        let full = chosen >= self.limits.max_batch;
        let everybody = || {
            let live = self
                .sources
                .iter()
                .filter(|(_, rate)| rate.is_live(now, LIVE_AT_MOST));
            let mut live = live.peekable();
            live.peek().is_some() && live.all(|(name, _)| per_source.contains_key(name.as_str()))
        };
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        if chosen == 0 || !(full || due || everybody()) {
            return None;
        }
        Some(self.take())
    }

    /// Everything that waits, as one last list after another.
    pub fn drain(&mut self) -> Vec<Vec<R>> {
        std::iter::from_fn(|| (!self.waiting.is_empty()).then(|| self.take())).collect()
    }

    /// When the row that has waited longest must go.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (_, since, _) = self.waiting.front()?;
        Some(*since + self.window(*since))
    }

    /// The period of the fastest live source, capped.
    fn window(&self, now: Instant) -> Duration {
        self.sources
            .values()
            .filter(|rate| rate.is_live(now, LIVE_AT_MOST))
            .filter_map(Rate::period)
            .min()
            .map_or(self.limits.max_window, |period| {
                period.min(self.limits.max_window)
            })
    }

    /// The oldest rows that fit one list; what is left keeps its order.
    fn take(&mut self) -> Vec<R> {
        let mut per_source: HashMap<String, usize> = HashMap::new();
        let mut rows = Vec::new();
        let mut left = VecDeque::new();
        for (source, since, row) in self.waiting.drain(..) {
            let count = per_source.entry(source.clone()).or_default();
            if rows.len() < self.limits.max_batch && *count < self.limits.max_per_source {
                *count += 1;
                rows.push(row);
            } else {
                left.push_back((source, since, row));
            }
        }
        self.waiting = left;
        rows
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
