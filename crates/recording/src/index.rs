//! What is in a folder of clips, from its files alone: there is no database that could be lost, or
//! differ from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use camweave_outdir::read_bounded;

use crate::finish::{SIDECAR, VIDEO};
use crate::name::ClipName;
use crate::sidecar::Sidecar;
use crate::store::days;

/// A sidecar that is longer is none.
const MOST_SIDECAR_BYTES: u64 = 256 << 20;

/// A finished clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Whose it is, and when it begins.
    pub name: ClipName,
    /// Where it is.
    pub path: PathBuf,
    /// Of the clip and its sidecar.
    pub bytes: u64,
    /// When its last frame was written, by this machine's clock.
    pub written: SystemTime,
}

impl Clip {
    /// Of the file at `path`, if that is named like a clip.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = file.strip_suffix(VIDEO).and_then(ClipName::parse) else {
            return Ok(None);
        };
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() {
            return Ok(None);
        }
        let beside = fs::symlink_metadata(path.with_file_name(name.stem() + SIDECAR));
        Ok(Some(Self {
            name,
            path: path.to_owned(),
            bytes: found.len() + beside.map_or(0, |it| it.len()),
            written: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        }))
    }

    /// Where its sidecar is.
    #[must_use]
    pub fn sidecar_path(&self) -> PathBuf {
        self.path.with_file_name(self.name.stem() + SIDECAR)
    }
}

/// The finished clips in the folder at `path`, by begin and camera. A folder that is not there has none.
///
/// # Errors
/// A folder cannot be listed.
pub fn clips(path: &Path) -> io::Result<Vec<Clip>> {
    let days = match days(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        days => days?,
    };
    let mut all = Vec::new();
    for day in days {
        all.extend(clips_of(&day)?);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The same in the folder of a day, in no order.
///
/// # Errors
/// It cannot be listed, for another reason than that it is gone.
pub(crate) fn clips_of(day: &Path) -> io::Result<Vec<Clip>> {
    let listed = match fs::read_dir(day) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut all = Vec::new();
    for entry in listed {
        match Clip::at(&entry?.path()) {
            Ok(clip) => all.extend(clip),
            // It was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Reads what is beside the clip at `path`.
///
/// # Errors
/// There is no sidecar, or it is none of this version.
pub fn read_sidecar(path: &Path) -> io::Result<Sidecar> {
    let bytes = read_bounded(&path.with_extension("json"), MOST_SIDECAR_BYTES)?;
    let sidecar: Sidecar = serde_json::from_slice(&bytes)?;
    if sidecar.schema != Sidecar::SCHEMA {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "its schema is '{}', expected '{}'",
                sidecar.schema.escape_debug(),
                Sidecar::SCHEMA
            ),
        ));
    }
    Ok(sidecar)
}
