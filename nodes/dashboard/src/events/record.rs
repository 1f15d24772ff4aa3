use std::sync::Arc;

use bytes::Bytes;
use camweave_message::{Direction, Event, EventKind, EventPhase};
use camweave_recording::EventNote;
use serde::{Serialize, Serializer};

use super::spot::Spot;

/// Objects of an event that the page is told.
const MOST_TRACKS: usize = 16;

/// An event, as the page gets it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Record {
    /// Grows with each event that comes: it orders them, and pages go on after it.
    pub number: u64,
    pub event: Arc<str>,
    pub camera: Arc<str>,
    pub phase: &'static str,
    pub kind: &'static str,
    pub rule: Arc<str>,
    direction: Option<&'static str>,
    pub began_unix_ms: i64,
    pub ended_unix_ms: Option<i64>,
    /// The capture time of the newest frame by which anything of it was decided.
    at_unix_ms: i64,
    /// Numbers of JavaScript have 53 bits.
    tracks: Vec<String>,
    pub label: Arc<str>,
    conf: f32,
    place: Option<[f32; 4]>,
    pub value: f64,
    pub entered: u64,
    pub left: u64,
    /// Whether there is an image of when it began.
    #[serde(serialize_with = "is_some")]
    pub image: Option<Bytes>,
    /// The clip that shows it.
    pub clip: Option<Spot>,
    /// Known from a clip alone.
    #[serde(skip)]
    pub is_recorded: bool,
}

/// An event as a clip has it.
pub(crate) struct Recorded {
    pub camera: Arc<str>,
    pub note: EventNote,
    pub clip_end_unix_nanos: i64,
}

fn is_some<S: Serializer>(value: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(value.is_some())
}

impl Record {
    pub fn of(number: u64, row: &Event) -> Self {
        let tracks = row.track_ids.iter().take(MOST_TRACKS);
        Self {
            number,
            event: Arc::clone(&row.event),
            camera: Arc::clone(&row.id.camera),
            phase: row.phase.as_str(),
            kind: row.kind.as_str(),
            rule: Arc::clone(&row.rule),
            direction: row.direction.map(Direction::as_str),
            began_unix_ms: millis(row.began_unix_nanos),
            ended_unix_ms: row.ended_unix_nanos.map(millis),
            at_unix_ms: millis(row.id.captured_unix_nanos),
            tracks: tracks.map(u64::to_string).collect(),
            label: Arc::clone(&row.label),
            conf: thousandths(row.score),
            place: row.place,
            value: row.value,
            entered: row.entered,
            left: row.left,
            image: None,
            clip: None,
            is_recorded: false,
        }
    }

    /// `None` where its kind is none that is known.
    pub fn recorded(number: u64, event: Recorded) -> Option<Self> {
        let Recorded {
            camera,
            note,
            clip_end_unix_nanos,
        } = event;
        let direction: Option<Direction> = note.direction.parse().ok();
        // Of one whose end is in no clip nothing more is known: here it is over with its clip.
        let ended = note.ended_unix_nanos.unwrap_or(clip_end_unix_nanos);
        let ended = ended.max(note.began_unix_nanos);
        let tracks = note.track_ids.iter().take(MOST_TRACKS);
        Some(Self {
            number,
            event: Arc::from(note.event),
            camera,
            phase: EventPhase::End.as_str(),
            kind: note.kind.parse::<EventKind>().ok()?.as_str(),
            rule: Arc::from(note.rule),
            direction: direction.map(Direction::as_str),
            began_unix_ms: millis(note.began_unix_nanos),
            ended_unix_ms: Some(millis(ended)),
            at_unix_ms: millis(ended),
            tracks: tracks.map(u64::to_string).collect(),
            label: Arc::from(note.label),
            conf: thousandths(note.conf),
            place: note.place,
            value: note.value,
            entered: note.entered,
            left: note.left,
            image: None,
            clip: None,
            is_recorded: true,
        })
    }

    pub fn is_over(&self) -> bool {
        self.phase == EventPhase::End.as_str()
    }
}

fn millis(nanos: i64) -> i64 {
    nanos.div_euclid(1_000_000)
}

fn thousandths(score: f32) -> f32 {
    (score * 1000.0).round() / 1000.0
}
