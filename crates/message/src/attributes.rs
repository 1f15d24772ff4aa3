//! What second-stage models give of an object: an optional column of detections.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ListArray, StringArray, StructArray};

use crate::MessageError;
use crate::columns::{Columns, Reader, items};
use crate::detected_box::DetectedBox;
use crate::extras::{Attribute, Extras, check_count};
use crate::interned::Interned;
use crate::limits::{MAX_ATTRIBUTE_NAME_BYTES, MAX_ATTRIBUTES, MAX_LABEL_BYTES};

const FIELD: &str = "attributes";

/// Writes the column, if some box has an attribute.
pub(crate) fn write_attributes(columns: &mut Columns, rows: &[&[DetectedBox]]) {
    let get = |item: &DetectedBox| !item.extras.attributes.is_empty();
    let has = |row: &&[DetectedBox]| row.iter().any(get);
    if !rows.iter().any(has) {
        return;
    }
    let (mut boxes, mut each) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut all = Vec::new();
    for row in rows {
        let shown = if has(row) { *row } else { &[] };
        boxes.push(shown.len());
        for item in shown {
            each.push(item.extras.attributes.len());
            all.extend(&item.extras.attributes);
        }
    }
    let mut values = Columns::default();
    values.strings("name", all.iter().map(|it| &*it.name));
    values.strings("label", all.iter().map(|it| &*it.label));
    values.numbers::<Float32Type>("conf", all.iter().map(|it| it.confidence));
    columns.nested(FIELD, &boxes, &each, Arc::new(values.finish()));
}

/// The column of a message.
pub(crate) struct AttributeColumn<'a> {
    rows: &'a ListArray,
    boxes: &'a ListArray,
    reader: Reader<'a>,
    names: &'a StringArray,
    labels: &'a StringArray,
    confidences: &'a arrow_array::Float32Array,
}

impl<'a> AttributeColumn<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Option<Self>, MessageError> {
        let Some(rows) = reader.optional(FIELD, Reader::lists)? else {
            return Ok(None);
        };
        let boxes = rows.values().as_list_opt::<i32>();
        let values = boxes.and_then(|it| it.values().as_struct_opt());
        let (Some(boxes), Some(values)): (_, Option<&StructArray>) = (boxes, values) else {
            return Err(reader.wrong_type(FIELD, "List<List<Struct>>", rows));
        };
        let reader = Reader::nested(reader.schema, FIELD, values);
        Ok(Some(Self {
            rows,
            boxes,
            reader,
            names: reader.strings("name")?,
            labels: reader.strings("label")?,
            confidences: reader.numbers::<Float32Type>("conf")?,
        }))
    }

    /// Sets the attributes of a row's boxes.
    pub fn read(
        &self,
        outer: &Reader<'_>,
        row: usize,
        extras: &mut [Extras],
    ) -> Result<(), MessageError> {
        let boxes = items(self.rows, row);
        check_count(outer, FIELD, row, boxes.len(), extras.len())?;
        let (mut names, mut labels) = (Interned::default(), Interned::default());
        for (index, extras) in boxes.zip(extras) {
            if self.boxes.is_null(index) {
                continue;
            }
            let range = items(self.boxes, index);
            if range.len() > MAX_ATTRIBUTES {
                let expected = format!("at most {MAX_ATTRIBUTES} attributes of a box");
                let value = format!("a list of {}", range.len());
                return Err(outer.value(FIELD, row, value, expected));
            }
            extras.attributes.reserve_exact(range.len());
            for at in range {
                let reader = &self.reader;
                let text = |field, text: &str, bytes| reader.text(field, row, text, bytes);
                extras.attributes.push(Attribute {
                    name: names.checked(self.names.value(at), |name| {
                        text("name", name, 1..=MAX_ATTRIBUTE_NAME_BYTES)
                    })?,
                    label: labels.checked(self.labels.value(at), |label| {
                        text("label", label, 0..=MAX_LABEL_BYTES)
                    })?,
                    confidence: reader.within(
                        "conf",
                        row,
                        self.confidences.value(at),
                        0.0..=1.0,
                    )?,
                });
            }
        }
        Ok(())
    }
}
