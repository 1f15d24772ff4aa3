use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, StructArray, UInt32Array};
use camweave_pool::Reference;
use camweave_vision::{Crop, Fit, HeadFormat, Letterbox, LetterboxError};

use crate::areas::{CropColumn, IgnoredColumn, write_crops, write_ignored};
use crate::columns::{Columns, Reader};
use crate::identity::{write_identity, write_traces};
use crate::interned::Interned;
use crate::limits::{
    MAX_CLASS_NAMES_BYTES, MAX_CLASSES, MAX_DIMENSION, MAX_HEAD_BYTES, MAX_HEAD_SIDE,
    MAX_LABEL_BYTES, MAX_MODEL_BYTES, MAX_ROWS,
};
use crate::picture::{Pictures, References, write_pictures, write_references};
use crate::received::read_rows;
use crate::text::{quoted, sentence};
use crate::{FrameId, Ignored, MessageError, PictureRef, Received, Row, Trace};

/// The raw network output of one frame, in a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Whose frame, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// The picture that the network saw.
    pub picture: PictureRef,
    /// The part of it that the network saw; `None`: all of it.
    pub crop: Option<Crop>,
    /// Where objects are not reported.
    pub ignored: Ignored,
    /// Width and height of the network's input, in pixels.
    pub model_size: (u32, u32),
    /// How the picture lies in the network's input.
    pub fit: Fit,
    /// The model: its file name and the beginning of its SHA-256.
    pub model: Arc<str>,
    /// Class names, one per line, in the order of class ids.
    pub class_names: Arc<str>,
    /// How the values of a frame's head are read; they are float32.
    pub format: HeadFormat,
    /// The slot that holds the batch's heads, one after the other.
    pub tensor: Reference,
    /// This frame's position in the batch: its head begins at `row * format.bytes()`.
    pub row: u32,
}

impl Head {
    /// Width and height of the picture, in pixels.
    #[must_use]
    pub fn image_size(&self) -> (u32, u32) {
        (self.picture.layout.width, self.picture.layout.height)
    }

    /// The letterbox between the picture, or the part of it that the network saw, and the network's
    /// input.
    ///
    /// # Errors
    /// If one of the sizes is zero.
    pub fn letterbox(&self) -> Result<Letterbox, LetterboxError> {
        let source = self.crop.map_or(self.image_size(), |crop| crop.size());
        Letterbox::fit(source, self.model_size, self.fit)
    }
}

impl Row for Head {
    const SCHEMA: &'static str = "camweave.heads/2";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        let mut picture = Columns::default();
        write_pictures(&mut picture, rows.iter().map(|row| Some(&row.picture)));
        columns.push("picture", false, picture.finish());
        write_crops(&mut columns, rows.iter().map(|row| row.crop));
        write_ignored(&mut columns, rows.iter().map(|row| &row.ignored));
        columns.numbers::<UInt32Type>("model_width", rows.iter().map(|row| row.model_size.0));
        columns.numbers::<UInt32Type>("model_height", rows.iter().map(|row| row.model_size.1));
        columns.strings("fit", rows.iter().map(|row| row.fit.as_str()));
        columns.strings("model", rows.iter().map(|row| &*row.model));
        columns.strings("class_names", rows.iter().map(|row| &*row.class_names));
        columns.strings("format", rows.iter().map(|row| format_text(&row.format)));
        write_references(&mut columns, rows.iter().map(|row| Some(&row.tensor)));
        columns.numbers::<UInt32Type>("row", rows.iter().map(|row| row.row));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let picture = reader.typed("picture", "Struct", |column| column.as_struct_opt())?;
        let pictures = Pictures::open(&Reader::nested(Self::SCHEMA, "picture", picture))?;
        let crops = CropColumn::open(&reader)?;
        let ignored = IgnoredColumn::open(&reader)?;
        let model_width = reader.numbers::<UInt32Type>("model_width")?;
        let model_height = reader.numbers::<UInt32Type>("model_height")?;
        let fit = reader.strings("fit")?;
        let model = reader.strings("model")?;
        let class_names = reader.strings("class_names")?;
        let format = reader.strings("format")?;
        let tensors = References::open(&reader)?;
        let position = reader.numbers::<UInt32Type>("row")?;
        let mut names = Interned::default();
        let mut models = Interned::default();
        let mut formats = Formats::default();
        read_rows(
            &reader,
            |_| true,
            |row, id, trace| {
                let side = |field, column: &UInt32Array| {
                    reader.within(field, row, column.value(row), 1..=MAX_DIMENSION)
                };
                reader.text("model", row, model.value(row), 0..=MAX_MODEL_BYTES)?;
                let picture = pictures.get(row)?;
                Ok(Self {
                    id,
                    trace,
                    crop: crops.get(row, (picture.layout.width, picture.layout.height))?,
                    ignored: ignored.get(row)?,
                    picture,
                    model_size: (
                        side("model_width", model_width)?,
                        side("model_height", model_height)?,
                    ),
                    fit: reader.parsed("fit", row, fit.value(row))?,
                    model: models.get(model.value(row)),
                    class_names: names.checked(class_names.value(row), |text| {
                        check_class_names(&reader, row, text)
                    })?,
                    format: formats.get(&reader, row, format.value(row))?,
                    tensor: tensors.get(row)?,
                    row: reader.within("row", row, position.value(row), 0..=MAX_ROWS as u32)?,
                })
            },
        )
    }

    fn bytes(&self) -> usize {
        self.class_names.len() + self.ignored.bytes()
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

/// Rows of a batch have one format: its text is read once.
#[derive(Default)]
struct Formats<'a>(Option<(&'a str, HeadFormat)>);

impl<'a> Formats<'a> {
    fn get(
        &mut self,
        reader: &Reader<'_>,
        row: usize,
        text: &'a str,
    ) -> Result<HeadFormat, MessageError> {
        match self.0 {
            Some((last, format)) if last == text => Ok(format),
            _ => Ok(self.0.insert((text, read_format(reader, row, text)?)).1),
        }
    }
}

fn format_text(format: &HeadFormat) -> String {
    serde_json::to_string(format).expect("a format has names and numbers only")
}

/// A format that can be read, of a head that a slot can hold.
fn read_format(reader: &Reader<'_>, row: usize, text: &str) -> Result<HeadFormat, MessageError> {
    let refuse = |expected| reader.value("format", row, quoted(text), expected);
    let format: HeadFormat = serde_json::from_str(text).map_err(|error| {
        // It quotes what it found.
        let error = error.to_string().escape_debug().to_string();
        refuse(sentence(format!("JSON of a head's format: {error}")))
    })?;
    format
        .validate()
        .map_err(|error| refuse(error.to_string()))?;
    let sides = [format.anchors as usize, format.values()];
    let is_small = sides.iter().all(|&side| side <= MAX_HEAD_SIDE as usize)
        && format.bytes() as u64 <= MAX_HEAD_BYTES
        && format.classes().is_none_or(|count| count <= MAX_CLASSES);
    if is_small {
        return Ok(format);
    }
    Err(refuse(format!(
        "at most {MAX_HEAD_SIDE} places, {MAX_HEAD_SIDE} values of each, {MAX_CLASSES} classes and {MAX_HEAD_BYTES} bytes, found {format}"
    )))
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
