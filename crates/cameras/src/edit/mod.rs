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
//!
//! [`ListText`] and [`TextFile`] do the same for another file with one list, such as `rules.yml`.

mod error;
mod file;
mod layout;
mod list_text;
mod quote;
mod text;
mod text_file;
mod value;
mod written;

pub use error::EditError;
pub use file::{Editor, camera};
pub use list_text::{ListText, Unchangeable};
pub use text_file::TextFile;
pub use value::Value;
pub use written::{Written, WrittenField};

#[cfg(test)]
mod comment_tests;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod random_tests;
