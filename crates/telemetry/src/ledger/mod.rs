//! A node's counts in a file that outlives the process, to the last one.
//!
//! The report of a node is a JSON file that is written a few times a second, so a process that is
//! killed would take the counts since then along, and what its neighbours counted could not be
//! compared with it. The counts of frames are therefore kept in a small file that is mapped:
//! counting is one store into memory, and the kernel keeps what was stored, however the process
//! ends. The file is allocated before it is mapped, so that a full disk is an error here and not
//! a signal later.

mod layout;
mod mapping;

pub(crate) use self::layout::{Entry, Tally};

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use camweave_outdir::{FILE_MODE, NewFile, open_for_reading, open_own};
use rustix::fs::{FallocateFlags, FlockOperation, IFlags};
use rustix::io::Errno;
use tracing::warn;

use self::layout::{CHUNK, cells, fill_cell, is_of_run, read_cell, write_head};
use self::mapping::{Access, Mapping};
use crate::stats_error::StatsError;

/// How long a new process waits for the one before it, which may be ending just now.
const PREDECESSOR_AT_MOST: Duration = Duration::from_secs(2);
/// How often room for more cells is asked for where there was none.
const GROW_EVERY: Duration = Duration::from_secs(1);

/// The counts of one node, open for writing by one process alone.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: File,
    path: PathBuf,
    chunks: Vec<Arc<Mapping>>,
    /// Cells of the last chunk that are empty, by their place.
    free: Vec<usize>,
    refused: Option<Instant>,
    warned: bool,
}

/// One count.
#[derive(Debug)]
pub(crate) struct Cell {
    chunk: Arc<Mapping>,
    at: usize,
}

impl Cell {
    /// Sets the count; it is kept from now on.
    pub fn store(&self, count: u64) {
        self.chunk.word(self.at).store(count, Ordering::Release);
    }
}

/// The file of a node's counts in `folder`.
pub(crate) fn path(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{}.counts", stage.replace('/', "_")))
}

impl Ledger {
    /// Opens the node's ledger, which goes on where an earlier process of the same run ended.
    /// One of another run is replaced.
    ///
    /// # Errors
    /// [`StatsError::InUse`] where another process of this node lives. All else is what the file
    /// system says, and no reason not to count.
    pub fn open(folder: &Path, stage: &str, run: &str) -> Result<Self, StatsError> {
        let path = path(folder, stage);
        let io = |action| {
            let path = path.clone();
            move |source| StatsError::Io {
                action,
                path,
                source,
            }
        };
        let file = lock(&path, stage)?;
        let first = first_chunk(&file).map_err(io("map"))?;
        if let Some(first) = first.filter(|chunk| is_of_run(chunk, run)) {
            return Self::go_on(file, path.clone(), first).map_err(io("map"));
        }
        // Another run's, or none. Whoever has mapped the old file keeps it.
        let new = NewFile::create(&path, FILE_MODE).map_err(io("create"))?;
        // On file systems that write elsewhere first, a full disk could refuse a later store.
        if let Ok(flags) = rustix::fs::ioctl_getflags(new.file()) {
            let _ = rustix::fs::ioctl_setflags(new.file(), flags | IFlags::NOCOW);
        }
        let chunk = grow(new.file(), 0).map_err(io("allocate"))?;
        write_head(&chunk, run);
        // Nobody else can have the new file yet.
        let _ = rustix::fs::flock(new.file(), FlockOperation::NonBlockingLockExclusive);
        let new = new.put_in_place_by_name().map_err(io("replace"))?;
        Ok(Self {
            file: new,
            path,
            chunks: vec![Arc::new(chunk)],
            free: cells(0).collect::<Vec<_>>().into_iter().rev().collect(),
            refused: None,
            warned: false,
        })
    }

    fn go_on(file: File, path: PathBuf, first: Mapping) -> io::Result<Self> {
        let mut chunks = vec![Arc::new(first)];
        let size = file.metadata()?.len();
        while (chunks.len() as u64 + 1) * CHUNK as u64 <= size {
            let offset = chunks.len() as u64 * CHUNK as u64;
            chunks.push(Arc::new(Mapping::new(
                &file,
                offset,
                CHUNK,
                Access::ReadWrite,
            )?));
        }
        let last = chunks.len() - 1;
        let used = cells(last)
            .filter(|at| read_cell(&chunks[last], *at).is_some())
            .last();
        let free = cells(last).filter(|at| used.is_none_or(|used| *at > used));
        let mut free: Vec<usize> = free.collect();
        free.reverse();
        Ok(Self {
            file,
            path,
            chunks,
            free,
            refused: None,
            warned: false,
        })
    }

