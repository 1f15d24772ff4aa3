//! `camweave cameras`: what a cameras.yml says, or what is wrong with it.

use std::path::Path;

use camweave_stage::Exit;

use crate::error::CliError;
use crate::say::say;

/// Prints the cameras of `file`, without credentials.
pub fn check(file: &Path) -> Result<Exit, CliError> {
    let cameras = camweave_rtsp_source::cameras::load(file)
        .map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
    for camera in &cameras {
        let login = if camera.credentials.is_some() {
            ", with credentials"
        } else {
            ""
        };
        say!("{:<16} {}{login}", camera.id, camera.url);
    }
    say!("{} cameras", cameras.len());
    Ok(Exit::Success)
}
