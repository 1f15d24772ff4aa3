//! How long clips are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use camweave_outdir::{Error, Folder, Retention};

use crate::files::io_error;
use crate::finish::SIDECAR;
use crate::index::{Clip, clips};
use crate::store::Store;

/// The clips that may be removed: those that camweave has written and that are finished. Read from the
/// folder once, and kept in memory from then on.
#[derive(Debug)]
pub(crate) struct Keeper {
    retention: Retention,
    /// The one that was written first goes first, whichever camera's it is. By the time at which it was
    /// written, not by its name: cameras' clocks may be years off.
    clips: BTreeMap<(SystemTime, PathBuf), Clip>,
    bytes: u64,
}

/// A clip that was removed, or could not be.
#[derive(Debug)]
pub(crate) struct Removal {
    pub path: PathBuf,
    pub why: &'static str,
    pub error: Option<Error>,
}

impl Keeper {
    /// Those of the store's folder.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn open(store: &Store, retention: Retention) -> Result<Self, Error> {
        let mut keeper = Self {
            retention,
            clips: BTreeMap::new(),
            bytes: 0,
        };
        let found = clips(store.path()).map_err(|error| io_error("list", store.path(), error))?;
        let mut day: Option<(PathBuf, Vec<String>)> = None;
        for clip in found {
            let (Some(folder), Some(name)) = (clip.path.parent(), clip.path.file_name()) else {
                continue;
            };
            let own = match day.take() {
                Some((path, own)) if path == folder => own,
                _ => Folder::own_files(folder)?,
            };
            if own.iter().any(|it| name.to_string_lossy() == **it) {
                keeper.insert(clip.clone());
            }
            day = Some((folder.to_owned(), own));
        }
        Ok(keeper)
    }

    /// A clip has been finished.
    pub fn add(&mut self, path: &Path) {
        // One that is gone already needs no removal.
        if let Ok(Some(clip)) = Clip::at(path) {
            self.insert(clip);
        }
    }

    fn insert(&mut self, clip: Clip) {
        self.bytes += clip.bytes;
        self.clips.insert((clip.written, clip.path.clone()), clip);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.clips.len()
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Removes what is beyond the limits, while `unfinished` bytes belong to clips that are being
    /// recorded.
    pub fn tidy(&mut self, store: &Store, unfinished: &AtomicU64, now: SystemTime) -> Vec<Removal> {
        let mut removed = Vec::new();
        let mut kept = Vec::new();
        while let Some(((written, path), clip)) = self.clips.pop_first() {
            let age = now.duration_since(written).unwrap_or_default();
            let bytes = self
                .bytes
                .saturating_add(unfinished.load(Ordering::Relaxed));
            let why = if self.retention.age.is_some_and(|most| age > most) {
                "older than the limit"
            } else if self.retention.bytes.is_some_and(|most| bytes > most) {
                "more bytes than the limit"
            } else if self.retention.lacks_room(store.path()) {
                "less free space than the limit"
            } else {
                self.clips.insert((written, path), clip);
                break;
            };
            let error = remove(store, &clip).err();
            if error.is_some() {
                // It is tried again with the next round, and costs no other clip more than this.
                kept.push(clip);
            } else {
                self.bytes = self.bytes.saturating_sub(clip.bytes);
            }
            removed.push(Removal { path, why, error });
        }
        for clip in kept {
            self.clips.insert((clip.written, clip.path.clone()), clip);
        }
        removed
    }
}

fn remove(store: &Store, clip: &Clip) -> Result<(), Error> {
    let (Some(day), Some(name)) = (clip.path.parent(), clip.path.file_name()) else {
        return Ok(());
    };
    let Some(folder) = store.day_at(day)? else {
        return Ok(());
    };
    folder.remove(&name.to_string_lossy())?;
    folder.remove(&format!("{}{SIDECAR}", clip.name.stem()))?;
    store.remove_empty(day)
}
