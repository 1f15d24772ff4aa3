//! The grouping itself, over any rows and any clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
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
/// A source of which nothing waits and that was silent for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// How often such sources are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// So many rows of one source wait at most, or as many as fit one list.
const MOST_WAITING: usize = 64;

/// Groups rows by source into lists.
///
/// A list is complete when it is full, when every live source is in it, or when
/// its first row has waited for the window. The window is the period of the
/// fastest live source, so no list ever waits for a source slower than that, nor
/// for one that has stopped delivering.
#[derive(Debug)]
pub struct BatchQueue<R> {
    limits: Limits,
    sources: HashMap<Arc<str>, Source<R>>,
    /// The sources of which something waits, by the number of their oldest row.
    order: BTreeMap<u64, Arc<str>>,
    /// Number of the next row.
    next: u64,
    /// Rows that one list may take, were it of any length.
    takeable: usize,
    looked: Option<Instant>,
}

/// One source.
#[derive(Debug)]
struct Source<R> {
    rate: Rate,
    last: Instant,
    /// Number, arrival, row.
    waiting: VecDeque<(u64, Instant, R)>,
}

impl<R> BatchQueue<R> {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sources: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            takeable: 0,
            looked: None,
        }
    }

    /// Adds a row of `source` that came at `now`. Gives the source's oldest row back where too many
    /// of them wait.
    pub fn push(&mut self, source: &str, row: R, now: Instant) -> Option<R> {
        self.forget(now);
        let number = self.next;
        self.next += 1;
        let limits = self.limits;
        if !self.sources.contains_key(source) {
            let fresh = Source {
                rate: Rate::default(),
                last: now,
                waiting: VecDeque::new(),
            };
            self.sources.insert(Arc::from(source), fresh);
        }
        let name = self
            .sources
            .get_key_value(source)
            .map(|(name, _)| Arc::clone(name))?;
        let source = self.sources.get_mut(&name)?;
        source.rate.arrived(now);
        source.last = now;
        source.waiting.push_back((number, now, row));
        if source.waiting.len() == 1 {
            self.order.insert(number, Arc::clone(&name));
        }
        if source.waiting.len() <= limits.max_per_source {
            self.takeable += 1;
        }
        if source.waiting.len() <= MOST_WAITING.max(limits.max_per_source) {
            return None;
        }
        let (oldest, _, row) = source.waiting.pop_front()?;
        self.order.remove(&oldest);
        if let Some((number, ..)) = source.waiting.front() {
            self.order.insert(*number, name);
        }
        Some(row)
    }

    /// The next complete list, if there is one at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<R>> {
        if self.order.is_empty() {
            return None;
        }
        let is_full = self.takeable >= self.limits.max_batch;
        let is_complete = is_full
            || self.deadline().is_some_and(|deadline| deadline <= now)
            || self.has_everybody(now);
        is_complete.then(|| self.take())
    }

    /// Whether something waits of every live source, and one is live.
    fn has_everybody(&self, now: Instant) -> bool {
        let mut live = self
            .sources
            .values()
            .filter(|source| source.rate.is_live(now, LIVE_AT_MOST))
            .peekable();
        live.peek().is_some() && live.all(|source| !source.waiting.is_empty())
    }

    /// Everything that waits, as one last list after another.
    pub fn drain(&mut self) -> Vec<Vec<R>> {
        std::iter::from_fn(|| (!self.order.is_empty()).then(|| self.take())).collect()
    }

    /// When the row that has waited longest must go.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (_, oldest) = self.order.first_key_value()?;
        let (_, since, _) = self.sources.get(oldest)?.waiting.front()?;
        Some(*since + self.window(*since))
    }

    /// The period of the fastest live source, capped.
    fn window(&self, now: Instant) -> Duration {
        self.sources
            .values()
            .filter(|source| source.rate.is_live(now, LIVE_AT_MOST))
            .filter_map(|source| source.rate.period())
            .min()
            .map_or(self.limits.max_window, |period| {
                period.min(self.limits.max_window)
            })
    }

    /// The oldest rows that fit one list; what is left keeps its order.
    fn take(&mut self) -> Vec<R> {
        let mut rows = Vec::new();
        let mut taken: HashMap<Arc<str>, usize> = HashMap::new();
        // Sources that have given their part to this list, and have more.
        let mut later = Vec::new();
        while rows.len() < self.limits.max_batch {
            let Some((_, name)) = self.order.pop_first() else {
                break;
            };
            let Some(source) = self.sources.get_mut(&name) else {
                continue;
            };
            let Some((_, _, row)) = source.waiting.pop_front() else {
                continue;
            };
            rows.push(row);
            if source.waiting.len() < self.limits.max_per_source {
                self.takeable -= 1;
            }
            let count = taken.entry(Arc::clone(&name)).or_default();
            *count += 1;
            if let Some((number, ..)) = source.waiting.front() {
                if *count < self.limits.max_per_source {
                    self.order.insert(*number, name);
                } else {
                    later.push((*number, name));
                }
            }
        }
        self.order.extend(later);
        rows
    }

    fn forget(&mut self, now: Instant) {
        let looked = *self.looked.get_or_insert(now);
        if now.saturating_duration_since(looked) < LOOK_EVERY {
            return;
        }
        self.looked = Some(now);
        self.sources.retain(|_, source| {
            !source.waiting.is_empty() || now.saturating_duration_since(source.last) < FORGET_AFTER
        });
    }
}

#[cfg(test)]
#[path = "batch_queue_tests.rs"]
mod tests;
