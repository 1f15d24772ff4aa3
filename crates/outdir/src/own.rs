//! Opening files of camweave's in folders where others may put what they like.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that camweave is going to write into: only a regular file with one name, so that
/// nothing is written through a link, symbolic or hard, into a file of somebody else's. Never
/// waits, as for the other end of a FIFO. `options` must not truncate: that is done before what
/// was opened can be looked at.
///
/// # Errors
/// What the system reports; [`ErrorKind::InvalidInput`] for what is no regular file,
/// [`ErrorKind::InvalidData`] for one with a second name.
pub fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options, path)?;
    if file.metadata()?.nlink() > 1 {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it has a second name (a hard link)",
        ));
    }
    Ok(file)
}

/// Opens a file for reading, only a regular one, and never waits.
///
/// # Errors
/// As [`open_own`]; a second name does no harm to a reader.
pub fn open_for_reading(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// All of a small file.
///
/// # Errors
/// As [`open_for_reading`]; [`ErrorKind::InvalidData`] for one of more than `most` bytes.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_for_reading(path)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("it has more than {most} bytes"),
        ));
    }
    Ok(bytes)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link")
        }
        _ => error,
    })?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        "it is no regular file",
    ))
}

/// Whether the open file is the one that `path` names now.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok(named.ino() == opened.ino() && named.dev() == opened.dev()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_with_one_name_is_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("mine"), "precious").expect("writable");
        std::os::unix::fs::symlink(path("mine"), path("link")).expect("a link");
        fs::hard_link(path("mine"), path("name")).expect("a second name");
        fs::create_dir(path("folder")).expect("writable");
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), 0o600.into()).expect("a FIFO");
        let write = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            options
        };
        for (name, part) in [
            ("link", "symbolic link"),
            ("name", "second name"),
            ("fifo", "regular"),
        ] {
            let error = open_own(&mut write(), &path(name)).expect_err(name);
            assert!(error.to_string().contains(part), "{name}: {error}");
        }
        open_own(&mut write(), &path("folder")).expect_err("a folder");
        for name in ["link", "fifo", "folder"] {
            read_bounded(&path(name), 100).expect_err(name);
        }
        assert_eq!(
            read_bounded(&path("name"), 8).expect("readable"),
            b"precious"
        );
        let error = read_bounded(&path("name"), 7).expect_err("larger");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(fs::read(path("mine")).expect("there"), b"precious");
        open_own(&mut write(), &path("new")).expect("created");
    }
}
