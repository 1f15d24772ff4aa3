use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};

use crate::{Detections, FrameId, MessageError, Received, Row, Trace, Unit};

/// A row of a viewer's message: an access unit, or what was detected in one.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// An access unit.
    Unit(Unit),
    /// What was detected in a frame.
    Detections(Detections),
}

impl Row for Watched {
    const SCHEMA: &'static str = Unit::SCHEMA;
    const ALSO: Option<&'static str> = Some(Detections::SCHEMA);

    fn to_arrow(rows: &[Self]) -> StructArray {
        // A message has one schema: that of the first row.
        if let Some(Self::Detections(_)) = rows.first() {
            let rows = rows.iter().filter_map(|row| match row {
                Self::Detections(row) => Some(row.clone()),
                Self::Unit(_) => None,
            });
            return Detections::to_arrow(&rows.collect::<Vec<_>>());
        }
        let rows = rows.iter().filter_map(|row| match row {
            Self::Unit(row) => Some(row.clone()),
            Self::Detections(_) => None,
        });
        Unit::to_arrow(&rows.collect::<Vec<_>>())
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let schema = array
            .as_struct_opt()
            .and_then(|rows| rows.column_by_name("schema"))
            .and_then(|column| column.as_string_opt::<i32>());
        let are_detections = schema.is_some_and(|names| {
            !names.is_empty() && names.is_valid(0) && names.value(0) == Detections::SCHEMA
        });
        if are_detections {
            Detections::read(array).map(|it| it.map(Self::Detections))
        } else {
            Unit::read(array).map(|it| it.map(Self::Unit))
        }
    }

    fn id(&self) -> &FrameId {
        match self {
            Self::Unit(row) => &row.id,
            Self::Detections(row) => &row.id,
        }
    }

    fn trace(&self) -> &Trace {
        match self {
            Self::Unit(row) => &row.trace,
            Self::Detections(row) => &row.trace,
        }
    }

    fn trace_mut(&mut self) -> &mut Trace {
        match self {
            Self::Unit(row) => &mut row.trace,
            Self::Detections(row) => &mut row.trace,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Unit(row) => row.bytes(),
            Self::Detections(row) => row.bytes(),
        }
    }

    fn is_frame(&self) -> bool {
        match self {
            Self::Unit(row) => row.is_frame(),
            Self::Detections(row) => row.is_frame(),
        }
    }

    fn is_entry_point(&self) -> bool {
        match self {
            Self::Unit(row) => row.is_entry_point(),
            Self::Detections(row) => row.is_entry_point(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;
    use crate::tests::{detections, unit};

    #[test]
    fn either_schema_is_read_as_what_it_is() {
        let units = [unit(3, vec![1, 2]), unit(4, Vec::new())];
        let seen = [detections(2, false), detections(0, true)];
        let read = |array: &StructArray| Watched::from_arrow(array).expect("a message");
        let expected: Vec<Watched> = units.iter().cloned().map(Watched::Unit).collect();
        assert_eq!(read(&Unit::to_arrow(&units)), expected);
        assert_eq!(read(&Watched::to_arrow(&expected)), expected);
        assert!(expected[0].is_frame() && !expected[1].is_frame());
        let expected: Vec<Watched> = seen.iter().cloned().map(Watched::Detections).collect();
        assert_eq!(read(&Detections::to_arrow(&seen)), expected);
        assert_eq!(read(&Watched::to_arrow(&expected)), expected);
    }

    #[test]
    fn any_other_message_is_refused() {
        assert!(Watched::from_arrow(&Frame::to_arrow(&[])).is_err());
        assert!(Watched::from_arrow(&arrow_array::Int32Array::from(vec![1])).is_err());
    }
}
