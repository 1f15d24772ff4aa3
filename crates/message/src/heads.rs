use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, BooleanArray, StructArray, UInt32Array};
use camweave_pool::Reference;
use camweave_vision::{Letterbox, LetterboxError};

use crate::columns::{Columns, Reader};
use crate::identity::{write_identity, write_traces};
use crate::interned::Interned;
use crate::limits::{
    MAX_CLASS_NAMES_BYTES, MAX_CLASSES, MAX_DIMENSION, MAX_HEAD_BYTES, MAX_HEAD_SIDE,
    MAX_LABEL_BYTES, MAX_MODEL_BYTES, MAX_ROWS,
};
use crate::picture::{Pictures, References, write_pictures, write_references};
use crate::received::read_rows;
use crate::text::quoted;
use crate::{FrameId, MessageError, PictureRef, Received, Row, Trace};

/// The shape of one frame's head: `[rows, columns]`, float32, row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorShape {
    /// `4 + classes` of a YOLOv8 layout, or the boxes of an end-to-end one.
    pub rows: u32,
    /// The anchors of a YOLOv8 layout, or 6 of an end-to-end one.
    pub columns: u32,
}

impl TensorShape {
    /// Bytes of one frame's head.
    pub fn bytes(self) -> usize {
        self.rows as usize * self.columns as usize * size_of::<f32>()
    }
}

/// The raw network output of one frame, in a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// The picture that the network saw.
    pub picture: PictureRef,
    /// Width and height of the network's input, in pixels; with the picture's size it fixes the letterbox.
    pub model_size: (u32, u32),
    /// The model: its file name and the beginning of its SHA-256.
    pub model: Arc<str>,
    /// Class names, one per line, in the order of class ids.
    pub class_names: Arc<str>,
    /// Whether the network has suppressed overlaps itself (YOLOv10, YOLO26: rows of `x1, y1, x2, y2, score, class`).
    pub end_to_end: bool,
    /// The shape of this frame's head.
    pub shape: TensorShape,
    /// The slot that holds the batch's heads, one after the other.
    pub tensor: Reference,
    /// This frame's position in the batch: its head begins at `row * shape.bytes()`.
    pub row: u32,
}

impl Head {
    /// The letterbox between the picture and the network's input.
    ///
    /// # Errors
    /// If one of the sizes is zero.
    pub fn letterbox(&self) -> Result<Letterbox, LetterboxError> {
        let source = (self.picture.layout.width, self.picture.layout.height);
        Letterbox::new(source, self.model_size)
    }
}

impl Row for Head {
    const SCHEMA: &'static str = "camweave.heads/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        let mut picture = Columns::default();
        write_pictures(&mut picture, rows.iter().map(|row| Some(&row.picture)));
        columns.push("picture", false, picture.finish());
        columns.numbers::<UInt32Type>("model_width", rows.iter().map(|row| row.model_size.0));
        columns.numbers::<UInt32Type>("model_height", rows.iter().map(|row| row.model_size.1));
        columns.strings("model", rows.iter().map(|row| &*row.model));
        columns.strings("class_names", rows.iter().map(|row| &*row.class_names));
        let end_to_end: Vec<bool> = rows.iter().map(|row| row.end_to_end).collect();
        columns.push("end_to_end", false, BooleanArray::from(end_to_end));
        columns.numbers::<UInt32Type>("rows", rows.iter().map(|row| row.shape.rows));
        columns.numbers::<UInt32Type>("columns", rows.iter().map(|row| row.shape.columns));
        write_references(&mut columns, rows.iter().map(|row| Some(&row.tensor)));
        columns.numbers::<UInt32Type>("row", rows.iter().map(|row| row.row));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let picture = reader.typed("picture", "Struct", |column| column.as_struct_opt())?;
        let pictures = Pictures::open(&Reader::nested(Self::SCHEMA, "picture", picture))?;
        let model_width = reader.numbers::<UInt32Type>("model_width")?;
        let model_height = reader.numbers::<UInt32Type>("model_height")?;
        let model = reader.strings("model")?;
        let class_names = reader.strings("class_names")?;
        let end_to_end = reader.typed("end_to_end", "Boolean", |column| column.as_boolean_opt())?;
        let head_rows = reader.numbers::<UInt32Type>("rows")?;
        let head_columns = reader.numbers::<UInt32Type>("columns")?;
        let tensors = References::open(&reader)?;
        let position = reader.numbers::<UInt32Type>("row")?;
        let mut names = Interned::default();
        let mut models = Interned::default();
        read_rows(
            &reader,
            |_| true,
            |row, id, trace| {
                let side = |field, column: &UInt32Array| {
                    reader.within(field, row, column.value(row), 1..=MAX_DIMENSION)
                };
                reader.text("model", row, model.value(row), 0..=MAX_MODEL_BYTES)?;
                let shape = TensorShape {
                    rows: head_rows.value(row),
                    columns: head_columns.value(row),
                };
                check_shape(&reader, row, shape)?;
                Ok(Self {
                    id,
                    trace,
                    picture: pictures.get(row)?,
                    model_size: (
                        side("model_width", model_width)?,
                        side("model_height", model_height)?,
                    ),
                    model: models.get(model.value(row)),
                    class_names: names.checked(class_names.value(row), |text| {
                        check_class_names(&reader, row, text)
                    })?,
                    end_to_end: end_to_end.value(row),
                    shape,
                    tensor: tensors.get(row)?,
                    row: reader.within("row", row, position.value(row), 0..=MAX_ROWS as u32)?,
                })
            },
        )
    }

    fn bytes(&self) -> usize {
        self.class_names.len()
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

/// A head that no slot can hold, or with more classes than there may be.
fn check_shape(reader: &Reader<'_>, row: usize, shape: TensorShape) -> Result<(), MessageError> {
    reader.within("rows", row, shape.rows, 0..=MAX_HEAD_SIDE)?;
    reader.within("columns", row, shape.columns, 0..=MAX_HEAD_SIDE)?;
    let values = u64::from(shape.rows) * u64::from(shape.columns);
    if values * size_of::<f32>() as u64 <= MAX_HEAD_BYTES {
        return Ok(());
    }
    let value = format!("{} of {} columns", shape.rows, shape.columns);
    let expected = format!("a head of at most {MAX_HEAD_BYTES} bytes");
    Err(reader.value("rows", row, value, expected))
}

fn check_class_names(reader: &Reader<'_>, row: usize, text: &str) -> Result<(), MessageError> {
    if text.len() > MAX_CLASS_NAMES_BYTES {
        let expected = format!("at most {MAX_CLASS_NAMES_BYTES} bytes");
        return Err(reader.value("class_names", row, quoted(text), expected));
    }
    let mut count = 0;
    for name in text.split('\n') {
        reader.text("class_names", row, name, 0..=MAX_LABEL_BYTES)?;
        count += 1;
    }
    reader.within("class_names", row, count, 0..=MAX_CLASSES)?;
    Ok(())
}
