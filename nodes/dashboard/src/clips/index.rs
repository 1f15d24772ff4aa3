//! The clips that are known, in memory: made of their files alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use camweave_recording::ClipName;
use serde::Serialize;

use super::head::Head;
use super::known::{Known, Shown, Texts};
use super::query::Query;
use crate::events::Spot;

/// Clips that are known at most: the newest, of all cameras together.
const MOST_CLIPS: usize = 100_000;
/// Events of all of them together: those of the newest clips.
const MOST_EVENTS: usize = 1 << 17;

/// An event that begins with less of a clip left is better seen in the next one.
const LEFT_SECONDS: f64 = 0.5;

/// The clips, by begin and camera.
pub(super) struct Index {
    clips: BTreeMap<Arc<ClipName>, Known>,
    /// Those whose events are in memory.
    with_events: BTreeSet<Arc<ClipName>>,
    event_count: usize,
    of_event: HashMap<Arc<str>, Vec<Arc<ClipName>>>,
    texts: Texts,
    most_clips: usize,
    most_events: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_bounds(MOST_CLIPS, MOST_EVENTS)
    }
}

/// The answer to a query.
#[derive(Serialize)]
struct Found<'a> {
    clips: Vec<Shown<'a>>,
    /// With which `before` those that are older follow.
    more: Option<String>,
}

/// One clip, and those of its camera before and after it.
#[derive(Serialize)]
struct One<'a> {
    clip: Shown<'a>,
    previous: Option<String>,
    next: Option<String>,
}

impl Index {
    fn with_bounds(most_clips: usize, most_events: usize) -> Self {
        Self {
            clips: BTreeMap::new(),
            with_events: BTreeSet::new(),
            event_count: 0,
            of_event: HashMap::new(),
            texts: Texts::default(),
            most_clips,
            most_events,
        }
    }

    /// Whether it would keep none that begins at this time.
    pub fn is_too_old(&self, begin_unix_millis: i64) -> bool {
        let oldest = || self.clips.keys().next();
        self.clips.len() >= self.most_clips
            && oldest().is_some_and(|oldest| begin_unix_millis < oldest.begin_unix_millis)
    }

    pub fn insert(&mut self, name: ClipName, head: &Head, bytes: u64) {
        self.remove(&name);
        let name = Arc::new(name);
        let known = Known::new(head, bytes, &mut self.texts);
        if !known.events.is_empty() {
            self.with_events.insert(Arc::clone(&name));
            self.event_count += known.events.len();
        }
        for event in &known.events {
            let of_event = self.of_event.entry(Arc::clone(&event.id)).or_default();
            if !of_event.contains(&name) {
                of_event.push(Arc::clone(&name));
            }
        }
        self.clips.insert(name, known);
        while self.event_count > self.most_events
            && let Some(oldest) = self.with_events.first().cloned()
        {
            self.forget_events(&oldest);
        }
        while self.clips.len() > self.most_clips
            && let Some(oldest) = self.clips.keys().next().cloned()
        {
            self.remove(&oldest);
        }
    }

    /// Removes a clip. The events that were in it.
    pub fn remove(&mut self, name: &ClipName) -> Vec<Arc<str>> {
        let events = self.forget_events(name);
        self.clips.remove(name);
        events
    }

    fn forget_events(&mut self, name: &ClipName) -> Vec<Arc<str>> {
        let Some(known) = self.clips.get_mut(name) else {
            return Vec::new();
        };
        let events = std::mem::take(&mut known.events);
        self.with_events.remove(name);
        self.event_count -= events.len();
        let events: Vec<_> = events.into_iter().map(|it| it.id).collect();
        for event in &events {
            if let Some(clips) = self.of_event.get_mut(event) {
                clips.retain(|it| **it != *name);
                if clips.is_empty() {
                    self.of_event.remove(event);
                }
            }
        }
        events
    }

    /// Where an event is seen: as it begins, if any clip has that and goes on, else as early as any has
    /// it.
    pub fn spot(&self, event: &str) -> Option<Spot> {
        let clips = self.of_event.get(event)?.iter();
        let begins = clips.filter_map(|name| {
            let known = self.clips.get(name)?;
            let mut mentions = known.events.iter();
            let begin_at = mentions.find(|it| &*it.id == event)?.begin_at;
            let rank = match begin_at {
                _ if begin_at + LEFT_SECONDS > known.seconds => 2,
                _ if begin_at < 0.0 => 1,
                _ => 0,
            };
            Some((rank, name, begin_at))
        });
        let (_, name, begin_at) = begins.min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))?;
        Some(Spot {
            name: Arc::from(name.stem()),
            at: begin_at.max(0.0),
        })
    }

    /// The name as it is here, of a clip that is known.
    pub fn known(&self, name: &ClipName) -> Option<Arc<ClipName>> {
        self.clips.get_key_value(name).map(|(it, _)| Arc::clone(it))
    }

    /// Those that fit, the newest first, as JSON.
    pub fn find(&self, query: &Query, before: Option<&ClipName>) -> String {
        let limit = query.limit();
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let clips = self.clips.range::<ClipName, _>((Bound::Unbounded, end));
        let fitting = clips.rev().filter(|(name, known)| {
            query.fits(&name.camera, name.begin_unix_millis, known.end_unix_ms)
        });
        let found = fitting.map(|(name, known)| known.shown(name));
        let mut clips: Vec<_> = found.take(limit + 1).collect();
        let has_more = clips.len() > limit;
        clips.truncate(limit);
        let more = clips.last().filter(|_| has_more);
        let more = more.map(|it| it.name.clone());
        serde_json::to_string(&Found { clips, more }).unwrap_or_default()
    }

    /// One of them, as JSON.
    pub fn one(&self, name: &ClipName) -> Option<String> {
        let known = self.clips.get(name)?;
        let is_own = |it: &&Arc<ClipName>| it.camera == name.camera;
        let (after, before) = (Bound::Excluded(name), Bound::Excluded(name));
        let older = self.clips.range::<ClipName, _>((Bound::Unbounded, before));
        let newer = self.clips.range::<ClipName, _>((after, Bound::Unbounded));
        let one = One {
            clip: known.shown(name),
            previous: older.rev().map(|it| it.0).find(is_own).map(|it| it.stem()),
            next: newer.map(|it| it.0).find(is_own).map(|it| it.stem()),
        };
        serde_json::to_string(&one).ok()
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
