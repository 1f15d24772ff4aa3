//! Files that readers never see half of.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, FallocateFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::is_full;
use crate::mark::Mark;
use crate::new_file::{NewFile, beside, fresh};
use crate::own::open_own;

/// The unit in which file systems allocate, in bytes.
const BLOCK: usize = 4096;

impl NewFile {
    /// Puts it in its place, in one step. If the folder's mark has the name, it is noted there
    /// which file bears it, so that one that somebody else puts there later is not taken for
    /// camweave's.
    ///
    /// # Errors
    /// What the system reports; what was there before still is.
    pub fn put_in_place(self) -> io::Result<File> {
        note(self.path(), &self.file().metadata()?)?;
        self.put_in_place_by_name()
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
