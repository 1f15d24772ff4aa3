//! The queue itself.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use camweave_outdir::{create_new, open_own};

use crate::cursor::Cursor;
use crate::record::{self, HEAD};
use crate::segment::{FRONT, Reader, Segment};
use crate::{Error, MOST_BYTES, Record, disk};

const LOCK: &str = "lock";
/// A segment is an eighth of the whole, between these.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (16 << 10)..=(4 << 20);

/// The bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes on disk at most, but for the last segment alone.
    pub bytes: u64,
    /// Bytes of the records that wait in memory while the disk takes none; of more, the oldest of
    /// these are dropped.
    pub memory_bytes: usize,
}

/// Where appended records are.
#[derive(Debug)]
pub enum Stored {
    /// On disk, synced.
    OnDisk,
    /// In memory, as the disk fails: why.
    InMemory(Error),
}

/// What an opening has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Records that are to be delivered.
    pub undelivered: u64,
    /// Bytes of a record that was being written at the end, which were cut off.
    pub cut_bytes: u64,
    /// Undelivered records that are not there: damaged by the disk, or dropped while it took none.
    pub missing: u64,
}

/// A bounded queue on disk; see the crate.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    options: Options,
    _lock: File,
    cursor: Cursor,
    /// In order; the last is written to.
    segments: VecDeque<Segment>,
    /// The last segment, open. None: the next append makes a new one.
    tail: Option<File>,
    /// What the disk has not taken, after all that it has.
    waiting: VecDeque<Record>,
    waiting_bytes: usize,
    reader: Option<Reader>,
    dropped: u64,
    missing: u64,
    /// Number and time of the first undelivered record, when it was looked for last.
    oldest: Option<(u64, i64)>,
}

