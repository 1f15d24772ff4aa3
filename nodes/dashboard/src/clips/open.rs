//! Opening the files of clips: by names that the index has, through no link.

use std::fs::File;
use std::io;
use std::path::Path;

use camweave_recording::ClipName;
use rustix::fs::{CWD, Mode, OFlags, openat};

/// Which file of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Video,
    Sidecar,
}

impl Part {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Video => "mp4",
            Self::Sidecar => "json",
        }
    }
}

/// Opens a file of a clip in the folder of clips. Each folder is opened in the one above it, so that
/// none of them can be replaced by a link meanwhile.
///
/// # Errors
/// What the system reports; it is no regular file.
pub(super) fn open(root: &Path, name: &ClipName, part: Part) -> io::Result<File> {
    let folder = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
    let below = folder | OFlags::NOFOLLOW;
    let root = openat(CWD, root, folder, Mode::empty())?;
    let camera = openat(&root, &name.camera, below, Mode::empty())?;
    let day = openat(&camera, name.day(), below, Mode::empty())?;
    let file = format!("{}.{}", name.stem(), part.extension());
    // Nothing is waited for, as for the other end of a FIFO.
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&day, file, read, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is no regular file",
    ))
}
