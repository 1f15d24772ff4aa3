//! Files that readers never see half of.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::is_full;
use crate::mark::Mark;
use crate::own::open_own;

/// What file systems give out at a time, in bytes.
const BLOCK: usize = 4096;

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

    /// Puts it in its place, in one step. If the folder's mark has the name, it is noted there
    /// which file bears it, so that one that somebody else puts there later is not taken for
    /// camweave's.
    ///
    /// # Errors
    /// What the system reports; what was there before still is.
    pub fn put_in_place(self) -> io::Result<File> {
        note(&self.path, &self.file.metadata()?)?;
        self.put_in_place_by_name()
    }

    /// The same without the note: the name alone says that the file is camweave's.
    ///
    /// # Errors
    /// As [`NewFile::put_in_place`].
    pub fn put_in_place_by_name(mut self) -> io::Result<File> {
        if let Some(temporary) = &self.temporary.0 {
            fs::rename(temporary, &self.path)?;
        }
        self.temporary.0 = None;
        Ok(self.file)
    }
}

fn note(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let name = name.to_string_lossy();
    // A file outside of result folders, which have a mark, is whoever asked for it's.
    if Mark::names_of(folder).is_ok_and(|names| names.contains(&name)) {
        Mark::open(folder)?.note(folder, &name, found)?;
    }
    Ok(())
}

/// Replaces a file in one step, or creates it. A failure leaves the old one, and nothing else.
///
/// # Errors
/// What the system reports.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = NewFile::create(path, mode)?;
    new.file().write_all(bytes)?;
    new.put_in_place().map(drop)
}

/// As [`replace`], for a small file that is replaced again and again and that matters most when
/// the disk is full: room for the next one, and for as much again, is kept beside it, so that a full
/// disk refuses only what grows to more than twice its size. Needs no room for a note in the mark,
/// so the name alone says that the file is camweave's.
///
/// # Errors
/// What the system reports.
pub fn replace_in_room(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let room = beside(path, "room");
    let written = NewFile::create(path, mode).and_then(|new| {
        new.file().write_all(bytes)?;
        // This one becomes the room when the disk is full.
        drop(allocate(new.file(), wanted(bytes.len())));
        new.put_in_place_by_name()
    });
    match written {
        Ok(_) => {
            // What has no room now is tried again next time.
            drop(keep_room(&room, bytes.len(), mode));
            Ok(())
        }
        Err(error) if is_full(&error) => {
            let mut file = existing(&room).map_err(|_| error)?;
            file.write_all(bytes)?;
            file.set_len(bytes.len() as u64)?;
            // Cutting it gives its further blocks back; the next time but one needs them.
            drop(allocate(&file, wanted(bytes.len())));
            drop(file);
            // The old one becomes the room for the next.
            match renameat_with(CWD, &room, CWD, path, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(()),
                // A file system that cannot exchange. The room is gone until the disk has some.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(&room, path),
                Err(error) => Err(error.into()),
            }
        }
        Err(error) => Err(error),
    }
}

/// Room for a file of so many bytes, and for as much again.
fn wanted(bytes: usize) -> usize {
    (2 * bytes).next_multiple_of(BLOCK).max(2 * BLOCK)
}

/// Allocates the file's first bytes, whatever its length. Some file systems have no such operation.
fn allocate(file: &File, bytes: usize) -> io::Result<()> {
    rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes as u64)?;
    Ok(())
}

/// Keeps blocks for a file of `bytes` bytes.
fn keep_room(room: &Path, bytes: usize, mode: u32) -> io::Result<()> {
    let wanted = wanted(bytes);
    let is_enough = |found: fs::Metadata| {
        let length = found.len().next_multiple_of(BLOCK as u64);
        length.max(found.blocks().saturating_mul(512)) >= wanted as u64
    };
    if fs::symlink_metadata(room).is_ok_and(is_enough) {
        return Ok(());
    }
    let written = fresh(room, mode).and_then(|mut file| file.write_all(&vec![0; wanted]));
    if written.is_err() {
        drop(fs::remove_file(room));
    }
    written
}

fn existing(path: &Path) -> io::Result<File> {
    open_own(OpenOptions::new().write(true), path)
}

/// A name that is camweave's in every folder: it begins with `.camweave`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".camweave.");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

fn fresh(path: &Path, mode: u32) -> io::Result<File> {
    match create_new(path, mode) {
        // A killed process has left it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new(path, mode)
        }
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_room_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary.json");
        for text in ["{}", "{\"a\": 1}"] {
            replace_in_room(&path, text.as_bytes(), 0o640).expect("writable");
            assert_eq!(fs::read_to_string(&path).expect("readable"), text);
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
        let room = folder.path().join(".camweave.summary.json.room");
        assert_eq!(fs::metadata(room).expect("room").len(), 2 * BLOCK as u64);
        // The file becomes the room when the disk is full, so it has the blocks for that.
        let blocks = fs::metadata(&path).expect("there").blocks() as usize * 512;
        assert!(blocks >= 2 * BLOCK || blocks == 0, "{blocks}");
        replace(&path, b"x", 0o600).expect("writable");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn a_link_is_replaced_and_its_target_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("a"), folder.path().join("mine"));
        fs::write(&target, "precious").expect("writable");
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        replace(&path, b"new", 0o640).expect("writable");
        assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
    }
}
