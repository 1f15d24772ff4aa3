//! Which record is to be delivered next: two places in a file that are written in turn, so that one of
//! them is whole at any time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use camweave_outdir::{create_new, open_own};

use crate::{Error, disk};

const NAME: &str = "cursor";
const PLACE: usize = 20;
const PLACES: u64 = 2;

#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    /// None: it has no whole place, as the disk did not take it yet.
    file: Option<File>,
    /// The next undelivered record.
    next: u64,
    /// What the file says.
    written: u64,
    turn: u64,
}

fn encoded(turn: u64, next: u64) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[..8].copy_from_slice(&turn.to_le_bytes());
    place[8..16].copy_from_slice(&next.to_le_bytes());
    let crc = crc32fast::hash(&place[..16]);
    place[16..].copy_from_slice(&crc.to_le_bytes());
    place
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Turn and cursor of a place that is whole.
fn decoded(place: &[u8; PLACE]) -> Option<(u64, u64)> {
    let number = |at: usize| Some(u64::from_le_bytes(place[at..at + 8].try_into().ok()?));
    let (turn, next) = (number(0)?, number(8)?);
    (encoded(turn, next) == *place).then_some((turn, next))
}

impl Cursor {
    /// A disk that is full is no error: the file is made as soon as there is room.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let mut cursor = Self {
            path,
            file: None,
            next: 0,
            written: 0,
            turn: 0,
        };
        let mut options = File::options();
        let file = match open_own(options.read(true).write(true), &cursor.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return cursor.made_if_there_is_room();
            }
            Err(error) => return Err(Error::io("open", &cursor.path)(error)),
        };
        let mut places = Vec::new();
        for index in 0..PLACES {
            let mut place = [0; PLACE];
            if file.read_exact_at(&mut place, index * PLACE as u64).is_ok() {
                places.extend(decoded(&place));
            }
        }
        let Some((turn, next)) = places.into_iter().max() else {
            return cursor.made_if_there_is_room();
        };
        (cursor.turn, cursor.next, cursor.written) = (turn, next, next);
        cursor.file = Some(file);
        Ok(cursor)
    }

    fn made_if_there_is_room(mut self) -> Result<Self, Error> {
        match self.make() {
            Err(Error::Io { source, .. }) if is_full(&source) => Ok(self),
            made => made.map(|()| self),
        }
    }

    /// Writes both places, so that a full disk has room for each later cursor.
    fn make(&mut self) -> Result<(), Error> {
        let mut options = File::options();
        let file = match open_own(options.read(true).write(true), &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_new(&self.path, 0o600),
            opened => opened,
        };
        let file = file.map_err(Error::io("create", &self.path))?;
        let mut both = encoded(0, self.next).to_vec();
        both.extend_from_slice(&encoded(0, self.next));
        disk::write(&file, &both, 0).map_err(Error::io("write", &self.path))?;
        (self.file, self.written) = (Some(file), self.next);
        Ok(())
    }

    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn advance(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Brings the file up to date.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.file.is_none() {
            self.make()?;
        }
        let Some(file) = self.file.as_ref().filter(|_| self.written != self.next) else {
            return Ok(());
        };
        let turn = self.turn + 1;
        let place = encoded(turn, self.next);
        let at = turn % PLACES * PLACE as u64;
        disk::write(file, &place, at).map_err(Error::io("write", &self.path))?;
        (self.turn, self.written) = (turn, self.next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::faults;

    #[test]
    fn a_disk_without_room_for_it_gets_it_later() {
        for room in 0..2 * PLACE {
            let folder = tempfile::tempdir().expect("a folder");
            faults::set_room(Some(room));
            let mut cursor = Cursor::open(folder.path()).expect("it is no error");
            cursor.advance(4);
            assert!(cursor.sync().is_err(), "{room}");
            faults::set_room(None);
            cursor.sync().expect("room");
            assert_eq!(Cursor::open(folder.path()).expect("a cursor").next(), 4);
        }
    }

    #[test]
    fn a_cursor_that_is_torn_at_any_byte_is_the_one_before() {
        for room in 0..PLACE {
            let folder = tempfile::tempdir().expect("a folder");
            let mut cursor = Cursor::open(folder.path()).expect("a cursor");
            for next in [3, 7] {
                cursor.advance(next);
                cursor.sync().expect("written");
            }
            cursor.advance(9);
            faults::set_room(Some(room));
            assert!(cursor.sync().is_err(), "{room}");
            faults::set_room(None);
            assert_eq!(Cursor::open(folder.path()).expect("a cursor").next(), 7);
            // The same process goes on.
            cursor.sync().expect("written");
            assert_eq!(Cursor::open(folder.path()).expect("a cursor").next(), 9);
        }
    }
}
