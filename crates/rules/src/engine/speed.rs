//! How fast objects go through a measured zone.

use std::collections::BTreeMap;

use camweave_message::EventKind;

use super::clock::Moment;
use super::frame::{Open, Row, Sender, View};
use super::zone::{Departure, Stay, Zone};
use crate::geometry::Point;
use crate::homography::Ground;
use crate::rule::{Hold, Rule};

/// Places that a speed needs at least, ...
const LEAST_PLACES: f64 = 3.0;
/// ... and the time between the first and the last, seconds.
const LEAST_SECONDS: f64 = 0.2;

/// The straight motion that fits an object's places best (least squares), in metres and seconds since
/// the first.
#[derive(Debug, Clone, Copy, Default)]
struct Fit {
    first: Option<(Moment, Point)>,
    seconds: f64,
    count: f64,
    t: f64,
    tt: f64,
    p: Point,
    tp: Point,
}

impl Fit {
    fn add(&mut self, moment: Moment, place: Point) {
        let (first, origin) = *self.first.get_or_insert((moment, place));
        let t = moment.seconds_since(first);
        self.seconds = t;
        self.count += 1.0;
        self.t += t;
        self.tt += t * t;
        for axis in 0..2 {
            let along = place[axis] - origin[axis];
            self.p[axis] += along;
            self.tp[axis] += t * along;
        }
    }

    /// Kilometres per hour, once there is enough of it.
    fn speed(&self) -> Option<f64> {
        if self.count < LEAST_PLACES || self.seconds < LEAST_SECONDS {
            return None;
        }
        let spread = self.tt - self.t * self.t / self.count;
        let [x, y] = [0, 1].map(|axis| self.tp[axis] - self.t * self.p[axis] / self.count);
        Some(x.hypot(y) / spread * 3.6)
    }
}

/// A measured zone.
#[derive(Debug)]
pub(crate) struct Speed {
    zone: Zone,
    ground: Ground,
    over: Option<f64>,
    fits: BTreeMap<u64, Fit>,
    open: BTreeMap<u64, Open>,
}

impl Speed {
    pub fn new(ground: &Ground, hold: Hold, over: Option<f64>) -> Self {
        Self {
            zone: Zone::new(ground.corners(), hold),
            ground: ground.clone(),
            over,
            fits: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    pub fn frame(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let changes = self.zone.frame(view, rule);
        for (id, step) in view.steps {
            if self.zone.get(*id).is_some_and(Stay::is_inside) {
                let place = self.ground.place(rule.anchor.of(step.to.bbox));
                self.fits.entry(*id).or_default().add(step.to.moment, place);
            }
        }
        self.end(changes.left, view, out);
        self.fits.retain(|id, _| self.zone.get(*id).is_some());
        let counts = self.zone.counts;
        for (id, stay) in self.zone.counted() {
            let Some(speed) = self.fits.get(&id).and_then(Fit::speed) else {
                continue;
            };
            match self.open.get_mut(&id) {
                Some(open) if Sender::is_due(open, view) => {
                    out.send(open, view, &Row::update(&[id], speed, counts));
                }
                Some(_) => {}
                None if self.over.is_none_or(|over| speed > over) => {
                    let mut open = out.open(EventKind::Speed, stay.since);
                    out.send(&mut open, view, &Row::new(&[id], speed, counts));
                    self.open.insert(id, open);
                }
                None => {}
            }
        }
    }

    pub fn close(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let left = self.zone.close(view, rule);
        self.end(left, view, out);
        self.fits.clear();
    }

    fn end(&mut self, left: Vec<Departure>, view: &View<'_>, out: &mut Sender<'_>) {
        let counts = self.zone.counts;
        for Departure { track, since, at } in left {
            let Some(speed) = self.fits.get(&track).and_then(Fit::speed) else {
                continue;
            };
            let tracks = [track];
            let open = self.open.remove(&track).or_else(|| {
                // Its speed was known late.
                let is_told = self.over.is_none_or(|over| speed > over);
                is_told.then(|| {
                    let mut open = out.open(EventKind::Speed, since);
                    out.send(&mut open, view, &Row::new(&tracks, speed, counts));
                    open
                })
            });
            if let Some(mut open) = open {
                out.send(&mut open, view, &Row::end(at, &tracks, speed, counts));
            }
        }
    }
}
