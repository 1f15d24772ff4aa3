//! Changes a `cameras.yml` as a careful person would: comments, order and formatting of everything
//! else stay.
//!
//! ```no_run
//! # use camweave_cameras::edit::{EditError, Editor, Value};
//! # fn main() -> Result<(), EditError> {
//! let mut editor = Editor::open("cameras.yml".as_ref())?;
//! editor.add("yard", &[("url", Value::text("rtsp://192.0.2.10/stream1"))])?;
//! editor.set("entrance", "detect_fps", &Value::text("5"))?;
//! editor.unset("entrance", "transport")?;
//! editor.save()?;
//! # Ok(())
//! # }
//! ```
//!
//! The edits are made in the text, at the places that the parser reports. After each one the text is
//! parsed again and compared with what was meant: a file that is written in a way for which that
//! fails is refused, and left as it is. [`Editor::save`] checks the whole file before it replaces it.

mod error;
mod file;
mod layout;
mod quote;
mod text;

pub use error::EditError;
pub use file::Editor;

use camweave_redact::Secret;

use crate::{Camera, CamerasError};

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any text, quoted as YAML needs it. It may refer to variables: `${NAME}`.
    Text(Secret),
    /// A list as YAML writes it in one line, such as `[0, 0, 0.5, 1]`.
    List(String),
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Secret::new(text.into()))
    }

    /// What a person has typed for `field`: a list where it begins with a bracket, unless the field
    /// may be a secret.
    #[must_use]
    pub fn typed(field: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let is_text = matches!(field, "id" | "url" | "username" | "password");
        if !is_text && text.trim_start().starts_with('[') {
            return Self::List(text.trim().to_owned());
        }
        Self::text(text)
    }
}

/// One camera of these fields, as a `cameras.yml` would have it.
///
/// # Errors
/// As [`crate::load`]; the place is one in a file that there is not.
pub fn camera(id: &str, fields: &[(&str, Value)]) -> Result<Camera, CamerasError> {
    file::camera(id, fields)
}

#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod random_tests;
