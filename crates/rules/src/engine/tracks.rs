//! The objects of a camera, and where each has been.

use std::collections::HashMap;
use std::sync::Arc;

use camweave_message::{DetectedBox, Detections};

use super::clock::Moment;
use crate::geometry::{Point, distance};
use crate::rule::{Anchor, Rule};

/// Objects of a camera that are remembered.
const MOST_TRACKS: usize = 4096;
/// An object that was not seen for so long is forgotten, or for as long as the rules need.
const FORGOTTEN_AFTER: i64 = 30_000_000_000;
/// Classes of an object that have votes.
const MOST_CLASSES: usize = 4;
/// Votes beyond which older ones fade.
const MOST_VOTES: f32 = 50.0;
/// A box has jumped away and back where its way is longer by this factor than without it, ...
const DETOUR: f64 = 3.0;
/// ... and by this much, in heights of the frame.
const LEAST_DETOUR: f64 = 0.002;

/// Boxes end this far within the frame: a zone or a line that ends at the frame's edge has them.
const EDGE: f64 = 1e-6;

/// Where an object was in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub moment: Moment,
    /// `[x1, y1, x2, y2]` in parts of the frame, within it.
    pub bbox: [f64; 4],
}

/// A step of an object, which a later frame has confirmed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Where it was before; `None`: it was seen here first.
    pub from: Option<Sample>,
    pub to: Sample,
}

impl Step {
    /// From where to where a point of the box has gone.
    pub fn way(&self, anchor: Anchor) -> Option<(Point, Point)> {
        self.from
            .map(|from| (anchor.of(from.bbox), anchor.of(self.to.bbox)))
    }
}

/// One object.
#[derive(Debug)]
pub(crate) struct Track {
    confirmed: Option<Sample>,
    /// The last one, until another one confirms it: a box that is elsewhere in one frame, and back in
    /// the next, was never there.
    pub pending: Sample,
    /// Whether the one before it was left out as such: of what trembles, no two are in a row.
    has_jumped: bool,
    votes: Vec<(Arc<str>, f32)>,
    best_score: f32,
    /// The score of the last box.
    pub score: f32,
    /// Since when it was not seen, on the camera's time line.
    missed_since: Option<i64>,
}

impl Track {
    fn new(sample: Sample, item: &DetectedBox) -> Self {
        let mut track = Self {
            confirmed: None,
            pending: sample,
            has_jumped: false,
            votes: Vec::new(),
            best_score: 0.0,
            score: 0.0,
            missed_since: None,
        };
        track.learn(item);
        track
    }

    fn learn(&mut self, item: &DetectedBox) {
        self.missed_since = None;
        self.score = item.score;
        self.best_score = self.best_score.max(item.score);
        match self
            .votes
            .iter_mut()
            .find(|(label, _)| *label == item.label)
        {
            Some((_, votes)) => *votes += item.score,
            None => {
                self.votes.sort_by(|a, b| b.1.total_cmp(&a.1));
                self.votes.truncate(MOST_CLASSES - 1);
                self.votes.push((Arc::clone(&item.label), item.score));
            }
        }
        if self.votes.iter().map(|it| it.1).sum::<f32>() > MOST_VOTES {
            for (_, votes) in &mut self.votes {
                *votes /= 2.0;
            }
        }
    }

    /// Takes where it is now; the step that this confirms.
    fn observe(&mut self, sample: Sample, aspect: f64) -> Option<Step> {
        let to = std::mem::replace(&mut self.pending, sample);
        let is_detour = |from: &Sample| is_detour(from.bbox, to.bbox, sample.bbox, aspect);
        self.has_jumped = !self.has_jumped && self.confirmed.as_ref().is_some_and(is_detour);
        if self.has_jumped {
            return None;
        }
        let from = self.confirmed.replace(to);
        Some(Step { from, to })
    }

    /// The class that most of its boxes had.
    pub fn label(&self) -> Arc<str> {
        let most = self.votes.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        most.map_or_else(|| Arc::from(""), |(label, _)| Arc::clone(label))
    }

    /// For how long it was not seen although there were frames, nanoseconds.
    pub fn missed(&self, now: i64) -> i64 {
        self.missed_since.map_or(0, |since| now - since)
    }

    /// Whether a rule counts it.
    pub fn counts_for(&self, rule: &Rule) -> bool {
        self.best_score >= rule.min_score
            && (rule.objects.is_empty() || rule.objects.iter().any(|it| **it == *self.label()))
    }
}

/// Whether the way from `a` over `b` to `c` is one that nothing real goes: of the box's upper left
/// corner, or of its lower right one.
fn is_detour(a: [f64; 4], b: [f64; 4], c: [f64; 4], aspect: f64) -> bool {
    let corners = |[x1, y1, x2, y2]: [f64; 4]| [[x1 * aspect, y1], [x2 * aspect, y2]];
    let (a, b, c) = (corners(a), corners(b), corners(c));
    (0..2).any(|i| {
        let way = distance(a[i], b[i]) + distance(b[i], c[i]);
        way > DETOUR * distance(a[i], c[i]) + LEAST_DETOUR
    })
}

/// The objects of a camera, by track id.
#[derive(Debug, Default)]
pub(crate) struct Tracks(HashMap<u64, Track>);

impl Tracks {
    pub fn get(&self, id: u64) -> Option<&Track> {
        self.0.get(&id)
    }

    /// Takes a frame; the steps that it confirms, by id, and how many boxes have no room. Boxes
    /// without an id are no objects yet.
    pub fn frame(
        &mut self,
        row: &Detections,
        now: Moment,
        aspect: f64,
    ) -> (Vec<(u64, Step)>, usize) {
        let [width, height] = [row.image_size.0, row.image_size.1].map(f64::from);
        let mut steps = Vec::with_capacity(row.boxes.len());
        let mut without_room = 0;
        for item in &row.boxes {
            let Some(id) = item.track_id else {
                continue;
            };
            let part = |edge: f32, side: f64| (f64::from(edge) / side).clamp(EDGE, 1.0 - EDGE);
            let [x1, y1, x2, y2] = item.bbox;
            let sample = Sample {
                moment: now,
                bbox: [
                    part(x1, width),
                    part(y1, height),
                    part(x2, width),
                    part(y2, height),
                ],
            };
            let has_room = self.0.len() < MOST_TRACKS;
            match self.0.get_mut(&id) {
                // Of two boxes with one id, the first has the higher score.
                Some(track) if track.pending.moment == now => {}
                Some(track) => {
                    track.learn(item);
                    steps.extend(track.observe(sample, aspect).map(|step| (id, step)));
                }
                None if has_room => _ = self.0.insert(id, Track::new(sample, item)),
                None => without_room += 1,
            }
        }
        for track in self.0.values_mut() {
            if track.pending.moment != now {
                track.missed_since.get_or_insert(now.at);
            }
        }
        (steps, without_room)
    }

    /// Forgets who has not been seen for long: for longer than `leave`.
    pub fn forget(&mut self, now: i64, leave: i64) {
        let at_most = FORGOTTEN_AFTER.max(leave.saturating_mul(2));
        self.0.retain(|_, track| track.missed(now) <= at_most);
    }
}
