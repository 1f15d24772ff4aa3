//! What is sent of an event: `camweave.event/1`, as `docs/publish.md` and `docs/event.schema.json` say.

mod bodies;
mod discovery;
mod frigate;

use camweave_message::{Event, EventKind};
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

pub(crate) use bodies::Bodies;
pub(crate) use discovery::discovery;
pub(crate) use frigate::Frigate;

/// Name and version of the payload.
pub const SCHEMA: &str = "camweave.event/1";

/// The payload of one row of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// [`SCHEMA`].
    pub schema: String,
    /// The same for each copy of this row, of no other row.
    pub id: String,
    /// The event that the row is of.
    pub event: String,
    /// `new`, `update` or `end`.
    pub phase: String,
    /// What kind of rule it is of.
    pub kind: String,
    /// The rule's name.
    pub rule: String,
    /// The camera's id.
    pub camera: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// When it ended, of `end` only.
    pub ended: Option<String>,
    /// When the frame was captured by which the row was decided.
    pub captured: String,
    /// By which clock the times are.
    pub clock: String,
    /// `in` or `out`, of a crossing.
    pub direction: Option<String>,
    /// The objects.
    pub tracks: Vec<u64>,
    /// Class of the first object.
    pub label: Option<String>,
    /// Its score, 0 to 1.
    pub score: Option<f32>,
    /// Where it is, in parts of the frame: x1, y1, x2, y2.
    pub place: Option<[f32; 4]>,
    /// By kind, in `unit`.
    pub value: f64,
    /// What `value` is measured in.
    pub unit: String,
    /// How many have come so far, by the rule's counts.
    pub entered: u64,
    /// How many have gone.
    pub left: u64,
}

fn time(unix_nanos: i64) -> String {
    DateTime::from_timestamp_nanos(unix_nanos).to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn unit(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Presence | EventKind::Dwell => "s",
        EventKind::Occupancy | EventKind::Crowding => "objects",
        EventKind::Crossing => "crossings",
        EventKind::Speed => "km/h",
    }
}

impl Payload {
    /// Of a row as it came.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let (phase, captured) = (event.phase.as_str(), event.id.captured_unix_nanos);
        let has_object = !event.label.is_empty();
        Self {
            schema: SCHEMA.to_owned(),
            id: format!("{}:{phase}:{captured}", event.event),
            event: event.event.to_string(),
            phase: phase.to_owned(),
            kind: event.kind.as_str().to_owned(),
            rule: event.rule.to_string(),
            camera: event.id.camera.to_string(),
            began: time(event.began_unix_nanos),
            ended: event.ended_unix_nanos.map(time),
            captured: time(captured),
            clock: event.id.captured_clock.as_str().to_owned(),
            direction: event.direction.map(|it| it.as_str().to_owned()),
            tracks: event.track_ids.clone(),
            label: has_object.then(|| event.label.to_string()),
            score: has_object.then_some(event.score),
            place: event.place,
            value: event.value,
            unit: unit(event.kind).to_owned(),
            entered: event.entered,
            left: event.left,
        }
    }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
