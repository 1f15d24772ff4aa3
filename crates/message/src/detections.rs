use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, Float32Array, ListArray, StringArray, StructArray, UInt32Array, UInt64Array,
};
use arrow_buffer::NullBuffer;

use crate::columns::{Columns, Reader, items};
use crate::detected_box::DetectedBox;
use crate::extra_columns::{ExtraColumns, write_extras};
use crate::identity::{write_identity, write_traces};
use crate::interned::Interned;
use crate::limits::{
    MAX_BOX_SIZES, MAX_BOXES, MAX_CLASSES, MAX_DIMENSION, MAX_LABEL_BYTES, MAX_MODEL_BYTES,
};
use crate::picture::{Pictures, write_pictures};
use crate::received::read_rows;
use crate::{FrameId, MessageError, PictureRef, Received, Row, Trace};

/// What was seen in one frame; an empty frame is a row with no boxes.
///
/// The columns `bbox`, `conf` and `labels` are those of dora-hub's boxes, so a
/// message of one row is a message that hub nodes read as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// Width and height of the source image, in pixels.
    pub image_size: (u32, u32),
    /// The picture, for stages that look at it again; it may have expired.
    pub picture: Option<PictureRef>,
    /// The model: its file name and the beginning of its SHA-256.
    pub model: Arc<str>,
    /// The objects, by falling score.
    pub boxes: Vec<DetectedBox>,
}

/// The columns of the boxes, lists of one length each.
struct Boxes<'a> {
    reader: Reader<'a>,
    bbox: (&'a ListArray, &'a Float32Array),
    conf: (&'a ListArray, &'a Float32Array),
    labels: (&'a ListArray, &'a StringArray),
    class_ids: (&'a ListArray, &'a UInt32Array),
    track_ids: (&'a ListArray, &'a UInt64Array),
    extras: ExtraColumns<'a>,
}

impl<'a> Boxes<'a> {
    fn open(reader: &Reader<'a>) -> Result<Self, MessageError> {
        let labels = reader.lists("labels")?;
        let names = labels.values().as_string_opt::<i32>();
        let names = names.ok_or_else(|| reader.wrong_type("labels", "List<Utf8>", labels))?;
        Ok(Self {
            reader: *reader,
            bbox: reader.number_items::<Float32Type>("bbox")?,
            conf: reader.number_items::<Float32Type>("conf")?,
            labels: (labels, names),
            class_ids: reader.number_items::<UInt32Type>("class_ids")?,
            track_ids: reader.number_items::<UInt64Type>("track_ids")?,
            extras: ExtraColumns::open(reader)?,
        })
    }

