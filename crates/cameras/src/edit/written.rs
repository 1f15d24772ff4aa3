use super::layout::{Field, Item};
use crate::expand::expand;
use crate::read::environment;

/// What a camera has of its own in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Which camera.
    pub id: String,
    /// Its fields but for the id, in the order in which they are written.
    pub fields: Vec<WrittenField>,
    /// Its `detect_fps`, also where `detect: off` leaves it unused; `None`: it has none, or not
    /// without a variable of another process.
    pub detect_fps: Option<f64>,
}

/// A field, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenField {
    /// Its name.
    pub name: String,
    /// Its text refers to a variable: `${NAME}`.
    pub is_variable: bool,
}

impl Written {
    pub(super) fn of(item: &Item) -> Option<Self> {
        let fields = item.fields.iter().filter(|field| field.name != "id");
        let field = |field: &Field| WrittenField {
            name: field.name.clone(),
            is_variable: field.plain.any_text(|text| text.contains("${")),
        };
        let rate = item.field("detect_fps").and_then(|it| it.plain.text());
        let rate = rate.and_then(|text| expand(text.trim(), &environment).ok());
        Some(Self {
            id: item.id()?.to_owned(),
            fields: fields.map(field).collect(),
            detect_fps: rate.and_then(|text| text.parse().ok()),
        })
    }
}
