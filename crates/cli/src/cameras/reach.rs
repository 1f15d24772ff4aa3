//! How a camera is reached: what the commands that name one have in common.

use camweave_cameras::edit::{Value, camera};
use camweave_cameras::{Camera, CamerasError};
use camweave_stage::Exit;
use clap::Args;

use super::login::Password;
use super::secrets;
use crate::error::CliError;

/// Fields of a camera.
pub type Fields<'a> = Vec<(&'a str, Value)>;

/// The options.
#[derive(Debug, Args)]
pub struct Reach {
    /// The user, where the camera asks for one.
    #[arg(long)]
    username: Option<String>,
    #[command(flatten)]
    password: Password,
    /// tcp or udp.
    #[arg(long)]
    transport: Option<String>,
    /// auto, rtsp or ffmpeg.
    #[arg(long)]
    client: Option<String>,
}

impl Reach {
    /// The fields of a camera at `url`, which a command line has.
    pub fn fields(&self, url: &str) -> Result<Fields<'static>, CliError> {
        secrets::warn_of_typed(url);
        let mut fields = vec![("url", Value::text(url))];
        for (field, value) in [
            ("transport", &self.transport),
            ("client", &self.client),
            ("username", &self.username),
        ] {
            fields.extend(value.as_deref().map(|value| (field, Value::text(value))));
        }
        fields.extend(self.password.value()?.map(|value| ("password", value)));
        Ok(fields)
    }
}

/// The camera, if it could be written. What a command was given is hidden until it ends.
pub fn checked(id: &str, fields: &[(&str, Value)]) -> Result<Camera, CliError> {
    let wrong = |message| CliError::new(Exit::Configuration, message);
    let camera = camera(id, fields).map_err(|error| match error {
        // There is no file whose line that would be.
        CamerasError::Invalid { message, .. } => wrong(message),
        other => wrong(other.to_string()),
    })?;
    camweave_redact::remember(&camera.known_secrets());
    Ok(camera)
}