impl Spool {
    /// Opens the spool in `folder`, which is created.
    ///
    /// # Errors
    /// Another process uses it, it has foreign files in the place of its own, or the disk refuses.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Recovered), Error> {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700);
        make.create(folder).map_err(Error::io("create", folder))?;
        let lock = lock(folder)?;
        let mut cursor = Cursor::open(folder)?;
        let mut recovered = Recovered::default();
        let mut segments = VecDeque::new();
        let files = Segment::list(folder)?;
        for (index, (first, path)) in files.iter().enumerate() {
            let next = files.get(index + 1).map(|(first, _)| *first);
            let length = fs::metadata(path).map_err(Error::io("read", path))?.len();
            let end = next.unwrap_or(u64::MAX);
            let Some(segment) = Segment::scan(path, *first, end)? else {
                if next.is_some() || length >= FRONT {
                    let why = "it does not begin with 'CWSPOOL1' and its number".to_owned();
                    let path = path.clone();
                    return Err(Error::Foreign { path, why });
                }
                // Torn while it was being made: nothing was in it.
                fs::remove_file(path).map_err(Error::io("remove", path))?;
                recovered.cut_bytes += length;
                continue;
            };
            match next {
                Some(next) => {
                    recovered.missing += next - segment.end().max(cursor.next()).min(next);
                }
                None => recovered.cut_bytes += length - segment.bytes,
            }
            segments.push_back(segment);
        }
        cursor.advance(segments.front().map_or(0, |it| it.first));
        let mut spool = Self {
            folder: folder.to_owned(),
            options,
            _lock: lock,
            cursor,
            segments,
            tail: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            reader: None,
            dropped: 0,
            missing: recovered.missing,
            oldest: None,
        };
        if spool.disk_end() < spool.cursor.next() {
            // The cursor is ahead of what is left: further records begin there.
            spool.start_segment(spool.cursor.next())?;
        } else if let Some(last) = spool.segments.back() {
            spool.tail = Some(last.reopen()?);
        }
        recovered.undelivered = spool.undelivered();
        Ok((spool, recovered))
    }

    /// Appends records, in order. With [`Stored::OnDisk`] all of them are on disk.
    ///
    /// # Errors
    /// One is too long; then none is appended.
    pub fn append(&mut self, unix_ms: i64, records: Vec<Vec<u8>>) -> Result<Stored, Error> {
        if let Some(long) = records.iter().find(|it| it.len() > MOST_BYTES) {
            return Err(Error::TooLong { bytes: long.len() });
        }
        for (number, bytes) in (self.end()..).zip(records) {
            self.waiting_bytes += bytes.len();
            self.waiting.push_back(Record {
                number,
                unix_ms,
                bytes,
            });
        }
        Ok(match self.flush() {
            Ok(()) => Stored::OnDisk,
            Err(error) => {
                self.bound_memory();
                Stored::InMemory(error)
            }
        })
    }

    /// Tries to write what waits in memory.
    ///
    /// # Errors
    /// The disk still refuses.
    pub fn flush(&mut self) -> Result<(), Error> {
        let Some(first) = self.waiting.front().map(|it| it.number) else {
            return Ok(());
        };
        let mut bytes = Vec::with_capacity(self.waiting_bytes + self.waiting.len() * HEAD);
        for waiting in &self.waiting {
            record::write(&mut bytes, waiting.number, waiting.unix_ms, &waiting.bytes);
        }
        let has_room = |last: &Segment| {
            let is_full = last.count > 0 && last.bytes + bytes.len() as u64 > self.segment_bytes();
            last.end() == first && !is_full
        };
        if self.tail.is_none() || !self.segments.back().is_some_and(has_room) {
            self.start_segment(first)?;
        }
        let (Some(last), Some(tail)) = (self.segments.back_mut(), &self.tail) else {
            return Ok(());
        };
        if let Err(error) = disk::write(tail, &bytes, last.bytes) {
            // What is there of it is no record of the queue; where it cannot be taken back, nothing
            // more is written after it.
            if tail.set_len(last.bytes).is_err() {
                self.tail = None;
            }
            return Err(Error::io("write", &last.path)(error));
        }
        last.count += self.waiting.len() as u64;
        last.bytes += bytes.len() as u64;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.keep_bounds();
        Ok(())
    }

    fn bound_memory(&mut self) {
        while self.waiting_bytes > self.options.memory_bytes && self.waiting.len() > 1 {
            if let Some(oldest) = self.waiting.pop_front() {
                self.waiting_bytes -= oldest.bytes.len();
                self.dropped += 1;
            }
        }
    }

    fn segment_bytes(&self) -> u64 {
        let (least, most) = SEGMENT_BYTES.into_inner();
        (self.options.bytes / 8).clamp(least, most)
    }

    fn start_segment(&mut self, first: u64) -> Result<(), Error> {
        // One without a record is removed for the new one, which may have its name.
        if let Some(empty) = self.segments.pop_back_if(|it| it.count == 0) {
            self.tail = None;
            fs::remove_file(&empty.path).map_err(Error::io("remove", &empty.path))?;
        }
        // Records between the last segment and this one were delivered from memory: the cursor says so, or
        // they would be missing.
        self.cursor.sync()?;
        let (segment, tail) = Segment::create(&self.folder, first)?;
        self.segments.push_back(segment);
        self.tail = Some(tail);
        self.forget_delivered();
        Ok(())
    }

    /// Drops the oldest segments while there is more than the bound.
    fn keep_bounds(&mut self) {
        while self.segments.len() > 1 && self.disk_bytes() > self.options.bytes {
            let Some(oldest) = self.segments.pop_front() else {
                return;
            };
            let next = self.segments.front().map_or(oldest.end(), |it| it.first);
            let from = self.cursor.next().max(oldest.first);
            self.dropped += oldest.end().saturating_sub(from);
            self.cursor.advance(next);
            // One that stays is found, and dropped, at the next opening.
            drop(fs::remove_file(&oldest.path));
        }
    }

    /// Removes segments of which all is delivered.
    fn forget_delivered(&mut self) {
        let next = self.cursor.next();
        while self.segments.len() > 1 && self.segments[1].first <= next {
            if let Some(done) = self.segments.pop_front() {
                drop(fs::remove_file(&done.path));
            }
        }
    }

    /// Up to `at_most` records of up to `bytes` in all (and one in any case), from the number `from`
    /// on, or the first undelivered one where that is later.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn read(&mut self, from: u64, at_most: usize, bytes: usize) -> Result<Vec<Record>, Error> {
        let mut from = from.max(self.cursor.next());
        let (mut found, mut size) = (Vec::new(), 0);
        while found.len() < at_most {
            let Some(record) = self.record(&mut from)? else {
                break;
            };
            size += record.bytes.len();
            if size > bytes && !found.is_empty() {
                break;
            }
            from = record.number + 1;
            found.push(record);
        }
        Ok(found)
    }

    /// The record with the number `from`, or the first after it that is whole.
    fn record(&mut self, from: &mut u64) -> Result<Option<Record>, Error> {
        loop {
            let holder = self.segments.iter().find(|it| *from < it.end());
            let Some(segment) = holder else {
                let waiting = self.waiting.iter().find(|it| it.number >= *from);
                return Ok(waiting.cloned());
            };
            *from = (*from).max(segment.first);
            let at = self
                .reader
                .take()
                .filter(|it| it.is_of(segment) && it.number <= *from);
            let mut reader = match at {
                Some(reader) => reader,
                None => Reader::open(segment)?.ok_or_else(|| Error::Foreign {
                    path: segment.path.clone(),
                    why: "it has changed while it was in use".to_owned(),
                })?,
            };
            while let Some(record) = reader.next()? {
                if record.number == *from {
                    self.reader = Some(reader);
                    return Ok(Some(record));
                }
            }
            // It was whole when it was opened or written: the disk has lost the rest.
            self.missing += segment.end() - *from;
            *from = segment.end();
        }
    }

    /// Says that all records before the number `next` are delivered. On disk that is with
    /// [`Spool::sync`].
    pub fn delivered(&mut self, next: u64) {
        self.cursor.advance(next.min(self.end()));
        while let Some(waiting) = self.waiting.pop_front_if(|it| it.number < next) {
            self.waiting_bytes -= waiting.bytes.len();
        }
        self.forget_delivered();
    }

    /// Brings to disk what was delivered. What a kill prevents is delivered once more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.cursor.sync()
    }

    /// The number of the first undelivered record.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.cursor.next()
    }

    /// The number that the next record will have.
    #[must_use]
    pub fn end(&self) -> u64 {
        // What was delivered from memory has had its number, although it is nowhere now.
        let in_memory = self.waiting.back().map_or(0, |it| it.number + 1);
        self.disk_end().max(in_memory).max(self.cursor.next())
    }

    fn disk_end(&self) -> u64 {
        self.segments.back().map_or(0, Segment::end)
    }

    /// How many records are to be delivered.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let on_disk = self.segments.iter();
        let next = self.cursor.next();
        let on_disk = on_disk.map(|it| it.end().saturating_sub(next.max(it.first)));
        on_disk.sum::<u64>() + self.waiting.len() as u64
    }

    /// Bytes of the segments on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|it| it.bytes).sum()
    }

    /// When the first undelivered record was put in; `None` where there is none, or the disk refuses.
    #[must_use]
    pub fn oldest_unix_ms(&mut self) -> Option<i64> {
        let mut from = self.cursor.next();
        if self.oldest.is_none_or(|(number, _)| number < from) {
            // The delivery reads on where it was.
            let (reader, missing) = (self.reader.take(), self.missing);
            let found = self.record(&mut from);
            (self.reader, self.missing) = (reader, missing);
            self.oldest = found.ok().flatten().map(|it| (it.number, it.unix_ms));
        }
        self.oldest.map(|(_, unix_ms)| unix_ms)
    }

    /// How many records are in memory alone, as the disk does not take them.
    #[must_use]
    pub fn unsaved(&self) -> usize {
        self.waiting.len()
    }

    /// Undelivered records that were dropped, oldest first, as the queue was full, since the opening.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Undelivered records that were on disk and are not, as found since the opening, and by it.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let mut options = File::options();
    let file = match open_own(options.read(true).write(true), &path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create_new(&path, 0o600),
        opened => opened,
    };
    let file = file.map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
