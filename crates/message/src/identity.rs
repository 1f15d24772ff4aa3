//! What every row carries: whose frame it is, when it was taken, and where it has been.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, Int64Array, ListArray, StringArray, StructArray, UInt64Array};
use arrow_schema::{DataType, Field, Fields};

use crate::columns::{Columns, Reader, items, primitive};
use crate::interned::Interned;
use crate::limits::{MAX_SEQUENCE, MAX_STAGE_BYTES, MAX_STAGES};
use crate::text::quoted;
use crate::{MessageError, camera_id};

/// Where [`FrameId::captured_unix_nanos`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapturedClock {
    /// The camera's own clock, from RTCP sender reports (RFC 3550, section 6.4.1).
    SenderReport,
    /// The arrival of the unit's last packet at the source.
    Arrival,
    /// A file: the moment at which the source read (or paced) the unit.
    File,
}

impl CapturedClock {
    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SenderReport => "sender-report",
            Self::Arrival => "arrival",
            Self::File => "file",
        }
    }
}

impl std::str::FromStr for CapturedClock {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sender-report" => Ok(Self::SenderReport),
            "arrival" => Ok(Self::Arrival),
            "file" => Ok(Self::File),
            _ => Err("one of 'sender-report', 'arrival', 'file'"),
        }
    }
}

/// Which frame of which camera, and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameId {
    /// The camera's id from `cameras.yml`.
    pub camera: Arc<str>,
    /// When the source opened this session, in Unix nanoseconds. A new value means
    /// that the source reconnected: decoders start afresh.
    pub session_unix_nanos: i64,
    /// The unit's number in its session, from 0 and in decode order. A gap means that rows were lost.
    pub sequence: u64,
    /// Presentation time in nanoseconds since the session's first unit.
    pub pts_nanos: i64,
    /// When the picture was taken, in Unix nanoseconds, by [`FrameId::captured_clock`].
    pub captured_unix_nanos: i64,
    /// Where `captured_unix_nanos` comes from.
    pub captured_clock: CapturedClock,
}

/// One stage's passage, on this host's monotonic clock (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagePass {
    /// The node's id in the graph.
    pub stage: Arc<str>,
    /// When the row came in, in monotonic nanoseconds.
    pub enter_nanos: i64,
    /// When the row was sent on, in monotonic nanoseconds.
    pub leave_nanos: i64,
}

/// The stages that a row has passed, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace(pub Vec<StagePass>);

pub(crate) fn write_identity<'a>(
    columns: &mut Columns,
    ids: impl Iterator<Item = &'a FrameId> + Clone,
) {
    columns.strings("camera", ids.clone().map(|id| &*id.camera));
    columns.numbers::<Int64Type>(
        "session_unix_nanos",
        ids.clone().map(|id| id.session_unix_nanos),
    );
    columns.numbers::<UInt64Type>("sequence", ids.clone().map(|id| id.sequence));
    columns.numbers::<Int64Type>("pts_nanos", ids.clone().map(|id| id.pts_nanos));
    columns.numbers::<Int64Type>(
        "captured_unix_nanos",
        ids.clone().map(|id| id.captured_unix_nanos),
    );
    columns.strings("captured_clock", ids.map(|id| id.captured_clock.as_str()));
}

/// The columns that name a row's frame.
pub(crate) struct Identities<'a> {
    camera: &'a StringArray,
    session: &'a Int64Array,
    sequence: &'a UInt64Array,
    pts: &'a Int64Array,
    captured: &'a Int64Array,
    clock: &'a StringArray,
    last: RefCell<Interned>,
}

