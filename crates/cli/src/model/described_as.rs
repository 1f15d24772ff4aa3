//! The description of a model as of one family, whatever `MODEL.yml` says of it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use camweave_model::{Family, settings_path};

use super::{Options, ask};
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
    link_all(parent, folder.path(), &settings)
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

/// Links what is in a folder into another one, but for `left_out` and what is hidden: a model's
/// weights may be in any file beside it.
fn link_all(from: &Path, to: &Path, left_out: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if Some(&*name) == left_out.file_name() || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link that leads nowhere is nobody's weights.
        let Ok(path) = fs::canonicalize(from.join(&name)) else {
            continue;
        };
        let link = to.join(&name);
        // Folders, and files of other file systems or users, have no hard links.
        fs::hard_link(&path, &link).or_else(|_| symlink(&path, &link))?;
    }
    Ok(())
}
