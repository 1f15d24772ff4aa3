//! What every row carries: whose frame it is, when it was taken, and where it has been.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};

use crate::MessageError;
use crate::columns::{Columns, Reader, items, primitive};

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
    /// that the source connected anew: decoders start afresh.
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

pub(crate) fn read_identity(reader: &Reader<'_>) -> Result<Vec<FrameId>, MessageError> {
    let camera = reader.strings("camera")?;
    let session = reader.numbers::<Int64Type>("session_unix_nanos")?;
    let sequence = reader.numbers::<UInt64Type>("sequence")?;
    let pts = reader.numbers::<Int64Type>("pts_nanos")?;
    let captured = reader.numbers::<Int64Type>("captured_unix_nanos")?;
    let clock = reader.strings("captured_clock")?;
    (0..reader.rows())
        .map(|row| {
            let name = camera.value(row);
            if name.is_empty() {
                return Err(reader.value("camera", row, "''", "a camera id"));
            }
            Ok(FrameId {
                camera: Arc::from(name),
                session_unix_nanos: session.value(row),
                sequence: sequence.value(row),
                pts_nanos: pts.value(row),
                captured_unix_nanos: captured.value(row),
                captured_clock: reader.parsed("captured_clock", row, clock.value(row))?,
            })
        })
        .collect()
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

pub(crate) fn read_traces(reader: &Reader<'_>) -> Result<Vec<Trace>, MessageError> {
    let lists = reader.lists("trace")?;
    let passes = lists
        .values()
        .as_struct_opt()
        .ok_or_else(|| MessageError::FieldType {
            schema: reader.schema,
            field: "trace".to_owned(),
            expected: "List<Struct>".to_owned(),
            found: arrow_array::Array::data_type(lists).to_string(),
        })?;
    let inner = Reader::nested(reader.schema, "trace", passes);
    let stage = inner.strings("stage")?;
    let enter = inner.numbers::<Int64Type>("enter_nanos")?;
    let leave = inner.numbers::<Int64Type>("leave_nanos")?;
    Ok((0..reader.rows())
        .map(|row| {
            Trace(
                items(lists, row)
                    .map(|item| StagePass {
                        stage: Arc::from(stage.value(item)),
                        enter_nanos: enter.value(item),
                        leave_nanos: leave.value(item),
                    })
                    .collect(),
            )
        })
        .collect())
}
