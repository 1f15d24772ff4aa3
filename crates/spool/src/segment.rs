//! One file of records.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use camweave_outdir::{create_new, open_own};

use crate::gaps::Gaps;
use crate::{Error, disk};

pub(crate) const MAGIC: &[u8; 8] = b"CWSPOOL2";
/// Bytes in front of the first record.
pub(crate) const FRONT: u64 = 16;
const SUFFIX: &str = ".seg";
/// Of a file's name: its first number, so that names are in order.
const DIGITS: usize = 20;
/// Files that are damaged, and that nothing more is read of.
const DAMAGED: &str = ".damaged";
/// So many of them are kept.
const DAMAGED_AT_MOST: usize = 4;

/// What is known of a segment that is not open.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub path: PathBuf,
    /// The number that its records begin with, or come after.
    pub first: u64,
    /// The number after its last record.
    pub end: u64,
    /// Numbers between these that have no record: it is lost, or never was on disk.
    pub gaps: Gaps,
    /// Bytes up to the end of its last record.
    pub bytes: u64,
    /// It has lost records: nothing more is written to it.
    pub is_damaged: bool,
}

impl Segment {
    /// Of a file in which no record is known.
    pub fn unread(path: &Path, first: u64) -> Self {
        Self {
            path: path.to_owned(),
            first,
            end: first,
            gaps: Gaps::default(),
            bytes: FRONT,
            is_damaged: false,
        }
    }

    /// Whether no number is of it.
    pub fn is_empty(&self) -> bool {
        self.end == self.first
    }

    /// How many records from this number on it has.
    pub fn records(&self, from: u64) -> u64 {
        let range = self.first.max(from)..self.end;
        if range.is_empty() {
            return 0;
        }
        range.end - range.start - self.gaps.within(&range)
    }

    /// What a file with this first number begins with.
    pub fn front(first: u64) -> [u8; FRONT as usize] {
        let mut front = [0; FRONT as usize];
        front[..8].copy_from_slice(MAGIC);
        front[8..].copy_from_slice(&first.to_le_bytes());
        front
    }

    /// Makes an empty one for records from `first` on.
    pub fn create(folder: &Path, first: u64) -> Result<(Self, File), Error> {
        let path = folder.join(format!("{first:0DIGITS$}{SUFFIX}"));
        let make = || -> io::Result<File> {
            let file = create_new(&path, 0o600)?;
            disk::write(&file, &Self::front(first), 0)?;
            file.sync_all()?;
            disk::sync_folder(folder)?;
            Ok(file)
        };
        let file = make().map_err(|error| {
            // Half a file would be in the way of the next attempt.
            drop(fs::remove_file(&path));
            Error::io("create", &path)(error)
        })?;
        Ok((Self::unread(&path, first), file))
    }

    /// The segments of a folder, in order, as far as their names say.
    pub fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let entry = entry.map_err(Error::io("list", folder))?;
            let name = entry.file_name();
            let first = name.to_str().and_then(|it| it.strip_suffix(SUFFIX));
            let first = first.filter(|it| it.len() == DIGITS);
            if let Some(first) = first.and_then(|it| it.parse().ok()) {
                found.push((first, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Opens it for further records, without what is after the last whole one.
    pub fn reopen(&self) -> Result<File, Error> {
        let mut options = File::options();
        let file = open_own(options.read(true).write(true), &self.path)
            .map_err(Error::io("open", &self.path))?;
        file.set_len(self.bytes)
            .map_err(Error::io("cut", &self.path))?;
        file.sync_all().map_err(Error::io("sync", &self.path))?;
        Ok(file)
    }

    /// Takes it out of the folder; one that is damaged is set aside.
    pub fn remove(&self) -> io::Result<()> {
        if self.is_damaged {
            return set_aside(&self.path);
        }
        fs::remove_file(&self.path)
    }
}

/// Keeps a file that is not what it should be, under a name of its own: somebody may get more out of it. The
/// oldest of many such files are removed.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(DAMAGED);
    fs::rename(path, &name)?;
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str());
        if name.is_some_and(|it| it.ends_with(&format!("{SUFFIX}{DAMAGED}"))) {
            kept.push(path);
        }
    }
    kept.sort_unstable();
    for path in kept.iter().rev().skip(DAMAGED_AT_MOST) {
        fs::remove_file(path)?;
    }
    Ok(())
}
