//! What a model gives of an object beside its box: optional columns of detections.

use std::sync::Arc;

use crate::MessageError;
use crate::columns::Reader;
use crate::limits::{MAX_ANGLE, MAX_ATTRIBUTES, MAX_BOX_SIZES, MAX_BOX_VALUES};

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
pub(crate) type Check = fn(&[f32], (u32, u32)) -> Result<(), &'static str>;

/// A column with a list of numbers for each box.
pub(crate) struct BoxLists {
    pub field: &'static str,
    pub get: fn(&Extras) -> Option<&Arc<[f32]>>,
    pub slot: fn(&mut Extras) -> &mut Option<Arc<[f32]>>,
    pub check: Check,
}

/// All such columns.
pub(crate) static BOX_LISTS: [BoxLists; 3] = [
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
pub(crate) fn is_oriented([x, y, w, h, angle]: [f32; 5], (width, height): (u32, u32)) -> bool {
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

pub(crate) fn shown(values: &[f32]) -> String {
    const MOST: usize = 6;
    let more = if values.len() > MOST { ", ..." } else { "" };
    let first: Vec<String> = values.iter().take(MOST).map(f32::to_string).collect();
    format!("[{}{more}]", first.join(", "))
}

/// What a model of a second stage gives of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Of which kind it is, such as `color`; of one kind a box has one.
    pub name: Arc<str>,
    /// What the object is of this kind, such as `red`.
    pub label: Arc<str>,
    /// 0 to 1.
    pub confidence: f32,
}

impl Extras {
    /// Sets an attribute, in place of the one of its name.
    pub fn set_attribute(&mut self, attribute: Attribute) {
        let same = |it: &Attribute| it.name == attribute.name;
        match self.attributes.iter().position(same) {
            Some(known) => self.attributes[known] = attribute,
            None if self.attributes.len() < MAX_ATTRIBUTES => self.attributes.push(attribute),
            None => {}
        }
    }
}
