//! One rule at one camera.

use std::collections::BTreeMap;
use std::sync::Arc;

use camweave_message::{Event, EventKind, FrameId, Trace};

use super::frame::{NewEventId, Sender, View};
use super::heat::Heatmap;
use super::line::Line;
use super::objects::{After, Objects};
use super::scene::Scene;
use super::speed::Speed;
use crate::rule::{Kind, Rule};

/// A rule, and what goes on by it.
#[derive(Debug)]
pub(crate) struct RuleState {
    rule: Rule,
    name: Arc<str>,
    doing: Doing,
}

#[derive(Debug)]
enum Doing {
    Objects(Objects),
    Scene(Scene),
    Line(Line),
    Speed(Speed),
    Heat(Heatmap),
}

impl RuleState {
    pub fn new(rule: &Rule) -> Self {
        let doing = match &rule.kind {
            Kind::Presence { zone, hold } => {
                let at_once = After {
                    all: Some(0),
                    of: BTreeMap::new(),
                };
                Doing::Objects(Objects::new(EventKind::Presence, zone, *hold, at_once))
            }
            Kind::Dwell {
                zone,
                hold,
                after,
                after_of,
            } => {
                let after = After {
                    all: *after,
                    of: after_of.clone(),
                };
                Doing::Objects(Objects::new(EventKind::Dwell, zone, *hold, after))
            }
            Kind::Occupancy { zone, hold } => Doing::Scene(Scene::occupancy(zone, *hold)),
            Kind::Crowding {
                zone,
                hold,
                at_least,
            } => Doing::Scene(Scene::crowding(zone, *hold, *at_least)),
            Kind::Crossing {
                line,
                band,
                direction,
            } => Doing::Line(Line::new(line, *band, *direction)),
            Kind::Speed { ground, hold, over } => Doing::Speed(Speed::new(ground, *hold, *over)),
            Kind::Heatmap { columns, rows } => Doing::Heat(Heatmap::new(*columns, *rows)),
        };
        Self {
            rule: rule.clone(),
            name: Arc::from(rule.name.as_str()),
            doing,
        }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// For how long an object must be remembered that is not seen, nanoseconds.
    pub fn leave(&self) -> i64 {
        match &self.rule.kind {
            Kind::Presence { hold, .. }
            | Kind::Occupancy { hold, .. }
            | Kind::Dwell { hold, .. }
            | Kind::Crowding { hold, .. }
            | Kind::Speed { hold, .. } => hold.leave,
            Kind::Crossing { .. } | Kind::Heatmap { .. } => 0,
        }
    }

    /// Where objects have been, where the rule is about that.
    pub fn heatmap(&self) -> Option<(&Rule, &Heatmap)> {
        match &self.doing {
            Doing::Heat(heatmap) => Some((&self.rule, heatmap)),
            _ => None,
        }
    }

    pub fn frame(
        &mut self,
        view: &View<'_>,
        of: (&FrameId, &Trace),
        new_id: NewEventId<'_>,
        events: &mut Vec<Event>,
    ) {
        let (rule, mut out) = (&self.rule, sender(&self.name, of, new_id, events));
        match &mut self.doing {
            Doing::Objects(it) => it.frame(view, rule, &mut out),
            Doing::Scene(it) => it.frame(view, rule, &mut out),
            Doing::Line(it) => it.frame(view, rule, &mut out),
            Doing::Speed(it) => it.frame(view, rule, &mut out),
            Doing::Heat(it) => it.frame(view, rule),
        }
    }

    /// Ends what lasts.
    pub fn close(
        &mut self,
        view: &View<'_>,
        of: (&FrameId, &Trace),
        new_id: NewEventId<'_>,
        events: &mut Vec<Event>,
    ) {
        let (rule, mut out) = (&self.rule, sender(&self.name, of, new_id, events));
        match &mut self.doing {
            Doing::Objects(it) => it.close(view, rule, &mut out),
            Doing::Scene(it) => it.close(view, rule, &mut out),
            Doing::Speed(it) => it.close(view, rule, &mut out),
            // Crossings are over when they begin, and a heatmap has no events.
            Doing::Line(_) | Doing::Heat(_) => {}
        }
    }
}

fn sender<'a>(
    rule: &Arc<str>,
    (id, trace): (&'a FrameId, &'a Trace),
    new_id: NewEventId<'a>,
    events: &'a mut Vec<Event>,
) -> Sender<'a> {
    Sender {
        id,
        trace,
        rule: Arc::clone(rule),
        new_id,
        events,
    }
}
