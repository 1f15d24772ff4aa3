use super::layout::{Field, Item};

/// What a camera has of its own in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which camera.
    pub id: String,
    /// Its fields but for the id, in the order in which they are written.
    pub fields: Vec<WrittenField>,
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
            is_variable: field.plain.text().is_some_and(|text| text.contains("${")),
        };
        Some(Self {
            id: item.id()?.to_owned(),
            fields: fields.map(field).collect(),
        })
    }
}
