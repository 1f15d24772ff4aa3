//! Changes of `cameras.yml` by the page. The file is the one source of truth: it is edited as a
//! person would, and the source that watches it does the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use camweave_cameras::Camera;
use camweave_cameras::edit::{EditError, Editor, Value};
use serde::Deserialize;

use super::kept_login::Change;
use super::listed::{Listed, Versions, listed};

/// Fields of a camera that a page may set.
const FIELDS_AT_MOST: usize = 32;
/// Bytes of a field's value.
const VALUE_AT_MOST: usize = 2 << 10;
/// Bytes of the value of a field with areas: as many polygons with as many points as a camera may have.
const AREAS_AT_MOST: usize = 48 << 10;
/// The field that names a camera.
const ID: &str = "id";
/// The field of a camera with two URLs.
const STREAMS: &str = "streams";
/// The answer where the file cannot be used as it is, whatever was asked for.
pub(crate) const UNUSABLE: StatusCode = StatusCode::FAILED_DEPENDENCY;

/// A field's value, as the page gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Given {
    Text(String),
    Number(serde_json::Number),
}

impl Given {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A new camera.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
    pub id: String,
    pub fields: BTreeMap<String, Given>,
}

/// What changes of a camera.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    #[serde(default)]
    pub set: BTreeMap<String, Given>,
    #[serde(default)]
    pub unset: Vec<String>,
    /// Of the camera that the change was thought for: refused where it is another one now.
    pub version: Option<String>,
}

impl Changed {
    fn names(&self, field: &str) -> bool {
        self.set.contains_key(field) || self.unset.iter().any(|it| it == field)
    }
}

/// Why something was not done, for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub line: String,
}

impl Refusal {
    fn new(status: StatusCode, line: impl Into<String>) -> Self {
        let line = line.into();
        Self { status, line }
    }

    /// The file is at fault as it is, and not what was asked for.
    fn unusable(error: EditError) -> Self {
        match error {
            EditError::Invalid(_) => Self::new(UNUSABLE, error.to_string()),
            other => other.into(),
        }
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        let status = match &error {
            EditError::NoCamera { .. } => StatusCode::NOT_FOUND,
            EditError::Exists { .. }
            | EditError::Last { .. }
            | EditError::Busy { .. }
            | EditError::Changed { .. } => StatusCode::CONFLICT,
            EditError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}

/// The file of the cameras.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: PathBuf,
    versions: Versions,
}

impl File {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            versions: Versions::default(),
        }
    }

    /// The cameras in it.
    pub fn list(&self) -> Result<Vec<Listed>, Refusal> {
        let editor = self.open()?;
        let cameras = editor.cameras()?;
        Ok(listed(&editor, &cameras, &self.versions))
    }

    /// One of them as it would be after a change, with what opens it.
    pub fn camera(&self, id: &str, changed: &Changed) -> Result<Camera, Refusal> {
        let editor = self.changed(id, changed)?;
        editor.cameras()?;
        // With nothing made up for a variable: a wrong password locks the accounts of some cameras.
        Ok(editor.camera(id)?)
    }

    pub fn add(&self, added: &Added) -> Result<Vec<Listed>, Refusal> {
        let fields = values(&added.fields)?;
        let mut editor = self.open()?;
        editor.add(&added.id, &fields)?;
        self.save(editor)
    }

    pub fn change(&self, id: &str, changed: &Changed) -> Result<Vec<Listed>, Refusal> {
        self.save(self.changed(id, changed)?)
    }

    pub fn remove(&self, id: &str) -> Result<Vec<Listed>, Refusal> {
        let mut editor = self.open()?;
        editor.remove(id)?;
        self.save(editor)
    }

    fn open(&self) -> Result<Editor, Refusal> {
        Editor::open(&self.path).map_err(Refusal::unusable)
    }

    /// The file with a change, which is not saved.
    fn changed(&self, id: &str, changed: &Changed) -> Result<Editor, Refusal> {
        let values = values(&changed.set)?;
        let mut editor = self.open()?;
        let before = editor.cameras()?;
        let camera = before.iter().find(|camera| camera.id == id);
        let camera = camera.ok_or_else(|| no_camera(id))?;
        let version = self.versions.of(camera, &editor.written());
        if changed.version.as_ref().is_some_and(|it| *it != version) {
            return Err(Refusal::new(
                StatusCode::PRECONDITION_FAILED,
                format!("camera '{id}' has changed since it was read: nothing was written"),
            ));
        }
        let has_url = !editor.without_url().iter().any(|it| it == id);
        for field in &changed.unset {
            // Without an id the file would be refused.
            editor.unset(id, field)?;
        }
        for (field, value) in &values {
            editor.set(id, field, value)?;
        }
        let after = editor.cameras()?;
        let after = after.iter().find(|camera| camera.id == id);
        let after = after.ok_or_else(|| no_camera(id))?;
        let url = changed.set.get("url").map(Given::text);
        let change = Change {
            url: url.as_deref(),
            has_login: ["username", "password"].iter().all(|it| changed.names(it)),
            old_url: has_url.then_some(camera),
            old_login: camera.credentials.as_ref(),
            new: after,
        };
        match change.refusal() {
            Some(line) => Err(Refusal::new(StatusCode::CONFLICT, line)),
            None => Ok(editor),
        }
    }

    fn save(&self, editor: Editor) -> Result<Vec<Listed>, Refusal> {
        let cameras = editor.cameras()?;
        let listed = listed(&editor, &cameras, &self.versions);
        editor.save()?;
        Ok(listed)
    }
}

fn no_camera(id: &str) -> Refusal {
    let id = camweave_redact::printable(id);
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no camera '{id}'"))
}

/// The fields as the editor takes them. Variables are left to those who write the file: whoever has
/// the page alone must not have a variable of the node's sent anywhere.
pub(super) fn values(given: &BTreeMap<String, Given>) -> Result<Vec<(&str, Value)>, Refusal> {
    let refuse = |line: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, line);
    if given.len() > FIELDS_AT_MOST {
        return Err(refuse(format!(
            "{} fields, expected at most {FIELDS_AT_MOST}",
            given.len()
        )));
    }
    let each = given.iter().map(|(field, value)| {
        if field == ID {
            return Err(refuse("the id of a camera stays: add another camera".to_owned()));
        }
        if field == STREAMS {
            return Err(refuse("the streams of a camera are written into the file by hand: the page sets cameras of one URL".to_owned()));
        }
        let text = value.text();
        let most = match field.as_str() {
            "region" | "ignore" => AREAS_AT_MOST,
            _ => VALUE_AT_MOST,
        };
        if text.len() > most {
            return Err(refuse(format!(
                "'{}' has {} bytes, expected at most {most}",
                camweave_redact::printable(field),
                text.len()
            )));
        }
        if text.contains("${") {
            return Err(refuse(format!(
                "'{}' refers to a variable ('${{'), expected its value: variables are written into the file by hand",
                camweave_redact::printable(field)
            )));
        }
        Ok((field.as_str(), Value::typed(field, text)))
    });
    each.collect()
}

#[cfg(test)]
#[path = "cameras_tests.rs"]
mod tests;
