use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, StructArray, UInt64Array};

use crate::columns::{Columns, Reader, items};
use crate::event_kind::{Direction, EventKind, EventPhase};
use crate::identity::{write_identity, write_traces};
use crate::interned::Interned;
use crate::limits::{
    MAX_EVENT_ID_BYTES, MAX_EVENT_TRACKS, MAX_EVENT_VALUE, MAX_LABEL_BYTES, MAX_RULE_BYTES,
};
use crate::received::read_rows;
use crate::{FrameId, MessageError, Received, Row, Trace};

/// What happened at a camera, by a rule: one row when it begins, some while it lasts, one when it is over.
///
/// A row has all that is known of the event by then, so who has the last one needs no other, and may
/// take it twice: an event is known by [`Event::event`].
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The frame by which this row was decided, and whose camera it is.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// Which event: the same in all rows of one, of no other event of any camera, rule or run.
    pub event: Arc<str>,
    /// Where in its life.
    pub phase: EventPhase,
    /// What kind of rule it is of.
    pub kind: EventKind,
    /// The rule's name in `rules.yml`, unique within the camera.
    pub rule: Arc<str>,
    /// Across a line; absent of other kinds.
    pub direction: Option<Direction>,
    /// When it began, in Unix nanoseconds by the clock of [`FrameId::captured_clock`]; never after `id`'s.
    pub began_unix_nanos: i64,
    /// When it ended, the same clock; of [`EventPhase::End`] only. May be before `id`'s time: what left is
    /// known to have left some time later.
    pub ended_unix_nanos: Option<i64>,
    /// The objects, by track id, at most [`MAX_EVENT_TRACKS`]; the first is the one that the rest of the
    /// row describes. Of a zone's count, those that are in it.
    pub track_ids: Vec<u64>,
    /// The class of the first object; empty without one.
    pub label: Arc<str>,
    /// The score of the first object, 0 to 1; 0 without one.
    pub score: f32,
    /// Where the first object is or was last, `[x1, y1, x2, y2]` in parts of the frame, 0 to 1.
    pub place: Option<[f32; 4]>,
    /// By kind, see [`EventKind`].
    pub value: f64,
    /// By kind, how many so far, since the rule's counts began: into a zone or across a line, ...
    pub entered: u64,
    /// ... and out of it or back.
    pub left: u64,
}

