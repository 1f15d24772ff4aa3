//! One file of records.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use camweave_outdir::{create_new, open_own};

use crate::record::{HEAD, Head};
use crate::{Error, Record, disk};

const MAGIC: &[u8; 8] = b"CWSPOOL1";
/// Bytes in front of the first record.
pub(crate) const FRONT: u64 = 16;
const SUFFIX: &str = ".seg";

/// What is known of a segment that is not open.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub path: PathBuf,
    /// The number of its first record.
    pub first: u64,
    /// Records that are whole.
    pub count: u64,
    /// Bytes of these and the front.
    pub bytes: u64,
}

impl Segment {
    /// The number after its last record.
    pub fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Makes an empty one for records from `first` on.
    pub fn create(folder: &Path, first: u64) -> Result<(Self, File), Error> {
        let path = folder.join(format!("{first:020}{SUFFIX}"));
        let mut front = MAGIC.to_vec();
        front.extend_from_slice(&first.to_le_bytes());
        let make = || -> io::Result<File> {
            let file = create_new(&path, 0o600)?;
            disk::write(&file, &front, 0)?;
            file.sync_all()?;
            disk::sync_folder(folder)?;
            Ok(file)
        };
        let file = make().map_err(|error| {
            // Half a file would be in the way of the next attempt.
            drop(fs::remove_file(&path));
            Error::io("create", &path)(error)
        })?;
        let segment = Self {
            path,
            first,
            count: 0,
            bytes: FRONT,
        };
        Ok((segment, file))
    }

    /// The segments of a folder, in order, as far as their names say.
    pub fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let entry = entry.map_err(Error::io("list", folder))?;
            let name = entry.file_name();
            let first = name.to_str().and_then(|it| it.strip_suffix(SUFFIX));
            if let Some(first) = first.and_then(|it| it.parse().ok()) {
                found.push((first, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Reads which records of the file are whole, up to the number `end`. `None`: not even its front.
    pub fn scan(path: &Path, first: u64, end: u64) -> Result<Option<Self>, Error> {
        let mut segment = Self {
            path: path.to_owned(),
            first,
            count: 0,
            bytes: FRONT,
        };
        let Some(mut reader) = Reader::open(&segment)? else {
            return Ok(None);
        };
        while segment.end() < end && reader.next()?.is_some() {
            segment.count += 1;
            segment.bytes = reader.at;
        }
        Ok(Some(segment))
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
}

/// Reads a segment's records, one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    file: BufReader<File>,
    path: PathBuf,
    first: u64,
    /// The number of the next record.
    pub number: u64,
    /// Where it begins.
    at: u64,
}

impl Reader {
    /// `None`: the file has no front, or that of another.
    pub fn open(segment: &Segment) -> Result<Option<Self>, Error> {
        let path = &segment.path;
        let mut options = File::options();
        let file = open_own(options.read(true), path).map_err(Error::io("open", path))?;
        let mut file = BufReader::new(file);
        let mut front = [0; FRONT as usize];
        if !is_whole(file.read_exact(&mut front)).map_err(Error::io("read", path))? {
            return Ok(None);
        }
        if front[..8] != *MAGIC || front[8..] != segment.first.to_le_bytes() {
            return Ok(None);
        }
        Ok(Some(Self {
            file,
            path: path.clone(),
            first: segment.first,
            number: segment.first,
            at: FRONT,
        }))
    }

    pub fn is_of(&self, segment: &Segment) -> bool {
        self.first == segment.first
    }

    /// The next record; `None` where there is no whole one. Then the next call tries again there.
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        let read = self.read().map_err(Error::io("read", &self.path))?;
        match &read {
            Some(record) => {
                self.number += 1;
                self.at += (HEAD + record.bytes.len()) as u64;
            }
            None => {
                self.file
                    .seek(SeekFrom::Start(self.at))
                    .map_err(Error::io("read", &self.path))?;
            }
        }
        Ok(read)
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut head = [0; HEAD];
        if !is_whole(self.file.read_exact(&mut head))? {
            return Ok(None);
        }
        let Some(head) = Head::read(&head) else {
            return Ok(None);
        };
        let mut bytes = vec![0; head.length];
        if !is_whole(self.file.read_exact(&mut bytes))? {
            return Ok(None);
        }
        let record = Record {
            number: self.number,
            unix_ms: head.unix_ms,
            bytes,
        };
        Ok(head.is_of(record.number, &record.bytes).then_some(record))
    }
}

/// Whether all was there; the end of the file is no error.
fn is_whole(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
