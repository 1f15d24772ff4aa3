//! Names that last through a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

/// Brings the names in a folder to disk.
///
/// # Errors
/// The folder cannot be opened, or the disk refuses.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The same of the folder that `path` is in.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}
