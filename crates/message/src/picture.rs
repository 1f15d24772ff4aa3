//! A picture in a pool, as messages carry it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use camweave_pool::Reference;
use camweave_vision::{PictureLayout, Plane, Planes};

use crate::MessageError;
use crate::columns::{Columns, Reader, items, primitive};

/// A weak reference to a picture in a pool, and how it lies there.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRef {
    /// Size, pixel format, colour and planes; offsets from the slot's start.
    pub layout: PictureLayout,
    /// The slot.
    pub slot: Reference,
}

fn plane_fields() -> Fields {
    Fields::from(vec![
        Field::new("offset", DataType::UInt32, false),
        Field::new("stride", DataType::UInt32, false),
    ])
}

pub(crate) fn write_references<'a>(
    columns: &mut Columns,
    slots: impl Iterator<Item = Option<&'a Reference>> + Clone,
) {
    let pools = slots
        .clone()
        .map(|slot| slot.map_or_else(String::new, |it| it.pool.to_string()));
    columns.strings("pool", pools);
    columns.numbers::<UInt32Type>(
        "slot",
        slots.clone().map(|slot| slot.map_or(0, |it| it.slot)),
    );
    columns.numbers::<UInt32Type>(
        "generation",
        slots.map(|slot| slot.map_or(0, |it| it.generation)),
    );
}

pub(crate) fn read_references(
    reader: &Reader<'_>,
    present: impl Fn(usize) -> bool,
) -> Result<Vec<Option<Reference>>, MessageError> {
    let pool = reader.strings("pool")?;
    let slot = reader.numbers::<UInt32Type>("slot")?;
    let generation = reader.numbers::<UInt32Type>("generation")?;
    (0..reader.rows())
        .map(|row| {
            if !present(row) {
                return Ok(None);
            }
            Ok(Some(Reference {
                pool: reader.parsed("pool", row, pool.value(row))?,
                slot: slot.value(row),
                generation: generation.value(row),
            }))
        })
        .collect()
}

/// Writes the picture columns into `columns`; an absent picture gets zeros and empty text.
pub(crate) fn write_pictures<'a>(
    columns: &mut Columns,
    pictures: impl Iterator<Item = Option<&'a PictureRef>> + Clone,
) {
    let layouts = pictures.clone().map(|picture| picture.map(|it| &it.layout));
    columns.numbers::<UInt32Type>(
        "width",
        layouts.clone().map(|it| it.map_or(0, |it| it.width)),
    );
    columns.numbers::<UInt32Type>(
        "height",
        layouts.clone().map(|it| it.map_or(0, |it| it.height)),
    );
    columns.strings(
        "format",
        layouts
            .clone()
            .map(|it| it.map_or("", |it| it.format.as_str())),
    );
    columns.strings(
        "matrix",
        layouts
            .clone()
            .map(|it| it.map_or("", |it| it.matrix.as_str())),
    );
    columns.strings(
        "range",
        layouts
            .clone()
            .map(|it| it.map_or("", |it| it.range.as_str())),
    );
    let lengths: Vec<usize> = layouts
        .clone()
        .map(|it| it.map_or(0, |it| it.planes.len()))
        .collect();
    let planes = || {
        layouts
            .clone()
            .flatten()
            .flat_map(|layout| layout.planes.iter())
    };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(primitive::<UInt32Type>(planes().map(|it| it.offset))),
        Arc::new(primitive::<UInt32Type>(planes().map(|it| it.stride))),
    ];
    let values = StructArray::new(plane_fields(), arrays, None);
    columns.list("planes", &lengths, Arc::new(values), false);
    write_references(columns, pictures.map(|picture| picture.map(|it| &it.slot)));
}

/// Reads the picture columns; rows that are not `present` give `None`.
pub(crate) fn read_pictures(
    reader: &Reader<'_>,
    present: impl Fn(usize) -> bool,
) -> Result<Vec<Option<PictureRef>>, MessageError> {
    let width = reader.numbers::<UInt32Type>("width")?;
    let height = reader.numbers::<UInt32Type>("height")?;
    let format = reader.strings("format")?;
    let matrix = reader.strings("matrix")?;
    let range = reader.strings("range")?;
    let lists = reader.lists("planes")?;
    let values = lists
        .values()
        .as_struct_opt()
        .ok_or_else(|| MessageError::FieldType {
            schema: reader.schema,
            field: "planes".to_owned(),
            expected: "List<Struct>".to_owned(),
            found: lists.data_type().to_string(),
        })?;
    let inner = Reader::nested(reader.schema, "planes", values);
    let offset = inner.numbers::<UInt32Type>("offset")?;
    let stride = inner.numbers::<UInt32Type>("stride")?;
    read_references(reader, present)?
        .into_iter()
        .enumerate()
        .map(|(row, slot)| {
            let Some(slot) = slot else { return Ok(None) };
            let planes: Vec<Plane> = items(lists, row)
                .map(|item| Plane {
                    offset: offset.value(item),
                    stride: stride.value(item),
                })
                .collect();
            let planes = Planes::try_from(planes).map_err(|error| {
                reader.value(
                    "planes",
                    row,
                    format!("a list of {}", items(lists, row).len()),
                    error.to_string(),
                )
            })?;
            let layout = PictureLayout {
                width: width.value(row),
                height: height.value(row),
                format: reader.parsed("format", row, format.value(row))?,
                matrix: reader.parsed("matrix", row, matrix.value(row))?,
                range: reader.parsed("range", row, range.value(row))?,
                planes,
            };
            // A layout that contradicts itself never reaches a stage.
            layout.required_bytes().map_err(|error| {
                reader.value(
                    "planes",
                    row,
                    format!(
                        "{}x{} {}",
                        layout.width,
                        layout.height,
                        layout.format.as_str()
                    ),
                    error.to_string(),
                )
            })?;
            Ok(Some(PictureRef { layout, slot }))
        })
        .collect()
}
