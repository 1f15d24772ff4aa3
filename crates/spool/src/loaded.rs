//! A segment's bytes, and the records in them, whatever the disk has made of the bytes between.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use camweave_outdir::open_own;

use crate::record::{HEAD, Place};
use crate::segment::FRONT;
use crate::{Error, Record, disk};

/// Where reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The segment's first number.
    first: u64,
    at: usize,
    /// The least number that the next record can have.
    expected: u64,
}

/// A segment that is read, one record after the other.
#[derive(Debug)]
pub(crate) struct Loaded {
    path: PathBuf,
    /// None: the disk has lost even its length.
    file: Option<File>,
    bytes: Vec<u8>,
    /// Up to here the disk has given something, or failed.
    read: u64,
    /// Where the last place ends at which it failed.
    unreadable: Option<u64>,
    position: Position,
}

/// What was found, and what is lost in front of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub lost: Option<Range<u64>>,
    pub record: Option<Record>,
}

impl Loaded {
    /// # Errors
    /// The file cannot be opened, and not as the disk is damaged.
    pub fn open(path: &Path, first: u64) -> Result<Self, Error> {
        let file = match open_own(File::options().read(true), path) {
            Ok(file) => Some(file),
            Err(error) if disk::is_damage(&error) => None,
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        Ok(Self {
            path: path.to_owned(),
            unreadable: file.is_none().then_some(u64::MAX),
            file,
            bytes: Vec::new(),
            read: 0,
            position: Position {
                first,
                at: FRONT as usize,
                expected: first,
            },
        })
    }

    pub fn is_of(&self, path: &Path) -> bool {
        self.path == path
    }

    /// Reads what is new up to so many bytes.
    pub fn load(&mut self, to: u64) {
        let Some(file) = &self.file else {
            return;
        };
        if self.read >= to {
            return;
        }
        let failed = disk::read(file, self.read, to, &mut self.bytes);
        self.unreadable = failed.or(self.unreadable);
        self.read = to;
    }

    /// Whether the disk gives nothing for a byte at or after this one.
    pub fn is_unreadable_after(&self, at: u64) -> bool {
        self.unreadable.is_some_and(|it| it > at)
    }

    /// Its first bytes.
    pub fn front(&self) -> Option<&[u8]> {
        self.bytes.get(..FRONT as usize)
    }

    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes to where reading was, if that was in this segment.
    pub fn go_to(&mut self, position: Position) {
        if position.first == self.position.first {
            self.position = position;
        }
    }

    /// Bytes up to the end of the record that was read last.
    pub fn at(&self) -> u64 {
        self.position.at as u64
    }

    /// The next whole record in front of the number `before`, and whether other bytes are in front of it.
    /// It is looked for at each byte: a damaged length says nothing about where the next one begins.
    pub fn next(&mut self, before: u64) -> Option<(bool, Place<'_>)> {
        let Position { at, expected, .. } = self.position;
        let last = self.bytes.len().checked_sub(HEAD)?;
        let (start, place) = (at..=last).find_map(|start| {
            let place = Place::read(&self.bytes[start..], expected)?;
            (place.number < before).then_some((start, place))
        })?;
        self.position.at = start + place.length();
        self.position.expected = place.number + 1;
        Some((start > at, place))
    }

    /// The first whole record from the number `from` on, in front of the number `before`.
    pub fn find(&mut self, from: u64, before: u64) -> Found {
        if from < self.position.expected {
            let first = self.position.first;
            (self.position.at, self.position.expected) = (FRONT as usize, first);
        }
        loop {
            let expected = self.position.expected.max(from);
            match self.next(before) {
                None => {
                    return Found {
                        lost: Some(expected..before),
                        record: None,
                    };
                }
                Some((is_damaged, place)) if place.number >= from => {
                    return Found {
                        lost: is_damaged.then_some(expected..place.number),
                        record: Some(place.into()),
                    };
                }
                Some(_) => {}
            }
        }
    }
}
