use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};

use crate::{Detections, Event, FrameId, MessageError, Received, Row, Trace, Unit};

/// A row of a viewer's message: an access unit, what was detected in one, or an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// An access unit.
    Unit(Unit),
    /// What was detected in a frame.
    Detections(Detections),
    /// What happened, by a rule.
    Event(Event),
}

impl Row for Watched {
    const SCHEMA: &'static str = Unit::SCHEMA;
    const ALSO: &'static [&'static str] = &[Detections::SCHEMA, Event::SCHEMA];

    fn to_arrow(rows: &[Self]) -> StructArray {
        // A message has one schema: that of the first row.
        match rows.first() {
            Some(Self::Detections(_)) => packed(rows, |row| match row {
                Self::Detections(row) => Some(row.clone()),
                _ => None,
            }),
            Some(Self::Event(_)) => packed(rows, |row| match row {
                Self::Event(row) => Some(row.clone()),
                _ => None,
            }),
            Some(Self::Unit(_)) | None => packed(rows, |row| match row {
                Self::Unit(row) => Some(row.clone()),
                _ => None,
            }),
        }
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let schema = array
            .as_struct_opt()
            .and_then(|rows| rows.column_by_name("schema"))
            .and_then(|column| column.as_string_opt::<i32>());
        let named = schema
            .filter(|names| !names.is_empty() && names.is_valid(0))
            .map_or(Unit::SCHEMA, |names| names.value(0));
        if named == Detections::SCHEMA {
            Detections::read(array).map(|it| it.map(Self::Detections))
        } else if named == Event::SCHEMA {
            Event::read(array).map(|it| it.map(Self::Event))
        } else {
            Unit::read(array).map(|it| it.map(Self::Unit))
        }
    }

    fn id(&self) -> &FrameId {
        match self {
            Self::Unit(row) => &row.id,
            Self::Detections(row) => &row.id,
            Self::Event(row) => &row.id,
        }
    }

    fn trace(&self) -> &Trace {
        match self {
            Self::Unit(row) => &row.trace,
            Self::Detections(row) => &row.trace,
            Self::Event(row) => &row.trace,
        }
    }

    fn trace_mut(&mut self) -> &mut Trace {
        match self {
            Self::Unit(row) => &mut row.trace,
            Self::Detections(row) => &mut row.trace,
            Self::Event(row) => &mut row.trace,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Unit(row) => row.bytes(),
            Self::Detections(row) => row.bytes(),
            Self::Event(row) => row.bytes(),
        }
    }

    fn is_frame(&self) -> bool {
        match self {
            Self::Unit(row) => row.is_frame(),
            Self::Detections(row) => row.is_frame(),
            Self::Event(row) => row.is_frame(),
        }
    }

    fn is_entry_point(&self) -> bool {
        match self {
            Self::Unit(row) => row.is_entry_point(),
            Self::Detections(row) => row.is_entry_point(),
            Self::Event(row) => row.is_entry_point(),
        }
    }
}

/// The rows of one kind, which are all of a message.
fn packed<R: Row>(rows: &[Watched], only: impl Fn(&Watched) -> Option<R>) -> StructArray {
    R::to_arrow(&rows.iter().filter_map(only).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;
    use crate::events_tests::crossing;
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
        let expected = [Watched::Event(crossing())];
        assert_eq!(read(&Event::to_arrow(&[crossing()])), expected);
        assert_eq!(read(&Watched::to_arrow(&expected)), expected);
        assert!(!expected[0].is_frame());
    }

    #[test]
    fn any_other_message_is_refused() {
        assert!(Watched::from_arrow(&Frame::to_arrow(&[])).is_err());
        assert!(Watched::from_arrow(&arrow_array::Int32Array::from(vec![1])).is_err());
    }
}
