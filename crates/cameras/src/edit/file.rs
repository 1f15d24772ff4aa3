use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use camweave_redact::{Remembered, remember_while};
use zeroize::Zeroizing;

use super::error::EditError;
use super::layout::{Layout, Model, Plain, plain, plain_map, same};
use super::text;
use super::text_file::TextFile;
use super::value::Value;
use super::written::Written;
use crate::read::{environment, known_secrets, parse_elsewhere, parse_one, read, without_url};
use crate::{Camera, CamerasError, parse};

/// A file with no camera yet.
const EMPTY: &str = "cameras:\n";

/// A `cameras.yml` that is being changed. No other editor opens it meanwhile.
#[derive(Debug)]
pub struct Editor {
    /// As it was named.
    path: PathBuf,
    file: TextFile,
    text: Zeroizing<String>,
    /// What the log hides while the file is being changed: each text that it had has its own.
    hidden: Mutex<Vec<Remembered>>,
}

impl Editor {
    /// Opens a file for changes.
    ///
    /// # Errors
    /// It cannot be read or is invalid, or another editor has had it for three seconds.
    pub fn open(path: &Path) -> Result<Self, EditError> {
        let target = fs::canonicalize(path).map_err(|source| CamerasError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut file = TextFile::lock(path, target)?;
        let text = read(file.target())?;
        file.original = Some(text.clone());
        let editor = Self {
            path: path.to_owned(),
            file,
            text,
            hidden: Mutex::default(),
        };
        editor.cameras()?;
        Ok(editor)
    }

    /// As [`Editor::open`]; a file that is not there is created when it is saved, readable by its
    /// owner alone.
    ///
    /// # Errors
    /// As [`Editor::open`].
    pub fn open_or_create(path: &Path) -> Result<Self, EditError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => return Self::open(path),
        }
        Ok(Self {
            path: path.to_owned(),
            file: TextFile::lock(path, path.to_owned())?,
            text: Zeroizing::new(EMPTY.to_owned()),
            hidden: Mutex::default(),
        })
    }

    /// The cameras as they are now, with all changes so far. Variables that this process does not
    /// have are taken for something valid: the pipeline's environment has them.
    ///
    /// # Errors
    /// The file cannot be used after the changes so far.
    pub fn cameras(&self) -> Result<Vec<Camera>, EditError> {
        let cameras = parse_elsewhere(&self.path, &self.text, &environment)?;
        let hidden = remember_while(&known_secrets(&cameras));
        self.hidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(hidden);
        Ok(cameras)
    }

    /// One of them for a connection: with the variables that this process has, and none made up. That
    /// the log hides its secrets is up to who connects.
    ///
    /// # Errors
    /// There is no such camera, or it needs a variable that is not set.
    pub fn camera(&self, id: &str) -> Result<Camera, EditError> {
        let camera = parse_one(&self.path, &self.text, id, &environment)?;
        camera.ok_or_else(|| match self.layout() {
            Ok(layout) => EditError::no_camera(&self.path, id, &layout.ids()),
            Err(error) => error,
        })
    }

    /// The cameras of which a URL needs a variable that this process does not have: what
    /// [`Editor::cameras`] has in its place is something valid, and not theirs.
    #[must_use]
    pub fn without_url(&self) -> Vec<String> {
        without_url(&self.text, &environment)
    }

    /// Which fields each camera has of its own, with all changes so far. What is written in a way
    /// that cannot be changed in place has none.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        let layout = Layout::read(&self.text);
        let items = layout.iter().flat_map(|layout| &layout.items);
        items.filter_map(Written::of).collect()
    }

    /// The text as it would be written. It may contain passwords.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a camera after the others.
    ///
    /// # Errors
    /// There is one with this id.
    pub fn add(&mut self, id: &str, fields: &[(&str, Value)]) -> Result<(), EditError> {
        let layout = self.layout()?;
        if layout.find(id).is_some() {
            return Err(EditError::Exists {
                path: self.path.clone(),
                id: id.to_owned(),
            });
        }
        let mut all = vec![("id", Value::text(id))];
        all.extend(fields.iter().cloned());
        let mut model = layout.model();
        let camera = all
            .iter()
            .map(|(field, value)| Ok(((*field).to_owned(), meant(field, value)?)));
        model.push(camera.collect::<Result<_, EditError>>()?);
        self.change(text::add(&self.text, &layout, &all), &model)
    }

    /// Removes a camera.
    ///
    /// # Errors
    /// There is no such camera, or no other.
    pub fn remove(&mut self, id: &str) -> Result<(), EditError> {
        let (layout, index) = self.find(id)?;
        if layout.items.len() == 1 {
            return Err(EditError::Last {
                path: self.path.clone(),
                id: id.to_owned(),
            });
        }
        let mut model = layout.model();
        model.remove(index);
        self.change_camera(&layout, index, &model, |text| {
            text::remove(text, &layout, index)
        })
    }

    /// Sets a field of a camera, which it may have or not.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn set(&mut self, id: &str, field: &str, value: &Value) -> Result<(), EditError> {
        let (layout, index) = self.find(id)?;
        let mut model = layout.model();
        model[index].insert(field.to_owned(), meant(field, value)?);
        self.change_camera(&layout, index, &model, |text| {
            text::set(text, &layout, index, field, value)
        })
    }

    /// Removes a field of a camera.
    ///
    /// # Errors
    /// There is no such camera, or it has no such field.
    pub fn unset(&mut self, id: &str, field: &str) -> Result<(), EditError> {
        let (layout, index) = self.find(id)?;
        let mut model = layout.model();
        if model[index].remove(field).is_none() {
            return Err(EditError::NoField {
                path: self.path.clone(),
                id: id.to_owned(),
                field: camweave_redact::printable(field).into_owned(),
            });
        }
        self.change_camera(&layout, index, &model, |text| {
            text::unset(text, &layout, index, field)
        })
    }

    /// Checks the file as it is now, and puts it in the place of the old one in one step, with its
    /// mode and owner. A link stays, and what it leads to is replaced. Gives the cameras.
    ///
    /// # Errors
    /// The file would be invalid, somebody else has changed it meanwhile, or the system refuses.
    /// Then the old one is as it was.
    pub fn save(self) -> Result<Vec<Camera>, EditError> {
        let cameras = self.cameras()?;
        self.file.save(&self.text)?;
        Ok(cameras)
    }

    fn layout(&self) -> Result<Layout, EditError> {
        Layout::read(&self.text).ok_or_else(|| self.shape())
    }

    fn shape(&self) -> EditError {
        EditError::Shape {
            path: self.path.clone(),
        }
    }

    fn find(&self, id: &str) -> Result<(Layout, usize), EditError> {
        let layout = self.layout()?;
        let index = layout.find(id);
        let index = index.ok_or_else(|| EditError::no_camera(&self.path, id, &layout.ids()))?;
        Ok((layout, index))
    }

    /// Takes a change of one camera over, if nothing refers to it.
    fn change_camera(
        &mut self,
        layout: &Layout,
        index: usize,
        model: &Model,
        change: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), EditError> {
        let text = (!layout.is_shared(index)).then(|| change(&self.text));
        self.change(text.flatten(), model)
    }

    /// Takes a change over if the text then says what was meant.
    fn change(&mut self, text: Option<String>, model: &Model) -> Result<(), EditError> {
        let text = Zeroizing::new(text.ok_or_else(|| self.shape())?);
        let layout = Layout::read(&text).ok_or_else(|| self.shape())?;
        if !same(&layout.model(), model) {
            return Err(self.shape());
        }
        self.text = text;
        Ok(())
    }
}

