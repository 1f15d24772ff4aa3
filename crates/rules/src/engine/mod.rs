//! What happens at one camera, by its rules.

mod clock;
mod frame;
mod heat;
mod line;
mod objects;
mod scene;
mod speed;
mod state;
mod tracks;
mod zone;

use std::time::Instant;

use camweave_message::{Detections, Event, FrameId, Trace};

use clock::{Clock, Moment};
pub use frame::NewEventId;
use frame::View;
pub use heat::Heatmap;
use state::RuleState;
use tracks::Tracks;

use crate::rule::Rule;

/// The error that is counted of a frame with more objects than a camera may have.
pub const TOO_MANY_TRACKS: &str = "tracks_over_limit";

/// One camera: its objects, and the events of its rules.
#[derive(Debug, Default)]
pub struct Engine {
    clock: Clock,
    tracks: Tracks,
    rules: Vec<RuleState>,
    last: Option<(FrameId, Moment)>,
    aspect: f64,
}

impl Engine {
    /// A camera of these rules that has seen nothing.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        Self {
            rules: rules.into_iter().map(RuleState::new).collect(),
            aspect: 1.0,
            ..Self::default()
        }
    }

    /// Takes the next frame: what has happened by it goes to `events`. Returns how many objects have no
    /// room.
    ///
    /// `arrived` tells how long a reconnect took where the camera's clock does not.
    pub fn frame(
        &mut self,
        row: &Detections,
        arrived: Instant,
        new_id: NewEventId<'_>,
        events: &mut Vec<Event>,
    ) -> usize {
        let Some(now) = self.clock.next(&row.id, arrived) else {
            return 0;
        };
        self.aspect = f64::from(row.image_size.0) / f64::from(row.image_size.1.max(1));
        let (steps, without_room) = self.tracks.frame(row, now, self.aspect);
        self.last = Some((row.id.clone(), now));
        let view = View {
            now,
            aspect: self.aspect,
            tracks: &self.tracks,
            steps: &steps,
        };
        for rule in &mut self.rules {
            rule.frame(&view, (&row.id, &row.trace), new_id, events);
        }
        let leave = self.rules.iter().map(RuleState::leave).max();
        self.tracks.forget(now.at, leave.unwrap_or_default());
        without_room
    }

    /// Ends all events that last, with what is known: the camera is silent, or the run is over. Objects
    /// are forgotten, counts go on.
    pub fn close(&mut self, trace: &Trace, new_id: NewEventId<'_>, events: &mut Vec<Event>) {
        self.close_some(trace, new_id, events, |_| true);
        self.tracks = Tracks::default();
    }

    /// Takes other rules. One that is as it was keeps its counts and events; the events of the others
    /// end.
    pub fn set_rules<'a>(
        &mut self,
        rules: impl IntoIterator<Item = &'a Rule>,
        trace: &Trace,
        new_id: NewEventId<'_>,
        events: &mut Vec<Event>,
    ) {
        let rules: Vec<&Rule> = rules.into_iter().collect();
        self.close_some(trace, new_id, events, |rule| !rules.contains(&rule));
        let mut before = std::mem::take(&mut self.rules);
        self.rules = (rules.into_iter())
            .map(
                |rule| match before.iter().position(|it| it.rule() == rule) {
                    Some(index) => before.swap_remove(index),
                    None => RuleState::new(rule),
                },
            )
            .collect();
    }

    /// Where objects have been, by the rules of that kind.
    pub fn heatmaps(&self) -> impl Iterator<Item = (&Rule, &Heatmap)> {
        self.rules.iter().filter_map(RuleState::heatmap)
    }

    fn close_some(
        &mut self,
        trace: &Trace,
        new_id: NewEventId<'_>,
        events: &mut Vec<Event>,
        is_over: impl Fn(&Rule) -> bool,
    ) {
        // Of a camera without a frame there are no events.
        let Some((id, now)) = &self.last else {
            return;
        };
        let view = View {
            now: *now,
            aspect: self.aspect,
            tracks: &self.tracks,
            steps: &[],
        };
        for rule in &mut self.rules {
            if is_over(rule.rule()) {
                rule.close(&view, (id, trace), new_id, events);
            }
        }
    }
}
