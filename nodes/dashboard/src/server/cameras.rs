//! Changes of `cameras.yml` by the page. The file is the one source of truth: it is edited as a
//! person would, and the source that watches it does the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use camweave_cameras::Camera;
use camweave_cameras::edit::{EditError, Editor, Value, Written};
use serde::Deserialize;

use super::listed::{Listed, Versions};

/// Fields of a camera that a page may set.
const FIELDS_AT_MOST: usize = 32;
/// Bytes of a field's value: what may be a password is remembered, to be kept out of the log.
const VALUE_AT_MOST: usize = 2 << 10;
/// The field that names a camera.
const ID: &str = "id";

/// A field's value, as the page gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Given {
    Text(String),
    Number(serde_json::Number),
}

impl Given {
    fn text(&self) -> String {
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
        let editor = Editor::open(&self.path)?;
        Ok(self.listed(&editor.cameras()?, &editor.written()))
    }

    /// One of them as it would be after a change, with what opens it.
    pub fn camera(&self, id: &str, changed: &Changed) -> Result<Camera, Refusal> {
        let cameras = self.changed(id, changed)?.cameras()?;
        let found = cameras.into_iter().find(|camera| camera.id == id);
        found.ok_or_else(|| no_camera(id))
    }

    pub fn add(&self, added: &Added) -> Result<Vec<Listed>, Refusal> {
        let fields = values(&added.fields)?;
        let mut editor = Editor::open(&self.path)?;
        editor.add(&added.id, &fields)?;
        self.save(editor)
    }

    pub fn change(&self, id: &str, changed: &Changed) -> Result<Vec<Listed>, Refusal> {
        self.save(self.changed(id, changed)?)
    }

    pub fn remove(&self, id: &str) -> Result<Vec<Listed>, Refusal> {
        let mut editor = Editor::open(&self.path)?;
        editor.remove(id)?;
        self.save(editor)
    }

    /// The file with a change, which is not saved.
    fn changed(&self, id: &str, changed: &Changed) -> Result<Editor, Refusal> {
        let values = values(&changed.set)?;
        let mut editor = Editor::open(&self.path)?;
        let before = editor.cameras()?;
        let camera = before.iter().find(|camera| camera.id == id);
        let camera = camera.ok_or_else(|| no_camera(id))?;
        let version = self.versions.of(camera);
        if changed.version.as_ref().is_some_and(|it| *it != version) {
            return Err(Refusal::new(
                StatusCode::PRECONDITION_FAILED,
                format!("camera '{id}' has changed since it was read: nothing was written"),
            ));
        }
        for field in &changed.unset {
            // Without an id the file would be refused.
            editor.unset(id, field)?;
        }
        for (field, value) in &values {
            editor.set(id, field, value)?;
        }
        let mut given = changed.set.keys().chain(&changed.unset);
        if !given.any(|field| field == "password") {
            keeps_login_to_its_host(id, &before, &editor.cameras()?)?;
        }
        Ok(editor)
    }

    fn save(&self, editor: Editor) -> Result<Vec<Listed>, Refusal> {
        let written = editor.written();
        let cameras = editor.save()?;
        Ok(self.listed(&cameras, &written))
    }

