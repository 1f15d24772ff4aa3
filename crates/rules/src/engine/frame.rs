//! What a rule is given of a frame, and where it sends what happened.

use std::sync::Arc;

use camweave_message::limits::MAX_EVENT_TRACKS;
use camweave_message::{Direction, Event, EventKind, EventPhase, FrameId, Trace};

use super::clock::Moment;
use super::tracks::{Step, Tracks};

/// How often an event that lasts has a row, nanoseconds of capture time.
pub(crate) const UPDATE_EVERY: i64 = 1_000_000_000;

/// Makes an event's id.
pub type NewEventId<'a> = &'a mut dyn FnMut() -> Arc<str>;

/// A frame.
pub(crate) struct View<'a> {
    pub now: Moment,
    /// Width by height.
    pub aspect: f64,
    pub tracks: &'a Tracks,
    /// What the frame has confirmed, by track.
    pub steps: &'a [(u64, Step)],
}

/// An event that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    id: Arc<str>,
    kind: EventKind,
    pub began: Moment,
    /// When it had a row last.
    sent: i64,
}

/// What a row says.
pub(crate) struct Row<'a> {
    pub phase: EventPhase,
    pub ended: Option<Moment>,
    pub tracks: &'a [u64],
    pub value: f64,
    pub counts: (u64, u64),
    pub direction: Option<Direction>,
}

impl<'a> Row<'a> {
    pub fn new(tracks: &'a [u64], value: f64, counts: (u64, u64)) -> Self {
        Self {
            phase: EventPhase::New,
            ended: None,
            tracks,
            value,
            counts,
            direction: None,
        }
    }

    pub fn update(tracks: &'a [u64], value: f64, counts: (u64, u64)) -> Self {
        Self {
            phase: EventPhase::Update,
            ..Self::new(tracks, value, counts)
        }
    }

    pub fn end(at: Moment, tracks: &'a [u64], value: f64, counts: (u64, u64)) -> Self {
        Self {
            phase: EventPhase::End,
            ended: Some(at),
            ..Self::new(tracks, value, counts)
        }
    }
}

/// Takes the rows of one rule in one frame.
pub(crate) struct Sender<'a> {
    pub id: &'a FrameId,
    pub trace: &'a Trace,
    pub rule: Arc<str>,
    pub new_id: NewEventId<'a>,
    pub events: &'a mut Vec<Event>,
}

impl Sender<'_> {
    /// Begins an event.
    pub fn open(&mut self, kind: EventKind, began: Moment) -> Open {
        Open {
            id: (self.new_id)(),
            kind,
            began,
            sent: i64::MIN,
        }
    }

    /// Whether an event that lasts is due for a row.
    pub fn is_due(open: &Open, view: &View<'_>) -> bool {
        view.now.at.saturating_sub(open.sent) >= UPDATE_EVERY
    }

    /// Sends a row of an event.
    pub fn send(&mut self, open: &mut Open, view: &View<'_>, row: &Row<'_>) {
        open.sent = view.now.at;
        let captured = self.id.captured_unix_nanos;
        // A clock that was set back since leaves no times of the future.
        let began = open.began.unix.min(captured);
        let first = row.tracks.first().and_then(|id| view.tracks.get(*id));
        let tracks = &row.tracks[..row.tracks.len().min(MAX_EVENT_TRACKS)];
        self.events.push(Event {
            id: self.id.clone(),
            trace: self.trace.clone(),
            event: Arc::clone(&open.id),
            phase: row.phase,
            kind: open.kind,
            rule: Arc::clone(&self.rule),
            direction: row.direction,
            began_unix_nanos: began,
            ended_unix_nanos: row.ended.map(|it| it.unix.max(began)),
            track_ids: tracks.to_vec(),
            label: first.map_or_else(|| Arc::from(""), super::tracks::Track::label),
            score: first.map_or(0.0, |it| it.score),
            place: first.map(|it| it.pending.bbox.map(|part| part as f32)),
            value: row.value,
            entered: row.counts.0,
            left: row.counts.1,
        });
    }
}
