//! Crossings of a line.
//!
//! How often an object's way has crossed the line from left to right, less how often back, is counted
//! from where it was clearly on one side to where it is clearly on one side again: further from the
//! line than the band is wide. What happens within the band cancels out.

use std::collections::HashMap;

use camweave_message::{Direction, EventKind};

use super::clock::Moment;
use super::frame::{Row, Sender, View};
use super::tracks::Step;
use crate::geometry::{Point, line_crossings, nearest_segment};
use crate::rule::{Directions, Rule};

/// This near to the frame's edge a box cannot go any further.
const FRAME_EDGE: f64 = 0.002;

/// Where an object is on its way.
#[derive(Debug, Default)]
struct Way {
    /// Whether it has been clearly on one side.
    is_settled: bool,
    net: i32,
    /// When it crossed the line last.
    crossed: Option<Moment>,
}

/// A line, and who is on the way across it.
#[derive(Debug)]
pub(crate) struct Line {
    points: Vec<Point>,
    band: f64,
    direction: Directions,
    ways: HashMap<u64, Way>,
    counts: (u64, u64),
}

impl Line {
    pub fn new(points: &[Point], band: f64, direction: Directions) -> Self {
        Self {
            points: points.to_vec(),
            band,
            direction,
            ways: HashMap::new(),
            counts: (0, 0),
        }
    }

    pub fn frame(&mut self, view: &View<'_>, rule: &Rule, out: &mut Sender<'_>) {
        let to_scale = |[x, y]: Point| [x * view.aspect, y];
        let scaled: Vec<Point> = self.points.iter().copied().map(to_scale).collect();
        for (id, step) in view.steps {
            let at = rule.anchor.of(step.to.bbox);
            let is_clear = is_clear(&scaled, to_scale(at), self.band, at);
            let Some((direction, crossed)) = self.step(*id, step, is_clear, rule) else {
                continue;
            };
            if !view.tracks.get(*id).is_some_and(|it| it.counts_for(rule)) {
                continue;
            }
            let is_told = match direction {
                Direction::In => {
                    self.counts.0 += 1;
                    self.direction != Directions::Out
                }
                Direction::Out => {
                    self.counts.1 += 1;
                    self.direction != Directions::In
                }
            };
            if is_told {
                let mut open = out.open(EventKind::Crossing, crossed);
                let tracks = [*id];
                let row = Row {
                    direction: Some(direction),
                    ..Row::end(crossed, &tracks, 1.0, self.counts)
                };
                out.send(&mut open, view, &row);
            }
        }
        self.ways.retain(|id, _| view.tracks.get(*id).is_some());
    }

    fn step(
        &mut self,
        id: u64,
        step: &Step,
        is_clear: bool,
        rule: &Rule,
    ) -> Option<(Direction, Moment)> {
        let way = self.ways.entry(id).or_default();
        if step.from.is_none() {
            // Another object of this id, or the same after the camera was away.
            *way = Way::default();
        }
        if way.is_settled
            && let (Some(from), Some((p, q))) = (step.from, step.way(rule.anchor))
        {
            let (net, last) = line_crossings(&self.points, p, q);
            way.net += net;
            if let Some(part) = last {
                way.crossed = Some(from.moment.mix(step.to.moment, part));
            }
        }
        if !is_clear {
            return None;
        }
        way.is_settled = true;
        let crossed = way.crossed.take();
        let direction = match std::mem::take(&mut way.net) {
            0 => return None,
            net if net > 0 => Direction::In,
            _ => Direction::Out,
        };
        Some((direction, crossed?))
    }
}

/// Whether a point is clearly on one side of a line: not within the band, or, where the line runs along
/// an edge of the frame, at that edge. `scaled` are in heights of the frame, `at` is in its parts.
fn is_clear(line: &[Point], scaled: Point, band: f64, at: Point) -> bool {
    let Some(((a, b), distance)) = nearest_segment(line, scaled) else {
        return false;
    };
    let is_at_edge = |part: f64| part <= FRAME_EDGE || part >= 1.0 - FRAME_EDGE;
    let is_flat = (b[0] - a[0]).abs() > (b[1] - a[1]).abs();
    distance > band || is_at_edge(if is_flat { at[1] } else { at[0] })
}
