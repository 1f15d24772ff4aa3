//! A picture in a pool, as messages carry it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, ListArray, StringArray, StructArray, UInt32Array};
use arrow_schema::{DataType, Field, Fields};
use camweave_pool::{MAX_SLOTS, Reference};
use camweave_vision::{PictureLayout, Plane, Planes};

use crate::MessageError;
use crate::columns::{Columns, Reader, items, primitive};
use crate::limits::MAX_POOL_ID_BYTES;

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

/// The columns of a reference.
pub(crate) struct References<'a> {
    reader: Reader<'a>,
    pool: &'a StringArray,
    slot: &'a UInt32Array,
    generation: &'a UInt32Array,
}

impl<'a> References<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            reader: *reader,
            pool: reader.strings("pool")?,
            slot: reader.numbers::<UInt32Type>("slot")?,
            generation: reader.numbers::<UInt32Type>("generation")?,
        })
    }

    pub fn get(&self, row: usize) -> Result<Reference, MessageError> {
        let reader = &self.reader;
        let pool = self.pool.value(row);
        reader.text("pool", row, pool, 1..=MAX_POOL_ID_BYTES)?;
        Ok(Reference {
            pool: reader.parsed("pool", row, pool)?,
            slot: reader.within("slot", row, self.slot.value(row), 0..=MAX_SLOTS - 1)?,
            generation: reader.within(
                "generation",
                row,
                self.generation.value(row),
                1..=u32::MAX,
            )?,
        })
    }
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

/// The columns of a picture.
pub(crate) struct Pictures<'a> {
    reader: Reader<'a>,
    slots: References<'a>,
    width: &'a UInt32Array,
    height: &'a UInt32Array,
    format: &'a StringArray,
    matrix: &'a StringArray,
    range: &'a StringArray,
    planes: &'a ListArray,
    offset: &'a UInt32Array,
    stride: &'a UInt32Array,
}

impl<'a> Pictures<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        let planes = reader.lists("planes")?;
        let values = planes
            .values()
            .as_struct_opt()
            .ok_or_else(|| reader.wrong_type("planes", "List<Struct>", planes))?;
        let inner = Reader::nested(reader.schema, "planes", values);
        Ok(Self {
            reader: *reader,
            slots: References::open(reader)?,
            width: reader.numbers::<UInt32Type>("width")?,
            height: reader.numbers::<UInt32Type>("height")?,
            format: reader.strings("format")?,
            matrix: reader.strings("matrix")?,
            range: reader.strings("range")?,
            planes,
            offset: inner.numbers::<UInt32Type>("offset")?,
            stride: inner.numbers::<UInt32Type>("stride")?,
        })
    }

    pub fn get(&self, row: usize) -> Result<PictureRef, MessageError> {
        let reader = &self.reader;
        let slot = self.slots.get(row)?;
        let found = items(self.planes, row);
        let count = found.len();
        // No format has more, and a list may be of any length.
        let planes: Vec<Plane> = found
            .take(Planes::MOST + 1)
            .map(|item| Plane {
                offset: self.offset.value(item),
                stride: self.stride.value(item),
            })
            .collect();
        let planes = Planes::try_from(planes).map_err(|error| {
            reader.value(
                "planes",
                row,
                format!("a list of {count}"),
                error.to_string(),
            )
        })?;
        let layout = PictureLayout {
            width: self.width.value(row),
            height: self.height.value(row),
            format: reader.parsed("format", row, self.format.value(row))?,
            matrix: reader.parsed("matrix", row, self.matrix.value(row))?,
            range: reader.parsed("range", row, self.range.value(row))?,
            planes,
        };
        // A layout that contradicts itself never reaches a stage.
        layout.required_bytes().map_err(|error| {
            let (width, height) = (layout.width, layout.height);
            let value = format!("{width}x{height} {}", layout.format.as_str());
            reader.value("planes", row, value, error.to_string())
        })?;
        Ok(PictureRef { layout, slot })
    }
}