impl Row for Event {
    const SCHEMA: &'static str = "camweave.events/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        columns.strings("event", rows.iter().map(|row| &*row.event));
        columns.strings("phase", rows.iter().map(|row| row.phase.as_str()));
        columns.strings("kind", rows.iter().map(|row| row.kind.as_str()));
        columns.strings("rule", rows.iter().map(|row| &*row.rule));
        let directions = rows.iter().map(|row| row.direction);
        columns.strings(
            "direction",
            directions.map(|it| it.map_or("", Direction::as_str)),
        );
        columns.numbers::<Int64Type>(
            "began_unix_nanos",
            rows.iter().map(|row| row.began_unix_nanos),
        );
        columns.number_lists::<Int64Type>(
            "ended_unix_nanos",
            rows.iter()
                .map(|row| row.ended_unix_nanos.into_iter().collect()),
        );
        columns
            .number_lists::<UInt64Type>("track_ids", rows.iter().map(|row| row.track_ids.clone()));
        columns.strings("label", rows.iter().map(|row| &*row.label));
        columns.numbers::<Float32Type>("conf", rows.iter().map(|row| row.score));
        columns.number_lists::<Float32Type>(
            "place",
            rows.iter()
                .map(|row| row.place.into_iter().flatten().collect()),
        );
        columns.numbers::<Float64Type>("value", rows.iter().map(|row| row.value));
        columns.numbers::<UInt64Type>("entered", rows.iter().map(|row| row.entered));
        columns.numbers::<UInt64Type>("left", rows.iter().map(|row| row.left));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let event = reader.strings("event")?;
        let phase = reader.strings("phase")?;
        let kind = reader.strings("kind")?;
        let rule = reader.strings("rule")?;
        let direction = reader.strings("direction")?;
        let began = reader.numbers::<Int64Type>("began_unix_nanos")?;
        let ended = reader.number_items::<Int64Type>("ended_unix_nanos")?;
        let tracks = reader.number_items::<UInt64Type>("track_ids")?;
        let label = reader.strings("label")?;
        let score = reader.numbers::<Float32Type>("conf")?;
        let place = reader.number_items::<Float32Type>("place")?;
        let value = reader.numbers::<Float64Type>("value")?;
        let counts = |field| -> Result<&UInt64Array, _> { reader.numbers::<UInt64Type>(field) };
        let (entered, left) = (counts("entered")?, counts("left")?);
        let mut rules = Interned::default();
        let mut labels = Interned::default();
        read_rows(
            &reader,
            |_| false,
            |row, id, trace| {
                reader.text("event", row, event.value(row), 1..=MAX_EVENT_ID_BYTES)?;
                let phase = reader.parsed("phase", row, phase.value(row))?;
                let began = reader.nanos("began_unix_nanos", row, began.value(row))?;
                let ended = match ended.1.values()[items(ended.0, row)] {
                    [] => None,
                    [nanos] => Some(reader.nanos("ended_unix_nanos", row, nanos)?),
                    ref more => {
                        return Err(list(
                            &reader,
                            "ended_unix_nanos",
                            row,
                            more.len(),
                            "at most one time",
                        ));
                    }
                };
                if began > id.captured_unix_nanos {
                    let expected =
                        format!("at most captured_unix_nanos, {}", id.captured_unix_nanos);
                    return Err(reader.value("began_unix_nanos", row, began.to_string(), expected));
                }
                if ended.is_some_and(|ended| ended < began) {
                    let shown = ended.unwrap_or_default().to_string();
                    return Err(reader.value(
                        "ended_unix_nanos",
                        row,
                        shown,
                        format!("at least began_unix_nanos, {began}"),
                    ));
                }
                if ended.is_some() != (phase == EventPhase::End) {
                    let shown = if ended.is_some() { "a time" } else { "none" };
                    return Err(reader.value(
                        "ended_unix_nanos",
                        row,
                        shown,
                        "a time of the phase 'end', and of no other",
                    ));
                }
                let track_ids = &tracks.1.values()[items(tracks.0, row)];
                if track_ids.len() > MAX_EVENT_TRACKS {
                    let expected = format!("at most {MAX_EVENT_TRACKS} tracks");
                    return Err(list(&reader, "track_ids", row, track_ids.len(), &expected));
                }
                Ok(Self {
                    event: Arc::from(event.value(row)),
                    phase,
                    kind: reader.parsed("kind", row, kind.value(row))?,
                    rule: rules.checked(rule.value(row), |rule| {
                        reader.text("rule", row, rule, 1..=MAX_RULE_BYTES)
                    })?,
                    direction: match direction.value(row) {
                        "" => None,
                        text => Some(reader.parsed("direction", row, text)?),
                    },
                    began_unix_nanos: began,
                    ended_unix_nanos: ended,
                    track_ids: track_ids.to_vec(),
                    label: labels.checked(label.value(row), |label| {
                        reader.text("label", row, label, 0..=MAX_LABEL_BYTES)
                    })?,
                    score: reader.within("conf", row, score.value(row), 0.0..=1.0)?,
                    place: read_place(&reader, row, &place.1.values()[items(place.0, row)])?,
                    value: reader.within(
                        "value",
                        row,
                        value.value(row),
                        -MAX_EVENT_VALUE..=MAX_EVENT_VALUE,
                    )?,
                    entered: entered.value(row),
                    left: left.value(row),
                    id,
                    trace,
                })
            },
        )
    }

    fn id(&self) -> &FrameId {
        &self.id
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    /// An event is of frames, but it is none: it is in no account of frames.
    fn is_frame(&self) -> bool {
        false
    }
}

fn list(
    reader: &Reader<'_>,
    field: &str,
    row: usize,
    found: usize,
    expected: &str,
) -> MessageError {
    reader.value(field, row, format!("a list of {found}"), expected)
}

fn read_place(
    reader: &Reader<'_>,
    row: usize,
    values: &[f32],
) -> Result<Option<[f32; 4]>, MessageError> {
    let is_in = |value: &f32| (0.0..=1.0).contains(value);
    match *values {
        [] => Ok(None),
        [x1, y1, x2, y2] if values.iter().all(is_in) && x1 <= x2 && y1 <= y2 => {
            Ok(Some([x1, y1, x2, y2]))
        }
        _ => {
            let shown = if values.len() == 4 {
                format!("{values:?}")
            } else {
                format!("a list of {}", values.len())
            };
            Err(reader.value(
                "place",
                row,
                shown,
                "nothing, or x1 <= x2 and y1 <= y2 in parts of the frame, 0 to 1",
            ))
        }
    }
}
