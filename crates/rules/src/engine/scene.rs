//! Occupancy and crowding: an event of a zone as a whole.

use camweave_message::EventKind;

use super::clock::Moment;
use super::frame::{Open, Row, Sender, View};
use super::zone::{Departure, Zone};
use crate::geometry::Point;
use crate::rule::{Hold, Rule};

/// The event of a zone while so many objects are in it.
#[derive(Debug)]
pub(crate) struct Scene {
    zone: Zone,
    at_least: usize,
    /// Of occupancy each change of their number is told, of crowding that there are more than ever.
    kind: EventKind,
    open: Option<Open>,
    most: usize,
}

impl Scene {
    pub fn occupancy(zone: &[Point], hold: Hold) -> Self {
        Self {
            zone: Zone::new(zone, hold),
            at_least: 1,
            kind: EventKind::Occupancy,
            open: None,
            most: 0,
        }
    }

    pub fn crowding(zone: &[Point], hold: Hold, at_least: usize) -> Self {
        Self {
            at_least,
            kind: EventKind::Crowding,
            ..Self::occupancy(zone, hold)
        }
    }

    pub fn frame(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let changes = self.zone.frame(view, rule);
        if !changes.entered.is_empty() || !changes.left.is_empty() {
            self.changed(&changes.left, view, out);
        }
    }

    pub fn close(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let left = self.zone.close(view, rule);
        self.changed(&left, view, out);
    }

    fn changed(&mut self, left: &[Departure], view: &View<'_>, out: &mut Sender<'_>) {
        // Who came first is the first that a row names.
        let mut inside: Vec<(Moment, u64)> = self
            .zone
            .counted()
            .map(|(id, stay)| (stay.since, id))
            .collect();
        inside.sort_by_key(|(since, id)| (since.at, *id));
        let ids: Vec<u64> = inside.iter().map(|(_, id)| *id).collect();
        let counts = self.zone.counts;
        let is_met = inside.len() >= self.at_least;
        let most = if is_met {
            self.most.max(ids.len())
        } else {
            self.most
        };
        let has_more = most > self.most;
        self.most = most;
        let tells_changes = self.kind == EventKind::Occupancy;
        let value = if tells_changes { ids.len() } else { most } as f64;
        match (&mut self.open, is_met) {
            (None, true) => {
                // When the last of as many as are needed came in.
                let mut open = out.open(self.kind, inside[self.at_least - 1].0);
                out.send(&mut open, view, &Row::new(&ids, value, counts));
                self.open = Some(open);
            }
            (Some(open), true) if tells_changes || has_more => {
                out.send(open, view, &Row::update(&ids, value, counts));
            }
            (Some(_), true) | (None, false) => {}
            (Some(open), false) => {
                // When the first left of whom there were too few then.
                let mut moments: Vec<Moment> = left.iter().map(|it| it.at).collect();
                moments.sort_by_key(|it| it.at);
                let spare = (ids.len() + moments.len()).saturating_sub(self.at_least);
                let at = moments.get(spare).or(moments.last()).copied();
                let at = at.unwrap_or(view.now);
                out.send(open, view, &Row::end(at, &ids, value, counts));
                (self.open, self.most) = (None, 0);
            }
        }
    }
}
