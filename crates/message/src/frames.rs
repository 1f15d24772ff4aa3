use arrow_array::{Array, StructArray};

use crate::columns::{Columns, Reader};
use crate::identity::{read_identity, read_traces, write_identity, write_traces};
use crate::picture::{read_pictures, write_pictures};
use crate::{FrameId, MessageError, PictureRef, Row, Trace};

/// One decoded picture, in presentation order within its camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// Where the pixels are.
    pub picture: PictureRef,
}

impl Row for Frame {
    const SCHEMA: &'static str = "camweave.frames/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        write_pictures(&mut columns, rows.iter().map(|row| Some(&row.picture)));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let ids = read_identity(&reader)?;
        let pictures = read_pictures(&reader, |_| true)?;
        let traces = read_traces(&reader)?;
        Ok(ids
            .into_iter()
            .zip(pictures.into_iter().flatten())
            .zip(traces)
            .map(|((id, picture), trace)| Self { id, trace, picture })
            .collect())
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
