//! The one place where bytes go to the disk, so that tests can let it fail at each of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Writes `bytes` at `at`, and waits until they are on disk.
pub(crate) fn write(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(test)]
    let bytes = &bytes[..faults::room_for(bytes.len())];
    file.write_all_at(bytes, at)?;
    #[cfg(test)]
    faults::check()?;
    file.sync_data()
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
    }

    /// Lets the disk of this thread take so many bytes more.
    pub fn set_room(bytes: Option<usize>) {
        ROOM.set(bytes);
        IS_FULL.set(false);
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
}
