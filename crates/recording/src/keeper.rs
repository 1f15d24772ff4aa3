//! How long clips are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use camweave_outdir::{Error, Folder, Retention};

use crate::files::io_error;
use crate::finish::SIDECAR;
use crate::index::{Clip, clips_of};
use crate::store::{Store, days};

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
    /// Those of the store's folder, and why those of some days are not among them.
    ///
    /// # Errors
    /// The store's folder cannot be listed.
    pub fn open(store: &Store, retention: Retention) -> Result<(Self, Vec<Error>), Error> {
        let mut keeper = Self {
            retention,
            clips: BTreeMap::new(),
            bytes: 0,
        };
        let mut failed = Vec::new();
        for day in days(store.path()).map_err(|error| io_error("list", store.path(), error))? {
            // What of one day cannot be read is no reason to keep all others for ever.
            if let Err(error) = keeper.add_day(&day) {
                failed.push(error);
            }
        }
        Ok((keeper, failed))
    }

    fn add_day(&mut self, day: &Path) -> Result<(), Error> {
        let own: BTreeSet<String> = Folder::own_files(day)?.into_iter().collect();
        let found = clips_of(day).map_err(|error| io_error("list", day, error))?;
        let is_own = |clip: &Clip| {
            own.contains(&*clip.path.file_name().unwrap_or_default().to_string_lossy())
        };
        found
            .into_iter()
            .filter(is_own)
            .for_each(|it| self.insert(it));
        Ok(())
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
    /// With `by_age: false`, none is removed for its age.
    pub fn tidy(
        &mut self,
        store: &Store,
        unfinished: &AtomicU64,
        now: SystemTime,
        by_age: bool,
    ) -> Vec<Removal> {
        let mut removed = Vec::new();
        let mut kept = Vec::new();
        while let Some(((written, path), clip)) = self.clips.pop_first() {
            let age = now.duration_since(written).unwrap_or_default();
            let bytes = self
                .bytes
                .saturating_add(unfinished.load(Ordering::Relaxed));
            let why = if by_age && self.retention.age.is_some_and(|most| age > most) {
                "older than the limit"
            } else if self.retention.bytes.is_some_and(|most| bytes > most) {
                "more bytes than the limit"
            } else if self.retention.lacks_room(store.path()) {
                "less free space than the limit"
            } else {
                self.clips.insert((written, path), clip);
                break;
            };
            let error = match remove(store, &clip) {
                Ok(is_removed) => {
                    self.bytes = self.bytes.saturating_sub(clip.bytes);
                    if !is_removed {
                        // It is gone, or is somebody else's by now.
                        continue;
                    }
                    None
                }
                Err(error) => {
                    // It is tried again with the next round, and costs no other clip more than this.
                    kept.push(clip);
                    Some(error)
                }
            };
            removed.push(Removal { path, why, error });
        }
        for clip in kept {
            self.clips.insert((clip.written, clip.path.clone()), clip);
        }
        removed
    }
}

/// Whether it was there and camweave's.
fn remove(store: &Store, clip: &Clip) -> Result<bool, Error> {
    let (Some(day), Some(name)) = (clip.path.parent(), clip.path.file_name()) else {
        return Ok(false);
    };
    let Some(folder) = store.day_at(day)? else {
        return Ok(false);
    };
    let is_removed = folder.remove(&name.to_string_lossy())?;
    folder.remove(&format!("{}{SIDECAR}", clip.name.stem()))?;
    store.remove_empty(day)?;
    Ok(is_removed)
}