/// One camera of these fields, as a `cameras.yml` would have it. That the log hides its secrets is up
/// to who connects.
///
/// # Errors
/// As [`crate::load`]; the place is one in a file that there is not.
pub fn camera(id: &str, fields: &[(&str, Value)]) -> Result<Camera, CamerasError> {
    let path = Path::new("cameras.yml");
    let mut all = vec![("id", Value::text(id))];
    all.extend(fields.iter().cloned());
    let layout = Layout::read(EMPTY);
    let text = layout.and_then(|layout| text::add(EMPTY, &layout, &all));
    let text = Zeroizing::new(text.unwrap_or_default());
    let camera = parse(path, &text, &environment)?.into_iter().next();
    camera.ok_or_else(|| CamerasError::Invalid {
        path: path.to_owned(),
        line: 1,
        column: 1,
        message: "no camera".to_owned(),
    })
}

/// What a value says once it is in the text.
fn meant(field: &str, value: &Value) -> Result<Plain, EditError> {
    match value {
        Value::Text(text) => Ok(Plain::Text(text.expose().to_owned())),
        Value::List(list) => plain(list).ok_or_else(|| EditError::NoList {
            field: camweave_redact::printable(field).into_owned(),
        }),
        Value::Map(map) => plain_map(map.expose()).ok_or_else(|| EditError::NoMap {
            field: camweave_redact::printable(field).into_owned(),
        }),
    }
}

#[cfg(test)]
impl Editor {
    /// An editor of a text that is in no file.
    pub(super) fn of(text: &str) -> Self {
        Self {
            path: "cameras.yml".into(),
            file: TextFile::nowhere(),
            text: Zeroizing::new(text.to_owned()),
            hidden: Mutex::default(),
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
