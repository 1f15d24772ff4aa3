use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, BooleanArray, StructArray};
use camweave_pool::Reference;
use camweave_vision::{Letterbox, LetterboxError};

use crate::columns::{Columns, Reader};
use crate::identity::{read_identity, read_traces, write_identity, write_traces};
use crate::picture::{read_pictures, read_references, write_pictures, write_references};
use crate::{FrameId, MessageError, PictureRef, Row, Trace};

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

    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let ids = read_identity(&reader)?;
        let picture = reader.typed("picture", "Struct", |column| column.as_struct_opt())?;
        let pictures = read_pictures(&Reader::nested(Self::SCHEMA, "picture", picture), |_| true)?;
        let model_width = reader.numbers::<UInt32Type>("model_width")?;
        let model_height = reader.numbers::<UInt32Type>("model_height")?;
        let model = reader.strings("model")?;
        let class_names = reader.strings("class_names")?;
        let end_to_end = reader.typed("end_to_end", "Boolean", |column| column.as_boolean_opt())?;
        let head_rows = reader.numbers::<UInt32Type>("rows")?;
        let head_columns = reader.numbers::<UInt32Type>("columns")?;
        let tensors = read_references(&reader, |_| true)?;
        let position = reader.numbers::<UInt32Type>("row")?;
        let traces = read_traces(&reader)?;
        let mut names = Interned::default();
        let mut models = Interned::default();
        ids.into_iter()
            .zip(pictures.into_iter().flatten())
            .zip(tensors.into_iter().flatten())
            .zip(traces)
            .enumerate()
            .map(|(row, (((id, picture), tensor), trace))| {
                let model_size = (model_width.value(row), model_height.value(row));
                if model_size.0 == 0 || model_size.1 == 0 {
                    let value = format!("{}x{}", model_size.0, model_size.1);
                    return Err(reader.value("model_width", row, value, "a size above 0x0"));
                }
                Ok(Self {
                    id,
                    trace,
                    picture,
                    model_size,
                    model: models.get(model.value(row)),
                    class_names: names.get(class_names.value(row)),
                    end_to_end: end_to_end.value(row),
                    shape: TensorShape {
                        rows: head_rows.value(row),
                        columns: head_columns.value(row),
                    },
                    tensor,
                    row: position.value(row),
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

/// Rows of a batch name the same model: one allocation serves them all.
#[derive(Default)]
pub(crate) struct Interned(Option<Arc<str>>);

impl Interned {
    pub fn get(&mut self, text: &str) -> Arc<str> {
        match &self.0 {
            Some(last) if **last == *text => Arc::clone(last),
            _ => Arc::clone(self.0.insert(Arc::from(text))),
        }
    }
}
