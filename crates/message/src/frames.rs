use arrow_array::{Array, StructArray};
use camweave_vision::Crop;

use crate::areas::{AreaColumns, write_areas};
use crate::columns::{Columns, Reader};
use crate::identity::{write_identity, write_traces};
use crate::picture::{Pictures, write_pictures};
use crate::received::read_rows;
use crate::{Areas, FrameId, MessageError, PictureRef, Received, Row, Trace};

/// One decoded picture, in presentation order within its camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// Where the pixels are.
    pub picture: PictureRef,
    /// Which parts of it are looked at.
    pub areas: Areas,
}

impl Frame {
    /// The part of the picture that the detector is given; `None`: all of it.
    #[must_use]
    pub fn crop(&self) -> Option<Crop> {
        let layout = &self.picture.layout;
        let region = self.areas.region?;
        Some(Crop::of_region(&region, (layout.width, layout.height)))
    }
}

impl Row for Frame {
    const SCHEMA: &'static str = "camweave.frames/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        write_pictures(&mut columns, rows.iter().map(|row| Some(&row.picture)));
        write_areas(&mut columns, rows.iter().map(|row| &row.areas));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let pictures = Pictures::open(&reader)?;
        let areas = AreaColumns::open(&reader)?;
        read_rows(
            &reader,
            |_| true,
            |row, id, trace| {
                Ok(Self {
                    id,
                    trace,
                    picture: pictures.get(row)?,
                    areas: areas.get(row)?,
                })
            },
        )
    }

    fn bytes(&self) -> usize {
        self.areas.ignored.bytes()
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
