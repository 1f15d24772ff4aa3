//! The description of a model as of one family, whatever `MODEL.yml` says of it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use camweave_model::{Family, settings_path, weight_files};

use super::asked::{Options, ask};
use crate::error::CliError;

/// The description of a model of this family. `MODEL.yml` is neither read nor written: the model is
/// tried under a link, with a `MODEL.yml` that says nothing but the family.
pub(super) fn described_as(options: &Options, family: Family) -> Result<String, CliError> {
    let model = &options.model;
    let parent = match model.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // In the same file system, for hard links: engines refuse weights that are behind another kind.
    let folder = tempfile::Builder::new()
        .prefix(".camweave-model-")
        .tempdir_in(parent)
        .map_err(|error| CliError::file("make a folder in", parent, &error))?;
    let settings = settings_path(model);
    let name = PathBuf::from(model.file_name().unwrap_or_default());
    link(parent, folder.path(), &name)
        .and_then(|()| {
            let mut weights = weight_files(model).into_iter();
            weights.try_for_each(|name| link(parent, folder.path(), &name))
        })
        .map_err(|error| CliError::file("link files of", parent, &error))?;
    let linked = folder.path().join(model.file_name().unwrap_or_default());
    let told = settings_path(&linked);
    fs::write(&told, format!("family: {family}\n"))
        .map_err(|error| CliError::file("write", &told, &error))?;
    let of_link = Options {
        model: linked.clone(),
        engine: options.engine.clone(),
        size: options.size,
    };
    ask(&of_link, "--describe-model").map_err(|mut error| {
        for (link, path) in [(&linked, model), (&told, &settings)] {
            let link = link.display().to_string();
            error.message = error.message.replace(&link, &path.display().to_string());
        }
        error
    })
}

/// Links a file of a folder into another one. What is not there, or not in the folder, is left out: who
/// reads the model says so.
fn link(from: &Path, to: &Path, name: &Path) -> io::Result<()> {
    let is_inside =
        (name.components()).all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let Ok(path) = fs::canonicalize(from.join(name)) else {
        return Ok(());
    };
    if !is_inside {
        return Ok(());
    }
    let link = to.join(name);
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    // Files of other file systems or users have no hard links.
    fs::hard_link(&path, &link).or_else(|_| symlink(&path, &link))
}
