//! What a model gives of an object beside its box: optional columns of detections.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, Float32Array, ListArray};

use crate::attributes::{Attribute, AttributeColumn, write_attributes};
use crate::columns::{Columns, Reader, items};
use crate::detections::DetectedBox;
use crate::limits::{MAX_ANGLE, MAX_BOX_SIZES, MAX_BOX_VALUES, MAX_FRAME_VALUES};
use crate::{Detections, MessageError};

/// What a model gives of an object beside its box. It stays with the box wherever boxes are
/// reordered or dropped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras {
    /// The object's outline, a closed polygon: x and y of one point after the other, in
    /// source-image pixels, inside the image.
    pub mask: Option<Arc<[f32]>>,
    /// x, y and confidence (0 to 1) of one keypoint after the other; points in source-image pixels,
    /// inside the image.
    pub keypoints: Option<Arc<[f32]>>,
    /// `[x, y, width, height, angle]`: the centre and the sides in source-image pixels, and the
    /// radians by which the rectangle is rotated, clockwise as displayed. `bbox` encloses it.
    pub oriented: Option<[f32; 5]>,
    /// What the object looks like to a model, as a vector of length 1: the scalar product of two of
    /// one model is their similarity.
    pub embedding: Option<Arc<[f32]>>,
    /// What models of a second stage give, one of each name.
    pub attributes: Vec<Attribute>,
}

/// What the values of a box must be, in an image of this width and height, as far as those given are not.
type Check = fn(&[f32], (u32, u32)) -> Result<(), &'static str>;

/// A column with a list of numbers for each box.
struct BoxLists {
    field: &'static str,
    get: fn(&Extras) -> Option<&Arc<[f32]>>,
    slot: fn(&mut Extras) -> &mut Option<Arc<[f32]>>,
    check: Check,
}

/// All such columns.
static BOX_LISTS: [BoxLists; 3] = [
    BoxLists {
        field: "masks",
        get: |extras| extras.mask.as_ref(),
        slot: |extras| &mut extras.mask,
        check: check_outline,
    },
    BoxLists {
        field: "keypoints",
        get: |extras| extras.keypoints.as_ref(),
        slot: |extras| &mut extras.keypoints,
        check: check_keypoints,
    },
    BoxLists {
        field: "embeddings",
        get: |extras| extras.embedding.as_ref(),
        slot: |extras| &mut extras.embedding,
        check: check_embedding,
    },
];

fn is_inside(point: &[f32], (width, height): (u32, u32)) -> bool {
    (0.0..=width as f32).contains(&point[0]) && (0.0..=height as f32).contains(&point[1])
}

fn check_outline(values: &[f32], image_size: (u32, u32)) -> Result<(), &'static str> {
    let mut points = values.chunks_exact(2);
    if points.all(|point| is_inside(point, image_size)) && points.remainder().is_empty() {
        return Ok(());
    }
    Err("x and y of each point of an outline, inside the image")
}

fn check_keypoints(values: &[f32], image_size: (u32, u32)) -> Result<(), &'static str> {
    let mut points = values.chunks_exact(3);
    let is_point = |point: &[f32]| is_inside(point, image_size) && (0.0..=1.0).contains(&point[2]);
    if points.all(is_point) && points.remainder().is_empty() {
        return Ok(());
    }
    Err("x, y and a confidence of 0 to 1 of each keypoint, inside the image")
}

fn check_embedding(values: &[f32], _: (u32, u32)) -> Result<(), &'static str> {
    // Rounded to 16 bits, a vector of length 1 may have a component a little above.
    if values.iter().all(|value| value.abs() <= 1.01) {
        return Ok(());
    }
    Err("a vector of length 1")
}

/// Whether an oriented box is near the image, with an angle of at most a turn.
fn is_oriented([x, y, w, h, angle]: [f32; 5], (width, height): (u32, u32)) -> bool {
    let (width, height) = (MAX_BOX_SIZES * width as f32, MAX_BOX_SIZES * height as f32);
    let sides = 0.0..=2.0 * width.max(height);
    x.abs() <= width
        && y.abs() <= height
        && sides.contains(&w)
        && sides.contains(&h)
        && angle.abs() <= MAX_ANGLE
}

impl Extras {
    /// Whether messages carry these, in a frame of this width and height.
    #[must_use]
    pub fn is_valid(&self, image_size: (u32, u32)) -> bool {
        let lists = BOX_LISTS.iter().all(|column| {
            (column.get)(self).is_none_or(|values| {
                values.len() <= MAX_BOX_VALUES && (column.check)(values, image_size).is_ok()
            })
        });
        lists && (self.oriented).is_none_or(|oriented| is_oriented(oriented, image_size))
    }

    /// Bytes outside of the box itself.
    pub(crate) fn bytes(&self) -> usize {
        let lists = BOX_LISTS.iter().filter_map(|column| (column.get)(self));
        let lists: usize = lists.map(|values| size_of_val::<[f32]>(values)).sum();
        lists + size_of_val::<[Attribute]>(&self.attributes)
    }
}

impl DetectedBox {
    /// The rectangle of [`Extras::oriented`]; of another box the box itself, which is not rotated.
    #[must_use]
    pub fn oriented(&self) -> [f32; 5] {
        let [x1, y1, x2, y2] = self.bbox;
        (self.extras.oriented).unwrap_or([(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1, 0.0])
    }
}

/// Writes the columns that some row has something for.
pub(crate) fn write_extras(columns: &mut Columns, rows: &[Detections]) {
    for column in &BOX_LISTS {
        let get = |item: &DetectedBox| (column.get)(&item.extras).is_some();
        if !rows.iter().any(|row| row.boxes.iter().any(get)) {
            continue;
        }
        columns.nested_lists::<Float32Type>(
            column.field,
            rows.iter().map(|row| {
                let is_some = row.boxes.iter().any(get);
                let boxes = row.boxes.iter().filter(|_| is_some);
                boxes
                    .map(|item| (column.get)(&item.extras).map_or(&[][..], |values| &values[..]))
                    .collect()
            }),
        );
    }
    let has_oriented = |row: &Detections| row.boxes.iter().any(|it| it.extras.oriented.is_some());
    if rows.iter().any(has_oriented) {
        columns.number_lists::<Float32Type>(
            "oriented",
            rows.iter().map(|row| {
                let boxes = row.boxes.iter().filter(|_| has_oriented(row));
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

/// A column has an entry for each box of a row, or none in that row.
pub(crate) fn check_count(
    reader: &Reader<'_>,
    field: &str,
    row: usize,
    found: usize,
    boxes: usize,
) -> Result<(), MessageError> {
    if found == 0 || found == boxes {
        return Ok(());
    }
    let expected = format!("none or one for each of {boxes} boxes");
    Err(reader.value(field, row, format!("{found} entries"), expected))
}

fn shown(values: &[f32]) -> String {
    const MOST: usize = 6;
    let more = if values.len() > MOST { ", ..." } else { "" };
    let first: Vec<String> = values.iter().take(MOST).map(f32::to_string).collect();
    format!("[{}{more}]", first.join(", "))
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
