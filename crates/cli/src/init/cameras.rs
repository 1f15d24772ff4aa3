//! Cameras, asked for one after the other, and looked at.

use std::time::Duration;

use camweave_cameras::Camera;
use camweave_cameras::edit::Value;
use camweave_probe::{Failure, FailureKind, Probed, Step, probe};
use camweave_stage::Exit;

use crate::cameras::checked;
use crate::error::CliError;
use crate::say::note;
use crate::terminal::{self, agrees, line};

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

/// What somebody else has said of a camera.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    pub size: Option<(u32, u32)>,
    pub fps: Option<f64>,
    /// It has only answered a search, so it does not get the password itself (basic authentication).
    pub is_stranger: bool,
}

impl Found {
    /// One of which no more is known.
    fn told(id: &str, fields: Vec<(&'static str, Value)>, told: Told) -> Self {
        Self {
            id: id.to_owned(),
            fields,
            fps: told.fps.unwrap_or(USUAL_FPS),
            size: told.size.unwrap_or(USUAL_SIZE),
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
        let fields = vec![("url", Value::text(url))];
        all.push(one(id, fields, Told::default())?.0);
    }
    Ok(all)
}

/// The cameras that a person types.
///
/// # Errors
/// Standard input cannot be read.
pub fn asked(all: &mut Vec<Found>) -> Result<(), CliError> {
    let which = if all.is_empty() { "Your" } else { "Further" };
    note!("{which} cameras, one after the other. An empty line ends the list.");
    loop {
        let Some(url) = line("URL (rtsp://host/path): ")? else {
            return Ok(());
        };
        let usual = format!("cam{}", all.len() + 1);
        let id = line(&format!("name [{usual}]: "))?.unwrap_or(usual);
        if all.iter().any(|it| it.id == id) {
            note!("there is a camera '{id}' already");
            continue;
        }
        let mut fields = vec![("url", Value::text(&*url))];
        let (mut found, mut failure) = match one(&id, fields.clone(), Told::default()) {
            Ok(found) => found,
            Err(error) => {
                note!("{error}");
                continue;
            }
        };
        if failure.is_some_and(|it| it == FailureKind::Unauthorized)
            && let Some(user) = line("user: ")?
        {
            let password = terminal::password()?;
            fields.push(("username", Value::text(user)));
            fields.push(("password", Value::Text(password)));
            match one(&id, fields, Told::default()) {
                Ok(again) => (found, failure) = again,
                Err(error) => {
                    note!("{error}");
                    continue;
                }
            }
        }
        let is_kept =
            failure.is_none() || agrees("add it all the same? It is retried while the graph runs")?;
        if is_kept {
            all.push(found);
        }
    }
}

/// Looks at the camera of these fields. One that refers to variables cannot be looked at: the
/// services have them, and not this command.
///
/// # Errors
/// It could not be written into a cameras.yml.
pub fn one(
    id: &str,
    fields: Vec<(&'static str, Value)>,
    told: Told,
) -> Result<(Found, Option<FailureKind>), CliError> {
    let refers = |value: &Value| match value {
        Value::Text(text) => text.expose().contains("${"),
        Value::List(text) => text.contains("${"),
        Value::Map(text) => text.expose().contains("${"),
    };
    if fields.iter().any(|(_, value)| refers(value)) {
        let shown = camweave_redact::printable(id);
        note!("{shown}: refers to variables, so it is not looked at");
        return Ok((Found::told(id, fields, told), None));
    }
    let camera = checked(id, &fields)?;
    looked_at(&camera, Found::told(id, fields, told), !told.is_stranger)
}

/// Looks at a camera: what it sends, or what is known of it otherwise, and why it was not seen.
fn looked_at(
    camera: &Camera,
    found: Found,
    with_basic: bool,
) -> Result<(Found, Option<FailureKind>), CliError> {
    let options = camweave_probe::Options {
        watch: WATCH,
        watch_at_most: WATCH,
        with_basic,
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

fn wrong(message: String) -> CliError {
    CliError::new(Exit::Configuration, message)
}
