//! Which parts of a camera's frames are looked at: optional columns of all rows before detections.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{Float32Array, ListArray, UInt32Array};
use camweave_vision::{Crop, Polygon, Region};

use crate::MessageError;
use crate::columns::{Columns, Reader, items};
use crate::extras::shown;
use crate::limits::MAX_IGNORED;

const REGION: &str = "region";
const IGNORE: &str = "ignore";
const CROP: &str = "crop";

/// Which parts of a camera's upright frames are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Areas {
    /// What the detector is given; `None`: the whole frame.
    pub region: Option<Region>,
    /// Where objects are not reported.
    pub ignored: Ignored,
}

impl Areas {
    /// Whether the whole frame is looked at, and nothing is ignored.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.region.is_none() && self.ignored.0.is_none()
    }

    /// Whether what is at a point, in parts of the frame, can be reported.
    #[must_use]
    pub fn show(&self, point: [f32; 2]) -> bool {
        self.region.is_none_or(|region| region.contains(point)) && !self.ignored.contain(point)
    }
}

/// Areas in which objects are not reported. Cloning shares them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ignored(Option<Arc<[Polygon]>>);

impl Ignored {
    /// These polygons; `None`: more than a message carries.
    #[must_use]
    pub fn new(polygons: Vec<Polygon>) -> Option<Self> {
        (polygons.len() <= MAX_IGNORED)
            .then(|| Self((!polygons.is_empty()).then(|| Arc::from(polygons))))
    }

    /// The polygons.
    #[must_use]
    pub fn polygons(&self) -> &[Polygon] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether a point, in parts of the frame, is in one of them.
    #[must_use]
    pub fn contain(&self, point: [f32; 2]) -> bool {
        self.polygons().iter().any(|it| it.contains(point))
    }

    /// Bytes of the polygons.
    pub(crate) fn bytes(&self) -> usize {
        let polygons = self.polygons().iter();
        polygons.map(|it| size_of_val(it.values())).sum()
    }
}

/// Writes the columns of rows that a camera's source or decoder sends.
pub(crate) fn write_areas<'a>(
    columns: &mut Columns,
    rows: impl Iterator<Item = &'a Areas> + Clone,
) {
    if rows.clone().any(|row| row.region.is_some()) {
        let edges = |row: &Areas| row.region.map_or_else(Vec::new, |it| it.edges().to_vec());
        columns.number_lists::<Float32Type>(REGION, rows.clone().map(edges));
    }
    write_ignored(columns, rows.map(|row| &row.ignored));
}

/// Writes the column of ignored areas, if a row has one.
pub(crate) fn write_ignored<'a>(
    columns: &mut Columns,
    rows: impl Iterator<Item = &'a Ignored> + Clone,
) {
    if rows.clone().any(|row| row.0.is_some()) {
        let values = |row: &'a Ignored| row.polygons().iter().map(Polygon::values).collect();
        columns.nested_lists::<Float32Type>(IGNORE, rows.map(values));
    }
}

/// Writes the column of the frames' parts that a network has seen, if a row has one.
pub(crate) fn write_crops(columns: &mut Columns, rows: impl Iterator<Item = Option<Crop>> + Clone) {
    if rows.clone().any(|row| row.is_some()) {
        let numbers = |row: Option<Crop>| {
            row.map_or_else(Vec::new, |crop| {
                let ((x, y), (width, height)) = (crop.position(), crop.size());
                vec![x, y, width, height]
            })
        };
        columns.number_lists::<UInt32Type>(CROP, rows.map(numbers));
    }
}

/// The columns of [`Areas`].
pub(crate) struct AreaColumns<'a> {
    reader: Reader<'a>,
    regions: Option<(&'a ListArray, &'a Float32Array)>,
    ignored: IgnoredColumn<'a>,
}

impl<'a> AreaColumns<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            reader: *reader,
            regions: reader.optional(REGION, Reader::number_items::<Float32Type>)?,
            ignored: IgnoredColumn::open(reader)?,
        })
    }

    pub fn get(&self, row: usize) -> Result<Areas, MessageError> {
        let values = (self.regions).map_or(&[][..], |(lists, values)| {
            &values.values()[items(lists, row)]
        });
        let region = match *values {
            [] => None,
            [x1, y1, x2, y2] => Region::new([x1, y1, x2, y2]),
            _ => None,
        };
        if region.is_none() && !values.is_empty() {
            return Err(self.reader.value(REGION, row, shown(values), Region::RULE));
        }
        Ok(Areas {
            region,
            ignored: self.ignored.get(row)?,
        })
    }
}

/// The column of ignored areas.
pub(crate) struct IgnoredColumn<'a> {
    reader: Reader<'a>,
    column: Option<Polygons<'a>>,
}

/// Lists of polygons, and these as lists of numbers.
struct Polygons<'a> {
    rows: &'a ListArray,
    polygons: &'a ListArray,
    values: &'a Float32Array,
}

impl<'a> IgnoredColumn<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        let rows = reader.optional(IGNORE, Reader::lists)?;
        let column = rows.map(|rows| {
            let polygons = rows.values().as_list_opt::<i32>();
            let values = polygons.and_then(|it| it.values().as_primitive_opt::<Float32Type>());
            let column = polygons.zip(values).map(|(polygons, values)| Polygons {
                rows,
                polygons,
                values,
            });
            column.ok_or_else(|| reader.wrong_type(IGNORE, "List<List<Float32>>", rows))
        });
        Ok(Self {
            reader: *reader,
            column: column.transpose()?,
        })
    }

    pub fn get(&self, row: usize) -> Result<Ignored, MessageError> {
        let Some(column) = &self.column else {
            return Ok(Ignored::default());
        };
        let found = items(column.rows, row);
        if found.len() > MAX_IGNORED {
            let value = format!("a list of {}", found.len());
            let expected = format!("at most {MAX_IGNORED} polygons");
            return Err(self.reader.value(IGNORE, row, value, expected));
        }
        let polygon = |index| {
            let values = &column.values.values()[items(column.polygons, index)];
            Polygon::new(values)
                .ok_or_else(|| (self.reader).value(IGNORE, row, shown(values), Polygon::RULE))
        };
        let polygons = found.map(polygon).collect::<Result<Vec<_>, _>>()?;
        Ok(Ignored::new(polygons).unwrap_or_default())
    }
}

/// The column of the frames' parts that a network has seen.
pub(crate) struct CropColumn<'a> {
    reader: Reader<'a>,
    column: Option<(&'a ListArray, &'a UInt32Array)>,
}

impl<'a> CropColumn<'a> {
    pub fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            reader: *reader,
            column: reader.optional(CROP, Reader::number_items::<UInt32Type>)?,
        })
    }

    /// `size`: width and height of the row's frame.
    pub fn get(&self, row: usize, size: (u32, u32)) -> Result<Option<Crop>, MessageError> {
        let values = (self.column).map_or(&[][..], |(lists, values)| {
            &values.values()[items(lists, row)]
        });
        let crop = match *values {
            [] => return Ok(None),
            [x, y, width, height] => Crop::new((x, y), (width, height)),
            _ => None,
        };
        match crop.filter(|crop| crop.is_inside(size)) {
            Some(crop) => Ok(Some(crop)),
            None => {
                let value = format!("{:?}", &values[..values.len().min(5)]);
                let expected = format!(
                    "[x, y, width, height] of a part of the frame of {}x{} that begins at even pixels",
                    size.0, size.1
                );
                Err(self.reader.value(CROP, row, value, expected))
            }
        }
    }
}
