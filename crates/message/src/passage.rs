use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};

use crate::columns::{Columns, Reader};
use crate::identity::{write_identity, write_traces};
use crate::received::read_rows;
use crate::{Detections, Event, Frame, FrameId, Head, MessageError, Received, Row, Trace, Unit};

/// A row of any message, of which only the identity and the trace are read:
/// enough to know that a frame has come this far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
}

impl Row for Passage {
    const SCHEMA: &'static str = "camweave.passage/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let known = [
            Unit::SCHEMA,
            Frame::SCHEMA,
            Head::SCHEMA,
            Detections::SCHEMA,
            Event::SCHEMA,
            Passage::SCHEMA,
        ];
        let named = array
            .as_struct_opt()
            .and_then(|rows| rows.column_by_name("schema"))
            .and_then(|column| column.as_string_opt::<i32>())
            .filter(|names| !names.is_empty() && names.is_valid(0))
            .and_then(|names| known.into_iter().find(|schema| *schema == names.value(0)));
        let reader = Reader::open(named.unwrap_or(Self::SCHEMA), array)?;
        read_rows(&reader, |_| true, |_, id, trace| Ok(Self { id, trace }))
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
}

/// The row of a stage that has no input, or no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Never {}

impl Row for Never {
    const SCHEMA: &'static str = "camweave.never/1";

    fn to_arrow(_: &[Self]) -> StructArray {
        Columns::with_schema(Self::SCHEMA, 0).finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        Reader::open(Self::SCHEMA, array).map(|_| Received {
            rows: Vec::new(),
            refused: Vec::new(),
        })
    }

    fn id(&self) -> &FrameId {
        match *self {}
    }

    fn trace(&self) -> &Trace {
        match *self {}
    }

    fn trace_mut(&mut self) -> &mut Trace {
        match *self {}
    }
}
