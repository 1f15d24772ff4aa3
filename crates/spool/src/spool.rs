//! The queue itself.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, TryLockError};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use camweave_outdir::{create_new, open_own};

use crate::cursor::Cursor;
use crate::loaded::Loaded;
use crate::record::{self, HEAD};
use crate::recovery::Recovery;
use crate::segment::Segment;
use crate::{Error, MOST_BYTES, Record, disk};

const LOCK: &str = "lock";
/// A segment is an eighth of the whole, between these.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (16 << 10)..=(4 << 20);
/// Bytes that are written at once, so that a disk that is nearly full takes what it has room for.
const PORTION_BYTES: u64 = 256 << 10;

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
    /// Bytes of a write that had not come to its end, which nobody was promised.
    pub cut_bytes: u64,
    /// Undelivered records that were on disk, and are not.
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
    /// The segment that is read.
    loaded: Option<Loaded>,
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
            let found = Recovery::of(path, *first, next)?;
            recovered.missing += found.lost.within(&(cursor.next()..u64::MAX));
            recovered.cut_bytes += found.torn_bytes;
            segments.extend(found.segment);
        }
        cursor.advance(segments.front().map_or(0, |it| it.first));
        // Without one, as on a disk that is full, the first append makes it.
        let tail = segments.back().filter(|it| !it.is_damaged);
        let tail = tail.map(Segment::reopen).transpose()?;
        let mut spool = Self {
            folder: folder.to_owned(),
            options,
            _lock: lock,
            cursor,
            segments,
            tail,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            loaded: None,
            dropped: 0,
            missing: recovered.missing,
            oldest: None,
        };
        spool.pass_gaps();
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

    /// Tries to write what waits in memory, a portion after the other: what fits is saved.
    ///
    /// # Errors
    /// The disk refuses a portion; those before it are on disk.
    pub fn flush(&mut self) -> Result<(), Error> {
        while let Some(first) = self.waiting.front().map(|it| it.number) {
            self.write_portion(first)?;
        }
        Ok(())
    }

    fn write_portion(&mut self, first: u64) -> Result<(), Error> {
        let most = PORTION_BYTES.min(self.segment_bytes());
        let (mut bytes, mut count) = (Vec::new(), 0);
        for waiting in &self.waiting {
            let length = bytes.len() + HEAD + waiting.bytes.len();
            if count > 0 && length as u64 > most {
                break;
            }
            record::write(&mut bytes, waiting, first);
            count += 1;
        }
        if self.disk_end() < first {
            // Records between were delivered from memory: the cursor says so, or they would be
            // expected again.
            self.cursor.sync()?;
        }
        let has_room = |last: &Segment| {
            last.is_empty() || last.bytes + bytes.len() as u64 <= self.segment_bytes()
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
        last.gaps.insert(last.end..first);
        last.bytes += bytes.len() as u64;
        for written in self.waiting.drain(..count) {
            last.end = written.number + 1;
            self.waiting_bytes -= written.bytes.len();
        }
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

    /// Starts a segment for records from `first` on. Its name goes on where the last one ends, so that no
    /// number is between two of them: one that is, is missing.
    fn start_segment(&mut self, first: u64) -> Result<(), Error> {
        let name = self.segments.back().map_or(first, |it| it.end);
        // One without a record is removed for the new one, which may have its name.
        if let Some(empty) = self.segments.pop_back_if(|it| it.is_empty()) {
            self.tail = None;
            empty.remove().map_err(Error::io("remove", &empty.path))?;
        }
        let (segment, tail) = Segment::create(&self.folder, name)?;
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
            self.dropped += oldest.records(self.cursor.next());
            self.cursor.advance(oldest.end);
            // One that stays is found, and dropped, at the next opening.
            drop(oldest.remove());
        }
    }

    /// Removes segments of which all is delivered.
    fn forget_delivered(&mut self) {
        let next = self.cursor.next();
        while self.segments.len() > 1 && self.segments[1].first <= next {
            if let Some(done) = self.segments.pop_front() {
                drop(done.remove());
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
            let Some(record) = self.record(from)? else {
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
    fn record(&mut self, mut from: u64) -> Result<Option<Record>, Error> {
        loop {
            let Some(segment) = self.segments.iter().find(|it| from < it.end) else {
                let waiting = self.waiting.iter().find(|it| it.number >= from);
                return Ok(waiting.cloned());
            };
            let loaded = self.loaded.take().filter(|it| it.is_of(&segment.path));
            let mut loaded = match loaded {
                Some(loaded) => loaded,
                None => Loaded::open(&segment.path, segment.first)?,
            };
            loaded.load(segment.bytes);
            from = from.max(segment.first);
            let end = segment.end;
            let found = loaded.find(from, end);
            self.loaded = Some(loaded);
            if let Some(lost) = found.lost {
                self.lose(lost);
            }
            if found.record.is_some() {
                return Ok(found.record);
            }
            from = end;
        }
    }

    /// Counts what was whole when it was opened or written, and is no more. What was counted before is not
    /// counted again.
    fn lose(&mut self, lost: Range<u64>) {
        let segment = self.segments.iter_mut().find(|it| lost.start < it.end);
        let Some(segment) = segment else {
            return;
        };
        let undelivered = lost.start.max(self.cursor.next())..lost.end;
        let missing = segment.gaps.insert(undelivered);
        if missing > 0 {
            self.missing += missing;
            segment.is_damaged = true;
            if self.segments.back().is_some_and(|it| it.is_damaged) {
                // Nothing more is written to it.
                self.tail = None;
            }
            self.pass_gaps();
        }
    }

    /// Moves the cursor over numbers that have no record: nothing will deliver them.
    fn pass_gaps(&mut self) {
        let next = self.cursor.next();
        let mut passed = next;
        for segment in &self.segments {
            if passed < segment.end {
                let after = segment.gaps.after(passed.max(segment.first));
                passed = after;
                if after < segment.end {
                    break;
                }
            }
        }
        if passed > next {
            self.cursor.advance(passed);
            self.forget_delivered();
        }
    }

    /// Says that all records before the number `next` are delivered. On disk that is with
    /// [`Spool::sync`].
    pub fn delivered(&mut self, next: u64) {
        self.cursor.advance(next.min(self.end()));
        while let Some(waiting) = self.waiting.pop_front_if(|it| it.number < next) {
            self.waiting_bytes -= waiting.bytes.len();
        }
        self.pass_gaps();
        self.forget_delivered();
    }

    /// Drops what is in memory alone, as the disk takes none and nobody will wait for it: how many records.
    pub fn give_up(&mut self) -> u64 {
        let count = self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.dropped += count;
        count
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
        self.segments.back().map_or(0, |it| it.end)
    }

    /// How many records are to be delivered.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let next = self.cursor.next();
        let on_disk = self.segments.iter().map(|it| it.records(next));
        on_disk.sum::<u64>() + self.waiting.len() as u64
    }

    /// Bytes of the segments on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|it| it.bytes).sum()
    }

    /// When the first undelivered record was put in; `None` where there is none. While the disk refuses to
    /// say, it is what was known last.
    #[must_use]
    pub fn oldest_unix_ms(&mut self) -> Option<i64> {
        if self.oldest.is_none_or(|(number, _)| number < self.next()) {
            // The delivery reads on where it was.
            let position = self.loaded.as_ref().map(Loaded::position);
            if let Ok(found) = self.record(self.cursor.next()) {
                self.oldest = found.map(|it| (it.number, it.unix_ms));
            }
            if let (Some(loaded), Some(position)) = (&mut self.loaded, position) {
                loaded.go_to(position);
            }
        }
        self.oldest.map(|(_, unix_ms)| unix_ms)
    }

    /// How many records are in memory alone, as the disk does not take them.
    #[must_use]
    pub fn unsaved(&self) -> usize {
        self.waiting.len()
    }

    /// Undelivered records that were dropped since the opening: oldest first, as the queue was full, or [in
    /// memory](Spool::give_up).
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
#[path = "damage_tests.rs"]
mod damage_tests;
#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
