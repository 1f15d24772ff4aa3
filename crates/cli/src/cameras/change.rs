//! `camweave cameras add`, `remove` and `set`.

use std::path::{Path, PathBuf};

use camweave_cameras::edit::{EditError, Editor, Value};
use camweave_redact::printable;
use camweave_stage::Exit;
use clap::Args;

use super::login::Password;
use super::reach::{Fields, Reach};
use super::secrets;
use crate::error::CliError;
use crate::say::say;

/// A camera to add.
#[derive(Debug, Args)]
pub struct Add {
    /// The cameras.yml; it is created if it is not there.
    file: PathBuf,
    /// Letters, digits, '-' and '_'.
    id: String,
    /// Where it is, such as rtsp://192.0.2.10/stream1.
    url: String,
    /// Further fields.
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Where its stream for recording is; the other URL then is of the one that is detected on.
    #[arg(long, value_name = "URL")]
    record: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// Frames per second to detect on.
    #[arg(long)]
    detect_fps: Option<String>,
    /// on, off or motion.
    #[arg(long)]
    detect: Option<String>,
    /// With motion: percent of the frame that must change.
    #[arg(long)]
    motion_area: Option<String>,
}

/// Fields of a camera to set.
#[derive(Debug, Args)]
pub struct Set {
    /// The cameras.yml.
    file: PathBuf,
    /// The camera.
    id: String,
    /// Fields to set.
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Fields to remove.
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
    #[command(flatten)]
    password: Password,
}

pub fn add(options: &Add) -> Result<Exit, CliError> {
    let mut fields: Fields<'_> = options.reach.fields(&options.url)?;
    if let Some(record) = &options.record {
        secrets::warn_of_typed(record);
        fields.retain(|(field, _)| *field != "url");
        fields.insert(0, ("streams", Value::streams(&options.url, record)));
    }
    for (field, value) in [
        ("detect_fps", &options.detect_fps),
        ("detect", &options.detect),
        ("motion_area", &options.motion_area),
    ] {
        fields.extend(value.as_deref().map(|value| (field, Value::text(value))));
    }
    for field in &options.fields {
        fields.push(assigned(field)?);
    }
    let file = &options.file;
    let mut editor = Editor::open_or_create(file).map_err(|error| failed(&error))?;
    editor
        .add(&options.id, &fields)
        .map_err(|error| failed(&error))?;
    save(file, editor, &options.id, "added to")
}

pub fn remove(file: &Path, id: &str) -> Result<Exit, CliError> {
    let mut editor = Editor::open(file).map_err(|error| failed(&error))?;
    editor.remove(id).map_err(|error| failed(&error))?;
    save(file, editor, id, "removed from")
}

pub fn set(options: &Set) -> Result<Exit, CliError> {
    let mut fields = Vec::new();
    for field in &options.fields {
        fields.push(assigned(field)?);
    }
    fields.extend(options.password.value()?.map(|value| ("password", value)));
    if fields.is_empty() && options.unset.is_empty() {
        return Err(CliError::new(
            Exit::Configuration,
            "nothing to set, expected FIELD=VALUE, --unset FIELD or a password".to_owned(),
        ));
    }
    let (file, id) = (&options.file, &options.id);
    let mut editor = Editor::open(file).map_err(|error| failed(&error))?;
    for field in &options.unset {
        editor.unset(id, field).map_err(|error| failed(&error))?;
    }
    for (field, value) in &fields {
        editor
            .set(id, field, value)
            .map_err(|error| failed(&error))?;
    }
    save(file, editor, id, "changed in")
}

fn save(file: &Path, editor: Editor, id: &str, done: &str) -> Result<Exit, CliError> {
    let cameras = editor.save().map_err(|error| failed(&error))?;
    let plural = if cameras.len() == 1 { "" } else { "s" };
    say!(
        "camera '{}' {done} '{}', which has {} camera{plural}",
        printable(id),
        file.display(),
        cameras.len()
    );
    secrets::warn(file);
    Ok(Exit::Success)
}

/// `FIELD=VALUE`.
fn assigned(text: &str) -> Result<(&str, Value), CliError> {
    let wrong = |message: String| CliError::new(Exit::Configuration, message);
    let Some((field, value)) = text.split_once('=') else {
        return Err(wrong(format!(
            "'{}', expected FIELD=VALUE",
            printable(text)
        )));
    };
    if field == "password" {
        return Err(wrong(
            "a password on the command line can be read by every user of the machine: expected --password-stdin or --password-env NAME".to_owned(),
        ));
    }
    match field {
        "url" => secrets::warn_of_typed(value),
        "streams" => value
            .split(['{', '}', ',', ' ', '\'', '"'])
            .for_each(secrets::warn_of_typed),
        _ => {}
    }
    Ok((field, Value::typed(field, value)))
}

/// What the user can correct is theirs; what the system refuses is the machine's.
pub fn failed(error: &EditError) -> CliError {
    let exit = match error {
        EditError::Io { .. } | EditError::Busy { .. } | EditError::Changed { .. } => Exit::Resource,
        _ => Exit::Configuration,
    };
    CliError::new(exit, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_assigned_and_passwords_are_not() {
        let value = |text| assigned(text).map(|(field, value)| (field.to_owned(), value));
        let (field, text) = value("url=rtsp://h/?a=b").expect("a field");
        assert_eq!((&*field, text), ("url", Value::text("rtsp://h/?a=b")));
        let (_, list) = value("region=[0, 0, 1, 1]").expect("a field");
        assert_eq!(list, Value::List("[0, 0, 1, 1]".to_owned()));
        let (_, streams) =
            value("streams={detect: 'rtsp://h/1', record: 'rtsp://h/2'}").expect("a field");
        assert_eq!(streams, Value::streams("rtsp://h/1", "rtsp://h/2"));
        let error = value("password=t0psecret")
            .expect_err("refused")
            .to_string();
        assert!(error.contains("--password-stdin") && !error.contains("t0psecret"));
        assert!(value("detect").is_err());
    }
}
