use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type, UInt64Type};
use arrow_array::{Array, StructArray};
use arrow_buffer::NullBuffer;

use crate::columns::{Columns, Reader, items};
use crate::heads::Interned;
use crate::identity::{read_identity, read_traces, write_identity, write_traces};
use crate::picture::{read_pictures, write_pictures};
use crate::{FrameId, MessageError, PictureRef, Row, Trace};

/// One detected object.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedBox {
    /// `[x1, y1, x2, y2]` in source-image pixels.
    pub bbox: [f32; 4],
    /// 0 to 1.
    pub score: f32,
    /// The model's class id.
    pub class_id: u32,
    /// The class's name.
    pub label: Arc<str>,
    /// Unique within the camera; absent where nothing tracked it.
    pub track_id: Option<u64>,
}

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

    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let ids = read_identity(&reader)?;
        let width = reader.numbers::<UInt32Type>("width")?;
        let height = reader.numbers::<UInt32Type>("height")?;
        let model = reader.strings("model")?;
        let (bbox_lists, bbox) = reader.number_items::<Float32Type>("bbox")?;
        let (conf_lists, conf) = reader.number_items::<Float32Type>("conf")?;
        let label_lists = reader.lists("labels")?;
        let labels = label_lists
            .values()
            .as_string_opt::<i32>()
            .ok_or_else(|| reader.value("labels", 0, "another type", "List<Utf8>"))?;
        let (class_lists, class_ids) = reader.number_items::<UInt32Type>("class_ids")?;
        let (track_lists, track_ids) = reader.number_items::<UInt64Type>("track_ids")?;
        let picture = reader.nullable_struct("picture")?;
        let pictures = read_pictures(&Reader::nested(Self::SCHEMA, "picture", picture), |row| {
            picture.is_valid(row)
        })?;
        let traces = read_traces(&reader)?;
        let mut models = Interned::default();
        let mut names = Interned::default();
        ids.into_iter()
            .zip(pictures)
            .zip(traces)
            .enumerate()
            .map(|(row, ((id, picture), trace))| {
                let corners = items(bbox_lists, row);
                let count = items(conf_lists, row).len();
                for (field, found, expected) in [
                    ("bbox", corners.len(), 4 * count),
                    ("labels", items(label_lists, row).len(), count),
                    ("class_ids", items(class_lists, row).len(), count),
                    ("track_ids", items(track_lists, row).len(), count),
                ] {
                    if found != expected {
                        return Err(reader.value(
                            field,
                            row,
                            format!("a list of {found}"),
                            format!("{expected} items, as 'conf' has {count}"),
                        ));
                    }
                }
                let boxes = (0..count)
                    .map(|index| {
                        let corner = |k: usize| bbox.value(corners.start + 4 * index + k);
                        let track = items(track_lists, row).start + index;
                        DetectedBox {
                            bbox: [corner(0), corner(1), corner(2), corner(3)],
                            score: conf.value(items(conf_lists, row).start + index),
                            class_id: class_ids.value(items(class_lists, row).start + index),
                            label: names.get(labels.value(items(label_lists, row).start + index)),
                            track_id: track_ids.is_valid(track).then(|| track_ids.value(track)),
                        }
                    })
                    .collect();
                Ok(Self {
                    id,
                    trace,
                    image_size: (width.value(row), height.value(row)),
                    picture,
                    model: models.get(model.value(row)),
                    boxes,
                })
            })
            .collect()
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
