//! `camweave cameras`: what a cameras.yml says, or what is wrong with it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camweave_cameras::Areas;
use camweave_stage::Exit;

use crate::error::CliError;
use crate::say::{note, say};

/// Whether others than the file's owner and group may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Prints the cameras of `file`, without credentials.
pub fn check(file: &Path) -> Result<Exit, CliError> {
    let cameras = camweave_cameras::load(file)
        .map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
    for camera in &cameras {
        let login = if camera.credentials.is_some() {
            ", with credentials"
        } else {
            ""
        };
        let areas = shown(&camera.areas);
        say!("{:<16} {}{login}{areas}", camera.id, camera.url);
    }
    say!("{} cameras", cameras.len());
    if shows_secrets(file) {
        note!(
            "warning: every user can read '{}', which contains a password; 'chmod 600' it, or put the password into an environment variable",
            file.display()
        );
    }
    Ok(Exit::Success)
}

fn shown(areas: &Areas) -> String {
    let mut text = String::new();
    if let Some(region) = areas.region {
        text += &format!(", region {:?}", region.edges());
    }
    match areas.ignored.polygons().len() {
        0 => {}
        1 => text += ", 1 ignored area",
        count => text += &format!(", {count} ignored areas"),
    }
    text
}

/// Whether a password stands in the file itself, and anyone may read it.
fn shows_secrets(file: &Path) -> bool {
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    mode & READABLE_BY_OTHERS != 0 && camweave_cameras::has_literal_secrets(file)
}
