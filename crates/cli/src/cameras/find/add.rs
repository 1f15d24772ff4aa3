//! Writes what was found into a cameras.yml.

use std::net::IpAddr;
use std::path::Path;

use camweave_cameras::edit::{Editor, Value};
use camweave_redact::{SecretUrl, printable};

use super::streams::{Entry, Which};
use crate::cameras::change::failed;
use crate::cameras::ids::id_of;
use crate::cameras::secrets;
use crate::error::CliError;
use crate::say::say;

/// What has become of the cameras that were found.
#[derive(Default)]
pub struct Added {
    pub new: Vec<New>,
    /// Ids of those that were there.
    pub known: Vec<String>,
    /// Names of those whose stream cannot be added.
    pub left_out: Vec<String>,
}

/// A camera that was added.
pub struct New {
    pub id: String,
    pub address: IpAddr,
    url: SecretUrl,
    format: String,
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
    let mut cameras: Vec<(String, SecretUrl)> = Vec::new();
    if file.exists() {
        let there = editor.cameras().map_err(|error| failed(&error))?;
        cameras.extend(there.into_iter().map(|it| (it.id, it.url)));
    }
    for entry in entries {
        let Some((stream, url)) = entry.stream(which).zip(entry.url(which)) else {
            added.left_out.push(entry.name.clone());
            continue;
        };
        if let Some((id, _)) = cameras.iter().find(|(_, known)| *known == url.url) {
            added.known.push(id.clone());
            continue;
        }
        let id = id_of(&entry.name, |id| {
            cameras.iter().any(|(known, _)| known == id)
        });
        let mut fields = vec![("url", Value::text(url.url.expose().as_str()))];
        fields.extend(login.iter().cloned());
        editor.add(&id, &fields).map_err(|error| failed(&error))?;
        cameras.push((id.clone(), url.url.clone()));
        added.new.push(New {
            id,
            address: entry.asked.device.address,
            url: url.url.clone(),
            format: super::lines::format(stream),
        });
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
        say!("added    {:<24} {} ({})", new.id, new.url, new.format);
    }
    for id in &added.known {
        say!("there    {id}");
    }
    for name in &added.left_out {
        say!("left out {}", printable(name));
    }
    say!(
        "'{}': {} added, {} there already",
        file.display(),
        added.new.len(),
        added.known.len()
    );
    Ok(())
}
