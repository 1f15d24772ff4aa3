//! The one place where bytes go to the disk and come from it, so that tests can let it fail at each of
//! them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What the system reads from a disk at once: where that fails, what follows may still be read.
const PAGE: u64 = 4096;
/// So many of these in a row that cannot be read are the end: each may take seconds.
const UNREADABLE_IN_A_ROW: usize = 8;

/// Writes `bytes` at `at`, and waits until they are on disk.
pub(crate) fn write(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(test)]
    let bytes = &bytes[..faults::room_for(bytes.len())];
    file.write_all_at(bytes, at)?;
    #[cfg(test)]
    faults::check()?;
    file.sync_data()
}

/// Appends the file's bytes from `from` to `to` to `into`. Zeros are in place of what cannot be read: where
/// the last such place ends. The file may be shorter.
pub(crate) fn read(file: &File, from: u64, to: u64, into: &mut Vec<u8>) -> Option<u64> {
    let (mut at, mut unreadable) = (from, 0);
    let mut failed = None;
    while at < to {
        let start = into.len();
        into.resize(start + usize::try_from(to - at).unwrap_or_default(), 0);
        let read = read_at(file, &mut into[start..], at);
        let count = read.as_ref().copied().unwrap_or_default();
        into.truncate(start + count);
        at += count as u64;
        match read {
            Ok(0) => break,
            Ok(_) => unreadable = 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                unreadable += 1;
                let next = match unreadable {
                    UNREADABLE_IN_A_ROW => to,
                    _ => to.min((at / PAGE + 1) * PAGE),
                };
                into.resize(start + usize::try_from(next - at).unwrap_or_default(), 0);
                (at, failed) = (next, Some(next));
            }
        }
    }
    failed
}

fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(test)]
    let into = faults::readable(into, at)?;
    file.read_at(into, at)
}

/// Whether the disk itself has lost what was asked for: other failures may pass.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let damage = [Errno::IO, Errno::UCLEAN, Errno::BADMSG, Errno::NODATA];
    let code = error.raw_os_error();
    code.is_some_and(|code| damage.iter().any(|it| it.raw_os_error() == code))
}

/// Waits until the names in the folder are on disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
pub(crate) mod faults {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        /// Bytes that the disk takes; the next one fails, and all after it.
        static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
        static IS_FULL: Cell<bool> = const { Cell::new(false) };
        /// A page of each file that cannot be read.
        static UNREADABLE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Lets the disk of this thread take so many bytes more.
    pub fn set_room(bytes: Option<usize>) {
        ROOM.set(bytes);
        IS_FULL.set(false);
    }

    /// Lets a page of the disk of this thread be unreadable.
    pub fn set_unreadable(page: Option<u64>) {
        UNREADABLE.set(page);
    }

    pub fn room_for(bytes: usize) -> usize {
        let Some(room) = ROOM.get() else {
            return bytes;
        };
        IS_FULL.set(room < bytes);
        ROOM.set(Some(room.saturating_sub(bytes)));
        room.min(bytes)
    }

    pub fn check() -> io::Result<()> {
        match IS_FULL.get() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    /// What can be read of `into` at once.
    pub fn readable(into: &mut [u8], at: u64) -> io::Result<&mut [u8]> {
        let Some(page) = UNREADABLE.get() else {
            return Ok(into);
        };
        let (start, end) = (page * super::PAGE, (page + 1) * super::PAGE);
        if (start..end).contains(&at) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let whole = into.len();
        let length = if at < start {
            whole.min(usize::try_from(start - at).expect("small"))
        } else {
            whole
        };
        Ok(&mut into[..length])
    }
}
