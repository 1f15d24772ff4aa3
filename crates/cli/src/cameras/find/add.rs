//! Writes what was found into a cameras.yml.

use std::net::IpAddr;
use std::path::Path;

use camweave_cameras::edit::{Editor, Value};
use camweave_redact::{SecretUrl, printable};

use super::choose::{Chosen, Written, choose};
use super::streams::{Entry, Which};
use crate::cameras::change::failed;
use crate::cameras::secrets;
use crate::error::CliError;
use crate::say::say;

/// What has become of the cameras that were found.
#[derive(Default)]
pub struct Added {
    pub new: Vec<New>,
    /// Ids of those that were there.
    pub known: Vec<String>,
    /// Names of those that cannot be added, and why.
    pub left_out: Vec<(String, String)>,
}

/// A camera that was added.
pub struct New {
    pub id: String,
    pub address: IpAddr,
    url: SecretUrl,
    format: String,
    /// There is a login, and its device has not asked for it.
    lacks_login: bool,
}

/// Adds the cameras that are not in the file yet: those of another URL.
pub fn add(
    file: &Path,
    entries: &[Entry<'_>],
    which: Which,
    login: &[(&'static str, Value)],
) -> Result<Added, CliError> {
    let mut added = Added::default();
    if entries.is_empty() {
        return Ok(added);
    }
    let mut editor = Editor::open_or_create(file).map_err(|error| failed(&error))?;
    let mut cameras: Vec<(String, Option<SecretUrl>)> = Vec::new();
    if file.exists() {
        let there = editor.cameras().map_err(|error| failed(&error))?;
        for camera in there {
            let record = camera.record.map(|it| (camera.id.clone(), Some(it.url)));
            cameras.push((camera.id, Some(camera.url)));
            cameras.extend(record);
        }
    }
    for entry in entries {
        match choose(entry, which, login, &cameras) {
            Chosen::Known(id) => added.known.push(id),
            Chosen::LeftOut(why) => added.left_out.push((entry.name.clone(), why)),
            Chosen::New(new) => {
                let Written { id, fields, .. } = new;
                editor.add(&id, &fields).map_err(|error| failed(&error))?;
                cameras.push((id.clone(), Some(new.url.clone())));
                added.new.push(New {
                    id,
                    address: entry.asked.device.address,
                    url: new.url.clone(),
                    format: super::lines::format(new.stream),
                    lacks_login: !login.is_empty() && !entry.asked.has_login(),
                });
            }
        }
    }
    if !added.new.is_empty() {
        editor.save().map_err(|error| failed(&error))?;
        secrets::warn(file);
    }
    Ok(added)
}

/// Prints it.
pub fn show(added: &Added, file: Option<&Path>) -> Result<(), CliError> {
    let Some(file) = file else {
        return Ok(());
    };
    for new in &added.new {
        let login = match new.lacks_login {
            true => ", without user and password: its device asked for none",
            false => "",
        };
        say!(
            "added    {:<24} {} ({}){login}",
            new.id,
            new.url,
            new.format
        );
    }
    for id in &added.known {
        say!("there    {id}");
    }
    for (name, why) in &added.left_out {
        say!("left out {}: {why}", printable(name));
    }
    say!(
        "'{}': {} added, {} there already",
        file.display(),
        added.new.len(),
        added.known.len()
    );
    Ok(())
}
