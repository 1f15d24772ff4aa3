//! Cameras, asked for one after the other, and looked at.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};
use std::time::Duration;

use camweave_cameras::edit::{Value, camera};
use camweave_cameras::{Camera, CamerasError};
use camweave_probe::{Failure, FailureKind, Probed, Step, probe};
use camweave_stage::Exit;

use crate::cameras::read_password;
use crate::error::CliError;
use crate::say::note;

/// A camera is watched for so long.
const WATCH: Duration = Duration::from_secs(4);
/// What is assumed of a camera that cannot be reached now.
const USUAL_FPS: f64 = 25.0;
const USUAL_SIZE: (u32, u32) = (1920, 1080);

/// A camera to be written, with what it sends.
pub struct Found {
    pub id: String,
    pub fields: Vec<(&'static str, Value)>,
    /// Frames per second.
    pub fps: f64,
    /// Width and height in pixels.
    pub size: (u32, u32),
}

impl Found {
    /// One of which nothing is known.
    fn usual(id: &str, fields: Vec<(&'static str, Value)>) -> Self {
        Self {
            id: id.to_owned(),
            fields,
            fps: USUAL_FPS,
            size: USUAL_SIZE,
        }
    }
}

/// The cameras that the command line names: `ID=URL`.
///
/// # Errors
/// One that is written in another way.
pub fn named(texts: &[String]) -> Result<Vec<Found>, CliError> {
    let mut all: Vec<Found> = Vec::new();
    for text in texts {
        // A URL may have a password in it, so the text is not quoted.
        let (id, url) = text.split_once('=').ok_or_else(|| {
            wrong("--camera: expected ID=URL, such as gate=rtsp://192.0.2.10/stream1".to_owned())
        })?;
        if all.iter().any(|it| it.id == id) {
            return Err(wrong(format!(
                "--camera: two cameras have the id '{}'",
                camweave_redact::printable(id)
            )));
        }
        all.push(one(id, vec![("url", Value::text(url))])?.0);
    }
    Ok(all)
}

/// The cameras that a person types.
///
/// # Errors
/// Standard input cannot be read.
pub fn asked() -> Result<Vec<Found>, CliError> {
    let mut all: Vec<Found> = Vec::new();
    note!("Your cameras, one after the other. An empty line ends the list.");
    loop {
        let Some(url) = line("URL (rtsp://host/path): ")? else {
            return Ok(all);
        };
        let usual = format!("cam{}", all.len() + 1);
        let id = line(&format!("name [{usual}]: "))?.unwrap_or(usual);
        if all.iter().any(|it| it.id == id) {
            note!("there is a camera '{id}' already");
            continue;
        }
        let mut fields = vec![("url", Value::text(&*url))];
        let (mut found, mut failure) = match one(&id, fields.clone()) {
            Ok(found) => found,
            Err(error) => {
                note!("{error}");
                continue;
            }
        };
        if failure.is_some_and(|it| it == FailureKind::Unauthorized)
            && let Some(user) = line("user: ")?
        {
            let password = read_password()
                .map_err(|error| wrong(format!("the password cannot be read: {error}")))?;
            fields.push(("username", Value::text(user)));
            fields.push(("password", Value::Text(password)));
            match one(&id, fields) {
                Ok(again) => (found, failure) = again,
                Err(error) => {
                    note!("{error}");
                    continue;
                }
            }
        }
        let is_kept = failure.is_none() || {
            let answer = line("add it all the same? It is retried while the graph runs [Y/n]: ")?;
            answer.is_none_or(|it| it.to_lowercase().starts_with('y'))
        };
        if is_kept {
            all.push(found);
        }
    }
}

/// Looks at the camera of these fields. One that refers to variables cannot be looked at: the
/// services have them, and not this command.
fn one(
    id: &str,
    fields: Vec<(&'static str, Value)>,
) -> Result<(Found, Option<FailureKind>), CliError> {
    let refers = |value: &Value| match value {
        Value::Text(text) => text.expose().contains("${"),
        Value::List(text) => text.contains("${"),
    };
    if fields.iter().any(|(_, value)| refers(value)) {
        let shown = camweave_redact::printable(id);
        note!("{shown}: refers to variables, so it is not looked at");
        return Ok((Found::usual(id, fields), None));
    }
    looked_at(&checked(id, &fields)?, fields)
}

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// The camera, if it could be written.
fn checked(id: &str, fields: &[(&str, Value)]) -> Result<Camera, CliError> {
    camera(id, fields).map_err(|error| match error {
        // There is no file whose line that would be.
        CamerasError::Invalid { message, .. } => wrong(message),
        other => wrong(other.to_string()),
    })
}

/// Looks at a camera: what it sends, or what is usual, and why that is not known.
fn looked_at(
    camera: &Camera,
    fields: Vec<(&'static str, Value)>,
) -> Result<(Found, Option<FailureKind>), CliError> {
    let found = Found::usual(&camera.id, fields);
    let options = camweave_probe::Options {
        watch: WATCH,
        watch_at_most: WATCH,
        ..camweave_probe::Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Resource, format!("cannot start: {error}")))?;
    let id = &camera.id;
    let probed: Result<Probed, Failure> = runtime.block_on(probe(camera, &options, |step| {
        if let Step::Connecting { client } = step {
            note!("{id}: connecting to {} ({client}) ...", camera.url);
        }
    }));
    runtime.shutdown_background();
    match probed {
        Ok(probed) => {
            let size = probed.size.unwrap_or(found.size);
            let fps = probed.stream.frame_rate.unwrap_or(found.fps);
            note!(
                "{id}: {} {}x{}, {fps:.1} frames/s",
                probed.codec.as_str(),
                size.0,
                size.1
            );
            for remark in &probed.remarks {
                note!("{id}: {remark}");
            }
            Ok((Found { size, fps, ..found }, None))
        }
        Err(failure) => {
            let text = camera.known_secrets().hide(&failure.to_string());
            note!("{id}: cannot be played ({}): {text}", failure.kind.as_str());
            note!("{id}: what to do: {}", failure.kind.advice());
            Ok((found, Some(failure.kind)))
        }
    }
}

/// A line that is typed; `None`: an empty one, or the end.
fn line(question: &str) -> Result<Option<String>, CliError> {
    let mut output = stderr().lock();
    drop(
        output
            .write_all(question.as_bytes())
            .and_then(|()| output.flush()),
    );
    drop(output);
    let mut typed = String::new();
    stdin()
        .read_line(&mut typed)
        .map_err(|error| wrong(format!("standard input cannot be read: {error}")))?;
    let typed = typed.trim();
    Ok((!typed.is_empty()).then(|| typed.to_owned()))
}

fn wrong(message: String) -> CliError {
    CliError::new(Exit::Configuration, message)
}
