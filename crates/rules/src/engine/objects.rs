//! Presence and dwell: an event of each object in a zone.

use std::collections::BTreeMap;

use camweave_message::EventKind;

use super::clock::Moment;
use super::frame::{Open, Row, Sender, View};
use super::tracks::Track;
use super::zone::{Departure, Zone};
use crate::geometry::Point;
use crate::rule::{Hold, Rule};

/// After how long in the zone an object is an event, by class.
#[derive(Debug, Clone)]
pub(crate) struct After {
    pub all: Option<i64>,
    pub of: BTreeMap<String, i64>,
}

impl After {
    fn is_over(&self, label: &str, since: Moment, until: Moment) -> bool {
        let after = self.of.get(label).copied().or(self.all);
        after.is_some_and(|after| until.at - since.at >= after)
    }
}

/// The events of a zone's objects.
#[derive(Debug)]
pub(crate) struct Objects {
    kind: EventKind,
    zone: Zone,
    after: After,
    open: BTreeMap<u64, Open>,
}

impl Objects {
    pub fn new(kind: EventKind, zone: &[Point], hold: Hold, after: After) -> Self {
        Self {
            kind,
            zone: Zone::new(zone, hold),
            after,
            open: BTreeMap::new(),
        }
    }

    pub fn frame(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let changes = self.zone.frame(view, rule);
        self.end(changes.left, view, out);
        let counts = self.zone.counts;
        for (id, stay) in self.zone.counted() {
            let value = stay.last_inside.seconds_since(stay.since);
            match self.open.get_mut(&id) {
                Some(open) if Sender::is_due(open, view) => {
                    out.send(open, view, &Row::update(&[id], value, counts));
                }
                Some(_) => {}
                None => {
                    let label = view.tracks.get(id).map(Track::label).unwrap_or_default();
                    if self.after.is_over(&label, stay.since, stay.last_inside) {
                        let mut open = out.open(self.kind, stay.since);
                        out.send(&mut open, view, &Row::new(&[id], value, counts));
                        self.open.insert(id, open);
                    }
                }
            }
        }
    }

    pub fn close(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let left = self.zone.close(view, rule);
        self.end(left, view, out);
    }

    fn end(&mut self, left: Vec<Departure>, view: &View<'_>, out: &mut Sender<'_>) {
        let counts = self.zone.counts;
        for Departure { track, since, at } in left {
            let tracks = [track];
            let value = at.seconds_since(since);
            let open = self.open.remove(&track).or_else(|| {
                // It was inside for long enough, and gone before a frame showed that.
                let label = view.tracks.get(track).map(Track::label).unwrap_or_default();
                let is_over = self.after.is_over(&label, since, at);
                is_over.then(|| {
                    let mut open = out.open(self.kind, since);
                    out.send(&mut open, view, &Row::new(&tracks, value, counts));
                    open
                })
            });
            if let Some(mut open) = open {
                out.send(&mut open, view, &Row::end(at, &tracks, value, counts));
            }
        }
    }
}
