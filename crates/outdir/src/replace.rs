//! Files that readers never see half of.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use crate::error::is_full;

/// What file systems give out at a time, in bytes.
const BLOCK: usize = 4096;

/// Creates a file that must not exist, also not as a link.
///
/// # Errors
/// It exists, or the disk refuses.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// Replaces a file in one step, or creates it. A failure leaves the old one, and nothing else.
///
/// # Errors
/// What the system reports.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = beside(path, "new");
    let written = fresh(&new, mode)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        drop(fs::remove_file(&new));
    }
    written
}

/// As [`replace`], for a small file that is replaced again and again and that matters most when
/// the disk is full: room for the next one, and for as much again, is kept beside it, so that a full
/// disk refuses only what grows to more than twice its size.
///
/// # Errors
/// What the system reports.
pub fn replace_in_room(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let room = beside(path, "room");
    match replace(path, bytes, mode) {
        Ok(()) => {
            // What has no room now is tried again next time.
            drop(keep_room(&room, bytes.len(), mode));
            Ok(())
        }
        Err(error) if is_full(&error) => {
            let mut file = existing(&room).map_err(|_| error)?;
            file.write_all(bytes)?;
            file.set_len(bytes.len() as u64)?;
            drop(file);
            // The old one becomes the room for the next.
            renameat_with(CWD, &room, CWD, path, RenameFlags::EXCHANGE)?;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Keeps blocks for a file of `bytes` bytes.
fn keep_room(room: &Path, bytes: usize, mode: u32) -> io::Result<()> {
    let wanted = (2 * bytes).next_multiple_of(BLOCK).max(2 * BLOCK);
    let is_enough =
        |found: fs::Metadata| found.len().next_multiple_of(BLOCK as u64) >= wanted as u64;
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
    OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
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