impl<'a> Identities<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            camera: reader.strings("camera")?,
            session: reader.numbers::<Int64Type>("session_unix_nanos")?,
            sequence: reader.numbers::<UInt64Type>("sequence")?,
            pts: reader.numbers::<Int64Type>("pts_nanos")?,
            captured: reader.numbers::<Int64Type>("captured_unix_nanos")?,
            clock: reader.strings("captured_clock")?,
            last: RefCell::default(),
        })
    }

    /// Whose row it is.
    pub fn camera(&self, reader: &Reader<'_>, row: usize) -> Result<Arc<str>, MessageError> {
        let id = self.camera.value(row);
        if camera_id::is_valid(id) {
            return Ok(self.last.borrow_mut().get(id));
        }
        Err(reader.value("camera", row, quoted(id), camera_id::RULE))
    }

    pub fn get(
        &self,
        reader: &Reader<'_>,
        row: usize,
        camera: Arc<str>,
    ) -> Result<FrameId, MessageError> {
        let nanos = |field, column: &Int64Array| reader.nanos(field, row, column.value(row));
        let sequence = self.sequence.value(row);
        if sequence > MAX_SEQUENCE {
            let expected = format!("at most {MAX_SEQUENCE}");
            return Err(reader.value("sequence", row, sequence.to_string(), expected));
        }
        Ok(FrameId {
            camera,
            session_unix_nanos: nanos("session_unix_nanos", self.session)?,
            sequence,
            pts_nanos: nanos("pts_nanos", self.pts)?,
            captured_unix_nanos: nanos("captured_unix_nanos", self.captured)?,
            captured_clock: reader.parsed("captured_clock", row, self.clock.value(row))?,
        })
    }
}

fn pass_fields() -> Fields {
    Fields::from(vec![
        Field::new("stage", DataType::Utf8, false),
        Field::new("enter_nanos", DataType::Int64, false),
        Field::new("leave_nanos", DataType::Int64, false),
    ])
}

pub(crate) fn write_traces<'a>(
    columns: &mut Columns,
    traces: &(impl Iterator<Item = &'a Trace> + Clone),
) {
    let lengths: Vec<usize> = traces.clone().map(|trace| trace.0.len()).collect();
    let passes = || traces.clone().flat_map(|trace| trace.0.iter());
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            passes().map(|pass| &*pass.stage).collect::<Vec<_>>(),
        )),
        Arc::new(primitive::<Int64Type>(
            passes().map(|pass| pass.enter_nanos),
        )),
        Arc::new(primitive::<Int64Type>(
            passes().map(|pass| pass.leave_nanos),
        )),
    ];
    let values = StructArray::new(pass_fields(), arrays, None);
    columns.list("trace", &lengths, Arc::new(values), false);
}

/// The column of the stages that rows have passed.
pub(crate) struct Traces<'a> {
    lists: &'a ListArray,
    inner: Reader<'a>,
    schema: Reader<'a>,
    stage: &'a StringArray,
    enter: &'a Int64Array,
    leave: &'a Int64Array,
}

impl<'a> Traces<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        let lists = reader.lists("trace")?;
        let passes = lists
            .values()
            .as_struct_opt()
            .ok_or_else(|| reader.wrong_type("trace", "List<Struct>", lists))?;
        let inner = Reader::nested(reader.schema, "trace", passes);
        Ok(Self {
            lists,
            schema: *reader,
            stage: inner.strings("stage")?,
            enter: inner.numbers::<Int64Type>("enter_nanos")?,
            leave: inner.numbers::<Int64Type>("leave_nanos")?,
            inner,
        })
    }

    pub fn get(&self, row: usize) -> Result<Trace, MessageError> {
        let items = items(self.lists, row);
        if items.len() > MAX_STAGES {
            let value = format!("a list of {}", items.len());
            let expected = format!("at most {MAX_STAGES} stages");
            return Err(self.schema.value("trace", row, value, expected));
        }
        let pass = |item| -> Result<StagePass, MessageError> {
            let stage = self.stage.value(item);
            self.inner.text("stage", row, stage, 1..=MAX_STAGE_BYTES)?;
            Ok(StagePass {
                stage: Arc::from(stage),
                enter_nanos: self
                    .inner
                    .nanos("enter_nanos", row, self.enter.value(item))?,
                leave_nanos: self
                    .inner
                    .nanos("leave_nanos", row, self.leave.value(item))?,
            })
        };
        Ok(Trace(items.map(pass).collect::<Result<_, MessageError>>()?))
    }
}