    fn listed(&self, cameras: &[Camera], written: &[Written]) -> Vec<Listed> {
        let cameras = cameras.iter();
        cameras
            .map(|camera| Listed::of(camera, written, &self.versions))
            .collect()
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
        let text = value.text();
        if text.len() > VALUE_AT_MOST {
            return Err(refuse(format!(
                "'{}' has {} bytes, expected at most {VALUE_AT_MOST}",
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

/// A password goes to the host that it was given for: where only the URL is changed, to another
/// host, it must be given again.
fn keeps_login_to_its_host(id: &str, before: &[Camera], after: &[Camera]) -> Result<(), Refusal> {
    let find = |cameras: &[Camera]| {
        let camera = cameras.iter().find(|camera| camera.id == id)?;
        let url = camera.url.expose();
        let place = (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        );
        Some((place, camera.credentials.clone()))
    };
    let (Some((old, Some(login))), Some((new, Some(still)))) = (find(before), find(after)) else {
        return Ok(());
    };
    if old == new || login.expose().1 != still.expose().1 {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::CONFLICT,
        "the URL names another host: give the password again, or remove it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours
cameras:
  - id: gate # the front one
    url: rtsp://192.0.2.1/live?channel=1&pwd=t0psecret1
    username: anna
    password: t0psecret2
  - id: yard
    url: rtsp://192.0.2.2/token/k3JdPq92Lm
";

    fn file() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cameras.yml");
        std::fs::write(&path, TEXT).expect("writable");
        let file = File::new(&path);
        (folder, file)
    }

    fn set(fields: &[(&str, &str)]) -> Changed {
        let set = fields.iter().map(|(field, value)| {
            let value = Given::Text((*value).to_owned());
            ((*field).to_owned(), value)
        });
        Changed {
            set: set.collect(),
            ..Changed::default()
        }
    }

    fn text(file: &File) -> String {
        std::fs::read_to_string(&file.path).expect("readable")
    }

    #[test]
    fn no_answer_has_what_opens_a_camera() {
        let (_folder, file) = file();
        let added = Added {
            id: "door".to_owned(),
            fields: set(&[("url", "rtsp://bob:t0psecret3@192.0.2.3/x")]).set,
        };
        let answers = [
            serde_json::to_string(&file.list().expect("valid")),
            serde_json::to_string(&file.add(&added).expect("valid")),
            serde_json::to_string(
                &file
                    .change("yard", &set(&[("detect_fps", "5")]))
                    .expect("valid"),
            ),
            serde_json::to_string(&file.remove("yard").expect("valid")),
        ];
        for answer in answers {
            let answer = answer.expect("JSON");
            for secret in ["t0psecret", "anna", "bob", "k3Jd"] {
                assert!(!answer.contains(secret), "{answer}");
            }
            assert!(answer.contains(r#""has_credentials":true"#), "{answer}");
        }
        let refused = file.change("gate", &set(&[("detect_fps", "t0psecret9 x")]));
        assert_eq!(
            refused.expect_err("no number").status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }

    #[test]
    fn the_file_is_edited_with_its_comments_kept() {
        let (_folder, file) = file();
        let change = Changed {
            set: set(&[("transport", "udp")]).set,
            unset: vec!["username".to_owned(), "password".to_owned()],
            version: None,
        };
        let listed = file.change("gate", &change).expect("valid");
        assert_eq!(
            (listed[0].transport, listed[0].has_credentials),
            (Some("udp"), false)
        );
        let text = text(&file);
        assert!(
            text.starts_with("# ours\ncameras:\n  - id: gate # the front one\n"),
            "{text}"
        );
        assert!(
            text.contains("transport: udp") && !text.contains("anna"),
            "{text}"
        );
    }

    #[test]
    fn a_change_of_what_has_changed_meanwhile_is_refused() {
        let (_folder, file) = file();
        let version = |id: &str| {
            let cameras = file.list().expect("valid");
            let found = cameras.into_iter().find(|camera| camera.id == id);
            found.expect("listed").version
        };
        let (gate, yard) = (version("gate"), version("yard"));
        let of_gate = |version: &str| Changed {
            version: Some(version.to_owned()),
            ..set(&[("transport", "udp")])
        };
        // Neither is shown.
        for secret in [("password", "an0ther"), ("username", "eve")] {
            let before = version("gate");
            file.change("gate", &set(&[secret])).expect("valid");
            assert_ne!(version("gate"), before);
        }
        let text_before = text(&file);
        let refused = file.change("gate", &of_gate(&gate)).map_err(|it| it.status);
        assert_eq!(refused, Err(StatusCode::PRECONDITION_FAILED));
        assert_eq!(text(&file), text_before);
        assert_eq!(version("yard"), yard, "no other camera has changed");
        file.change("gate", &of_gate(&version("gate")))
            .expect("it is as it was read");
        assert_ne!(
            file.list(),
            File::new(&file.path).list(),
            "the key is the server's own"
        );
    }

    #[test]
    fn a_page_knows_which_fields_are_written_and_which_are_variables() {
        let (_folder, file) = file();
        let text = TEXT.replace("t0psecret2", "${PASSWORD:-x}");
        std::fs::write(&file.path, text).expect("writable");
        let listed = file.list().expect("valid");
        assert_eq!(listed[0].fields, ["url", "username", "password"]);
        assert_eq!(listed[0].variables, ["password"]);
        assert_eq!(listed[1].fields, ["url"]);
    }

    #[test]
    fn a_camera_is_tried_with_changes_that_are_not_saved() {
        let (_folder, file) = file();
        let camera = file.camera("gate", &set(&[("url", "rtsp://192.0.2.1/other")]));
        let camera = camera.expect("the same host");
        assert_eq!(camera.url.expose().path(), "/other");
        assert!(
            camera
                .credentials
                .is_some_and(|it| it.expose() == ("anna", "t0psecret2"))
        );
        let elsewhere = file.camera("gate", &set(&[("url", "rtsp://evil.example/live")]));
        assert_eq!(elsewhere.map_err(|it| it.status), Err(StatusCode::CONFLICT));
        assert_eq!(text(&file), TEXT);
    }

    #[test]
    fn a_password_is_not_sent_to_another_host() {
        let (_folder, file) = file();
        let elsewhere = ("url", "rtsp://evil.example/live");
        let refused = file
            .change("gate", &set(&[elsewhere]))
            .expect_err("another host");
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(text(&file), TEXT);
        let with_user = set(&[elsewhere, ("username", "eve")]);
        assert!(
            file.change("gate", &with_user).is_err(),
            "the password is the old one"
        );
        let with_login = set(&[elsewhere, ("username", "eve"), ("password", "x")]);
        assert!(file.change("gate", &with_login).is_ok());
        let path = set(&[("url", "rtsp://evil.example/other")]);
        assert!(file.change("gate", &path).is_ok(), "the same host");
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_status() {
        let (_folder, file) = file();
        let add = |id: &str, url: &str| {
            let added = Added {
                id: id.to_owned(),
                fields: set(&[("url", url)]).set,
            };
            file.add(&added).map_err(|refused| refused.status.as_u16())
        };
        assert_eq!(add("gate", "rtsp://192.0.2.9/"), Err(409));
        assert_eq!(add("../x", "rtsp://192.0.2.9/"), Err(422));
        assert_eq!(add("door", "no url"), Err(422));
        assert_eq!(add("door", "rtsp://evil.example/${HOME}"), Err(422));
        let status = |refused: Refusal| refused.status.as_u16();
        assert_eq!(file.remove("none").map_err(status), Err(404));
        let renamed = set(&[("id", "door"), ("url", "rtsp://evil.example/")]);
        assert_eq!(file.change("gate", &renamed).map_err(status), Err(422));
        let unknown = set(&[("passwort", "x")]);
        assert_eq!(file.change("gate", &unknown).map_err(status), Err(422));
        assert_eq!(text(&file), TEXT);
        file.remove("gate").expect("there is another");
        let status = |refused: Refusal| refused.status.as_u16();
        assert_eq!(file.remove("yard").map_err(status), Err(409));
    }
}