    /// All counts, each with its cell.
    pub fn entries(&self) -> Vec<(Entry, Cell)> {
        let mut entries = Vec::new();
        for (index, chunk) in self.chunks.iter().enumerate() {
            for at in cells(index) {
                if let Some(entry) = read_cell(chunk, at) {
                    let chunk = Arc::clone(chunk);
                    entries.push((entry, Cell { chunk, at }));
                }
            }
        }
        entries
    }

    /// A new cell for this count; none while the disk gives no room for it.
    pub fn cell(&mut self, camera: &str, tally: Tally<'_>, count: u64) -> Option<Cell> {
        if self.free.is_empty() {
            if self.refused.is_some_and(|at| at.elapsed() < GROW_EVERY) {
                return None;
            }
            let index = self.chunks.len();
            match grow(&self.file, index) {
                Ok(chunk) => {
                    self.refused = None;
                    self.chunks.push(Arc::new(chunk));
                    self.free = cells(index).collect::<Vec<_>>().into_iter().rev().collect();
                }
                Err(error) => {
                    self.refused = Some(Instant::now());
                    if !std::mem::replace(&mut self.warned, true) {
                        warn!(
                            "cannot allocate {CHUNK} bytes for '{}': {error}; a kill would lose up to 250 ms of new counts",
                            self.path.display()
                        );
                    }
                    return None;
                }
            }
        }
        let (chunk, at) = (self.chunks.last()?, *self.free.last()?);
        if !fill_cell(chunk, at, camera, tally, count) {
            return None;
        }
        self.free.pop();
        let chunk = Arc::clone(chunk);
        Some(Cell { chunk, at })
    }
}

/// The counts that a node of this run has left or is just counting; none where it keeps no
/// ledger, or that of another run.
pub(crate) fn read(folder: &Path, stage: &str, run: &str) -> Option<Vec<Entry>> {
    let file = open_for_reading(&path(folder, stage)).ok()?;
    let chunks = file.metadata().ok()?.len() / CHUNK as u64;
    let mut entries = Vec::new();
    // A row is counted as received before it is counted as anything else, so the cells of what
    // becomes of it come later. They are read first: what came out has come in.
    for index in (0..chunks).rev() {
        let chunk = Mapping::new(&file, index * CHUNK as u64, CHUNK, Access::Read).ok()?;
        if index == 0 && !is_of_run(&chunk, run) {
            return None;
        }
        let places: Vec<usize> = cells(index as usize).collect();
        let found = places.iter().rev().filter_map(|at| read_cell(&chunk, *at));
        entries.extend(found);
    }
    (chunks > 0).then_some(entries)
}

/// Opens the file for this process alone.
fn lock(path: &Path, stage: &str) -> Result<File, StatsError> {
    let io = |source| StatsError::Io {
        action: "open",
        path: path.to_owned(),
        source,
    };
    let began = Instant::now();
    loop {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = open_own(options.mode(FILE_MODE), path).map_err(io)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has no say in this.
            Ok(()) | Err(Errno::NOTSUP | Errno::NOLCK | Errno::INVAL) => {}
            Err(_) if began.elapsed() < PREDECESSOR_AT_MOST => {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            Err(_) => {
                return Err(StatsError::InUse {
                    stage: stage.to_owned(),
                    path: path.to_owned(),
                });
            }
        }
        // The process before may have replaced it between opening and locking.
        let (opened, named) = (file.metadata().map_err(io)?, fs::metadata(path));
        if named.is_ok_and(|named| named.ino() == opened.ino() && named.dev() == opened.dev()) {
            return Ok(file);
        }
    }
}

/// The first chunk of a file that has one.
fn first_chunk(file: &File) -> io::Result<Option<Mapping>> {
    if file.metadata()?.len() < CHUNK as u64 {
        return Ok(None);
    }
    Mapping::new(file, 0, CHUNK, Access::ReadWrite).map(Some)
}

/// Allocates chunk number `index` and maps it. What cannot be allocated is not mapped: a store
/// into a hole of a file on a full disk would be a signal.
fn grow(file: &File, index: usize) -> io::Result<Mapping> {
    let offset = index as u64 * CHUNK as u64;
    match rustix::fs::fallocate(file, FallocateFlags::empty(), offset, CHUNK as u64) {
        Ok(()) => {}
        Err(Errno::NOTSUP | Errno::NOSYS) => {
            use std::os::unix::fs::FileExt;
            file.write_all_at(&[0; CHUNK], offset)?;
        }
        Err(error) => return Err(error.into()),
    }
    Mapping::new(file, offset, CHUNK, Access::ReadWrite)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
