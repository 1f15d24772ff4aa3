use camweave_outdir::{FILE_MODE, Folder, replace};

pub use camweave_runner::RunError as CliError;

/// Replaces a file of results in one step; one that somebody else has written is refused.
pub fn write(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), CliError> {
    let path = folder.claim(name)?;
    replace(&path, bytes, FILE_MODE).map_err(|error| CliError::file("write", &path, &error))
}
