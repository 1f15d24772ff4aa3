//! Files that nobody sees before they are whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Creates a file that must not exist, also not as a link.
///
/// # Errors
/// It exists, or the disk refuses.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// A file that takes the place of another, or a free one, when it is whole. Until then it has a
/// name that begins with `.camweave` and is camweave's in every folder. One that is dropped before
/// is removed.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    temporary: Temporary,
    file: File,
}

/// Removes the file unless it has been moved away.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(fs::remove_file(path));
        }
    }
}

impl NewFile {
    /// Creates the file that is to be at `path`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn create(path: &Path, mode: u32) -> io::Result<Self> {
        let temporary = beside(path, "new");
        let file = fresh(&temporary, mode)?;
        Ok(Self {
            path: path.to_owned(),
            temporary: Temporary(Some(temporary)),
            file,
        })
    }

    /// The file, for reading and writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, in one step. The name alone says that the file is camweave's.
    ///
    /// # Errors
    /// What the system reports; what was there before still is.
    pub fn put_in_place_by_name(mut self) -> io::Result<File> {
        if let Some(temporary) = &self.temporary.0 {
            fs::rename(temporary, &self.path)?;
        }
        self.temporary.0 = None;
        Ok(self.file)
    }
}

/// A name that is camweave's in every folder: it begins with `.camweave`.
pub(crate) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".camweave.");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

pub(crate) fn fresh(path: &Path, mode: u32) -> io::Result<File> {
    match create_new(path, mode) {
        // A killed process has left it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new(path, mode)
        }
        created => created,
    }
}
