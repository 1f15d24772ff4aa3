//! The optional columns of what boxes have beside themselves.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, Float32Array, ListArray};

use crate::MessageError;
use crate::attributes::{AttributeColumn, write_attributes};
use crate::columns::{Columns, Reader, items};
use crate::detected_box::DetectedBox;
use crate::extras::{BOX_LISTS, BoxLists, Extras, check_count, is_oriented, shown};
use crate::limits::{MAX_ANGLE, MAX_BOX_SIZES, MAX_BOX_VALUES, MAX_FRAME_VALUES};

/// Writes the columns that some row has something for.
pub(crate) fn write_extras(columns: &mut Columns, rows: &[&[DetectedBox]]) {
    for column in &BOX_LISTS {
        let get = |item: &DetectedBox| (column.get)(&item.extras).is_some();
        if !rows.iter().any(|row| row.iter().any(get)) {
            continue;
        }
        columns.nested_lists::<Float32Type>(
            column.field,
            rows.iter().map(|row| {
                let is_some = row.iter().any(get);
                let boxes = row.iter().filter(|_| is_some);
                boxes
                    .map(|item| (column.get)(&item.extras).map_or(&[][..], |values| &values[..]))
                    .collect()
            }),
        );
    }
    let has_oriented = |row: &&[DetectedBox]| row.iter().any(|it| it.extras.oriented.is_some());
    if rows.iter().any(has_oriented) {
        columns.number_lists::<Float32Type>(
            "oriented",
            rows.iter().map(|row| {
                let boxes = row.iter().filter(|_| has_oriented(row));
                boxes.flat_map(DetectedBox::oriented).collect()
            }),
        );
    }
    write_attributes(columns, rows);
}

/// One column of [`BOX_LISTS`].
struct Lists<'a> {
    column: &'static BoxLists,
    rows: &'a ListArray,
    boxes: &'a ListArray,
    values: &'a Float32Array,
}

impl<'a> Lists<'a> {
    fn open(reader: &Reader<'a>, column: &'static BoxLists) -> Result<Self, MessageError> {
        let rows = reader.lists(column.field)?;
        let boxes = rows.values().as_list_opt::<i32>();
        let values = boxes.and_then(|it| it.values().as_primitive_opt::<Float32Type>());
        let (Some(boxes), Some(values)) = (boxes, values) else {
            return Err(reader.wrong_type(column.field, "List<List<Float32>>", rows));
        };
        Ok(Self {
            column,
            rows,
            boxes,
            values,
        })
    }

    fn read(
        &self,
        reader: &Reader<'_>,
        row: usize,
        image_size: (u32, u32),
        extras: &mut [Extras],
    ) -> Result<(), MessageError> {
        let field = self.column.field;
        let boxes = items(self.rows, row);
        check_count(reader, field, row, boxes.len(), extras.len())?;
        let mut total = 0;
        for (index, extras) in boxes.zip(extras) {
            let range = items(self.boxes, index);
            if range.is_empty() || self.boxes.is_null(index) {
                continue;
            }
            total += range.len();
            if range.len() > MAX_BOX_VALUES || total > MAX_FRAME_VALUES {
                let expected = format!(
                    "at most {MAX_BOX_VALUES} values of a box and {MAX_FRAME_VALUES} of a frame"
                );
                let value = format!("a list of {} after {}", range.len(), total - range.len());
                return Err(reader.value(field, row, value, expected));
            }
            let values = &self.values.values()[range];
            (self.column.check)(values, image_size)
                .map_err(|expected| reader.value(field, row, shown(values), expected))?;
            *(self.column.slot)(extras) = Some(Arc::from(values));
        }
        Ok(())
    }
}

/// The columns that a message has; each may be absent.
pub(crate) struct ExtraColumns<'a> {
    reader: Reader<'a>,
    lists: Vec<Lists<'a>>,
    oriented: Option<(&'a ListArray, &'a Float32Array)>,
    attributes: Option<AttributeColumn<'a>>,
}

impl<'a> ExtraColumns<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        let mut lists = Vec::new();
        for column in &BOX_LISTS {
            lists.extend(reader.optional(column.field, |reader, _| Lists::open(reader, column))?);
        }
        Ok(Self {
            reader: *reader,
            lists,
            oriented: reader.optional("oriented", Reader::number_items::<Float32Type>)?,
            attributes: AttributeColumn::open(reader)?,
        })
    }

    /// The extras of a row's boxes; nothing at all where the message has none.
    pub fn get(
        &self,
        row: usize,
        boxes: usize,
        image_size: (u32, u32),
    ) -> Result<Vec<Extras>, MessageError> {
        if self.lists.is_empty() && self.oriented.is_none() && self.attributes.is_none() {
            return Ok(Vec::new());
        }
        let mut extras = vec![Extras::default(); boxes];
        for lists in &self.lists {
            lists.read(&self.reader, row, image_size, &mut extras)?;
        }
        if let Some((lists, values)) = self.oriented {
            let range = items(lists, row);
            let (rectangles, rest) = values.values()[range.clone()].as_chunks::<5>();
            if !rest.is_empty() {
                let value = format!("a list of {}", range.len());
                let expected = "five values for each box: x, y, width, height, angle";
                return Err(self.reader.value("oriented", row, value, expected));
            }
            check_count(&self.reader, "oriented", row, rectangles.len(), boxes)?;
            for (extras, &rectangle) in extras.iter_mut().zip(rectangles) {
                if !is_oriented(rectangle, image_size) {
                    let expected = format!(
                        "a rectangle within {MAX_BOX_SIZES} times the image, with an angle of -{MAX_ANGLE} to {MAX_ANGLE}"
                    );
                    let value = shown(&rectangle);
                    return Err(self.reader.value("oriented", row, value, expected));
                }
                extras.oriented = Some(rectangle);
            }
        }
        if let Some(attributes) = &self.attributes {
            attributes.read(&self.reader, row, &mut extras)?;
        }
        Ok(extras)
    }
}