    fn get(
        &self,
        row: usize,
        image_size: (u32, u32),
        names: &mut Interned,
    ) -> Result<Vec<DetectedBox>, MessageError> {
        let reader = &self.reader;
        let first = self.check_lengths(row)?;
        let count = items(self.conf.0, row).len();
        let mut extras = self.extras.get(row, count, image_size)?.into_iter();
        (0..count)
            .map(|index| {
                let corner = |k: usize| self.bbox.1.value(first.bbox + 4 * index + k);
                let bbox = [corner(0), corner(1), corner(2), corner(3)];
                check_box(reader, row, bbox, image_size)?;
                let score = self.conf.1.value(first.conf + index);
                let class_id = self.class_ids.1.value(first.class_ids + index);
                let label = self.labels.1.value(first.labels + index);
                let track = first.track_ids + index;
                Ok(DetectedBox {
                    bbox,
                    score: reader.within("conf", row, score, 0.0..=1.0)?,
                    class_id: reader.within("class_ids", row, class_id, 0..=MAX_CLASSES - 1)?,
                    label: names.checked(label, |label| {
                        reader.text("labels", row, label, 0..=MAX_LABEL_BYTES)
                    })?,
                    track_id: (self.track_ids.1.is_valid(track))
                        .then(|| self.track_ids.1.value(track)),
                    extras: extras.next().unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Where the row's items begin in each list, which must have as many as `conf`.
    fn check_lengths(&self, row: usize) -> Result<First, MessageError> {
        let reader = &self.reader;
        let conf = items(self.conf.0, row);
        let count = conf.len();
        if count > MAX_BOXES {
            let expected = format!("at most {MAX_BOXES} boxes");
            return Err(reader.value("conf", row, format!("a list of {count}"), expected));
        }
        let begin = |field: &str, lists: &ListArray, expected: usize| {
            let found = items(lists, row);
            if found.len() == expected {
                return Ok(found.start);
            }
            let value = format!("a list of {}", found.len());
            let expected = format!("{expected} items, as 'conf' has {count}");
            Err(reader.value(field, row, value, expected))
        };
        Ok(First {
            bbox: begin("bbox", self.bbox.0, 4 * count)?,
            conf: conf.start,
            labels: begin("labels", self.labels.0, count)?,
            class_ids: begin("class_ids", self.class_ids.0, count)?,
            track_ids: begin("track_ids", self.track_ids.0, count)?,
        })
    }
}

/// A row's first item in each column.
struct First {
    bbox: usize,
    conf: usize,
    labels: usize,
    class_ids: usize,
    track_ids: usize,
}

/// A box has its corners in order, and near the image: no later arithmetic leaves the numbers.
fn check_box(
    reader: &Reader<'_>,
    row: usize,
    bbox: [f32; 4],
    (width, height): (u32, u32),
) -> Result<(), MessageError> {
    let [x1, y1, x2, y2] = bbox;
    let is_near = |edge: f32, side: u32| edge.abs() <= MAX_BOX_SIZES * side as f32;
    if is_near(x1, width)
        && is_near(x2, width)
        && is_near(y1, height)
        && is_near(y2, height)
        && x1 <= x2
        && y1 <= y2
    {
        return Ok(());
    }
    let expected = format!(
        "x1 <= x2, y1 <= y2, each within {MAX_BOX_SIZES} times the image of {width}x{height}"
    );
    Err(reader.value("bbox", row, format!("{bbox:?}"), expected))
}

impl Row for Detections {
    const SCHEMA: &'static str = "camweave.detections/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        columns.numbers::<UInt32Type>("width", rows.iter().map(|row| row.image_size.0));
        columns.numbers::<UInt32Type>("height", rows.iter().map(|row| row.image_size.1));
        columns.strings("model", rows.iter().map(|row| &*row.model));
        columns.number_lists::<Float32Type>(
            "bbox",
            rows.iter()
                .map(|row| row.boxes.iter().flat_map(|item| item.bbox).collect()),
        );
        columns.number_lists::<Float32Type>(
            "conf",
            rows.iter()
                .map(|row| row.boxes.iter().map(|item| item.score).collect()),
        );
        columns.string_lists(
            "labels",
            rows.iter()
                .map(|row| row.boxes.iter().map(|item| &*item.label).collect()),
        );
        columns.number_lists::<UInt32Type>(
            "class_ids",
            rows.iter()
                .map(|row| row.boxes.iter().map(|item| item.class_id).collect()),
        );
        let mut tracks = ListBuilder::new(UInt64Builder::new());
        for row in rows {
            tracks.append_value(row.boxes.iter().map(|item| item.track_id));
        }
        columns.push("track_ids", false, tracks.finish());
        let boxes: Vec<&[DetectedBox]> = rows.iter().map(|row| &row.boxes[..]).collect();
        write_extras(&mut columns, &boxes);
        let mut picture = Columns::default();
        write_pictures(&mut picture, rows.iter().map(|row| row.picture.as_ref()));
        let present: Vec<bool> = rows.iter().map(|row| row.picture.is_some()).collect();
        columns.push(
            "picture",
            true,
            picture.finish_with(Some(NullBuffer::from(present))),
        );
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let width = reader.numbers::<UInt32Type>("width")?;
        let height = reader.numbers::<UInt32Type>("height")?;
        let model = reader.strings("model")?;
        let boxes = Boxes::open(&reader)?;
        let picture = reader.nullable_struct("picture")?;
        let pictures = Pictures::open(&Reader::nested(Self::SCHEMA, "picture", picture))?;
        let mut models = Interned::default();
        let mut names = Interned::default();
        read_rows(
            &reader,
            |_| true,
            |row, id, trace| {
                let side = |field, column: &UInt32Array| {
                    reader.within(field, row, column.value(row), 1..=MAX_DIMENSION)
                };
                let image_size = (side("width", width)?, side("height", height)?);
                reader.text("model", row, model.value(row), 0..=MAX_MODEL_BYTES)?;
                let picture = picture.is_valid(row).then(|| pictures.get(row));
                Ok(Self {
                    id,
                    trace,
                    image_size,
                    picture: picture.transpose()?,
                    model: models.get(model.value(row)),
                    boxes: boxes.get(row, image_size, &mut names)?,
                })
            },
        )
    }

    fn bytes(&self) -> usize {
        let extras: usize = self.boxes.iter().map(|item| item.extras.bytes()).sum();
        self.boxes.len() * size_of::<DetectedBox>() + extras
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
