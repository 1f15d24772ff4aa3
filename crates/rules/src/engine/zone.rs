//! Who is in a zone, and since when.

use std::collections::BTreeMap;

use super::clock::Moment;
use super::frame::View;
use super::tracks::{Step, Track};
use crate::geometry::{Point, contains, edge_crossings};
use crate::rule::{Hold, Rule};

/// Within so long the way between two places is taken for a straight one.
const STRAIGHT: i64 = 1_000_000_000;

/// An object in a zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stay {
    /// When it came in.
    pub since: Moment,
    /// When it was seen inside last.
    pub last_inside: Moment,
    /// When it went out, if it is outside at the moment.
    outside_since: Option<Moment>,
    /// Whether it has been inside for long enough, and is one of the rule's.
    pub is_counted: bool,
}

impl Stay {
    /// Whether it was inside when it was seen last.
    pub fn is_inside(&self) -> bool {
        self.outside_since.is_none()
    }

    fn departure(self, id: u64, track: Option<&Track>, zone: &Zone, rule: &Rule) -> Departure {
        let seen = track.map(|track| track.pending).filter(|last| {
            // Nothing has confirmed it, but if it was inside, it was there.
            self.is_inside() && contains(&zone.polygon, rule.anchor.of(last.bbox))
        });
        let last = seen.map_or(self.last_inside, |it| it.moment);
        Departure {
            track: id,
            since: self.since,
            at: self.outside_since.unwrap_or(last),
        }
    }
}

/// An object that has left a zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub track: u64,
    pub since: Moment,
    pub at: Moment,
}

/// What a frame has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub entered: Vec<u64>,
    pub left: Vec<Departure>,
}

/// A zone, and who is in it.
#[derive(Debug)]
pub(crate) struct Zone {
    polygon: Vec<Point>,
    hold: Hold,
    stays: BTreeMap<u64, Stay>,
    /// How many have come in and gone out.
    pub counts: (u64, u64),
}

impl Zone {
    pub fn new(polygon: &[Point], hold: Hold) -> Self {
        Self {
            polygon: polygon.to_vec(),
            hold,
            stays: BTreeMap::new(),
            counts: (0, 0),
        }
    }

    /// An object that is in it, or was a moment ago.
    pub fn get(&self, id: u64) -> Option<&Stay> {
        self.stays.get(&id)
    }

    /// Those that count.
    pub fn counted(&self) -> impl Iterator<Item = (u64, &Stay)> {
        let stays = self.stays.iter().map(|(id, stay)| (*id, stay));
        stays.filter(|(_, stay)| stay.is_counted)
    }

    /// Takes a frame.
    pub fn frame(&mut self, view: &View<'_>, rule: &Rule) -> Changes {
        let mut changes = Changes::default();
        for (id, step) in view.steps {
            let left = self.step(*id, step, rule);
            changes.left.extend(left);
            let counts = || view.tracks.get(*id).is_some_and(|it| it.counts_for(rule));
            if let Some(stay) = self.stays.get_mut(id)
                && !stay.is_counted
                && stay.last_inside.at - stay.since.at >= self.hold.enter
                && counts()
            {
                stay.is_counted = true;
                changes.entered.push(*id);
            }
        }
        // Who is not seen for as long as one must be outside has left where it was seen last.
        let gone: Vec<u64> = (self.stays.keys().copied())
            .filter(|id| match view.tracks.get(*id) {
                Some(track) => {
                    track.missed(view.now.at) > 0 && track.missed(view.now.at) >= self.hold.leave
                }
                None => true,
            })
            .collect();
        for id in gone {
            if let Some(stay) = self.stays.remove(&id).filter(|it| it.is_counted) {
                let track = view.tracks.get(id);
                changes.left.push(stay.departure(id, track, self, rule));
            }
        }
        self.counts.0 += changes.entered.len() as u64;
        self.counts.1 += changes.left.len() as u64;
        changes
    }

    /// All that count leave, as far as is known.
    pub fn close(&mut self, view: &View<'_>, rule: &Rule) -> Vec<Departure> {
        let stays = std::mem::take(&mut self.stays).into_iter();
        let left = stays.filter(|(_, stay)| stay.is_counted);
        let left = left.map(|(id, stay)| stay.departure(id, view.tracks.get(id), self, rule));
        let left: Vec<_> = left.collect();
        self.counts.1 += left.len() as u64;
        left
    }

    fn step(&mut self, id: u64, step: &Step, rule: &Rule) -> Option<Departure> {
        let to = step.to.moment;
        let is_inside = contains(&self.polygon, rule.anchor.of(step.to.bbox));
        // When it passed the edge: the last time on the way in, the first time on the way out.
        let passed = |unknown: Moment| {
            let from = step.from?.moment;
            let (p, q) = step.way(rule.anchor)?;
            if to.at - from.at > STRAIGHT {
                return Some(unknown);
            }
            let (first, last) = edge_crossings(&self.polygon, p, q)?;
            Some(from.mix(to, if is_inside { last } else { first }))
        };
        match self.stays.get_mut(&id) {
            None if is_inside => {
                let stay = Stay {
                    since: passed(to).unwrap_or(to),
                    last_inside: to,
                    outside_since: None,
                    is_counted: false,
                };
                self.stays.insert(id, stay);
                None
            }
            None => None,
            Some(stay) if is_inside => {
                stay.last_inside = to;
                stay.outside_since = None;
                None
            }
            Some(stay) if stay.is_counted => {
                let last = stay.last_inside;
                let out = *(stay.outside_since).get_or_insert_with(|| passed(last).unwrap_or(to));
                if to.at - out.at < self.hold.leave {
                    return None;
                }
                let stay = self.stays.remove(&id)?;
                Some(Departure {
                    track: id,
                    since: stay.since,
                    at: out,
                })
            }
            Some(_) => {
                self.stays.remove(&id);
                None
            }
        }
    }
}
