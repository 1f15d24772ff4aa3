//! The folder of clips, listed again only where it has changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use camweave_message::camera_id;
use camweave_outdir::Folder;
use camweave_recording::{Clip, ClipName};

/// A folder that was changed within this time before it was listed is listed once more: what comes
/// within one step of the disk's clock leaves the same time of change.
const SETTLED: Duration = Duration::from_secs(3);

/// Within the folder of a day: begin and number.
type Key = (i64, u32);

/// What a folder was when it was listed.
#[derive(Debug, Default)]
struct Listed {
    modified: Option<SystemTime>,
    is_open: bool,
}

impl Listed {
    /// Whether there may be something else in it by now; from here on it counts as listed.
    fn take_changed(&mut self, found: &Metadata, now: SystemTime) -> bool {
        let modified = found.modified().ok();
        let is_changed = self.is_open || self.modified.is_none() || modified != self.modified;
        if is_changed {
            let is_young = |at| now.duration_since(at).map_or(true, |age| age < SETTLED);
            self.modified = modified;
            self.is_open = modified.is_none_or(is_young);
        }
        is_changed
    }
}

/// The folder of a camera.
#[derive(Debug, Default)]
struct Camera {
    listed: Listed,
    /// By name, such as `2026-11-30`.
    days: BTreeMap<String, Day>,
}

/// The folder of a camera's day.
#[derive(Debug, Default)]
struct Day {
    listed: Listed,
    /// Clips that were given as new, and are there.
    known: HashSet<Key>,
    /// Those that were refused.
    refused: HashSet<Key>,
}

/// What has changed in the folder of a day.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Which are there now, by name.
    pub new: Vec<Clip>,
    pub removed: Vec<ClipName>,
}

/// The folder of clips, as it was when it was looked at last.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    listed: Listed,
    cameras: BTreeMap<String, Camera>,
}

impl Folders {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            listed: Listed::default(),
            cameras: BTreeMap::new(),
        }
    }

    /// Looks which folders there are. Clips whose folder is gone.
    ///
    /// # Errors
    /// One cannot be listed: what was known of it stays.
    pub fn look(&mut self, now: SystemTime) -> (Vec<ClipName>, io::Result<()>) {
        let mut removed = Vec::new();
        let result = self.look_at_all(now, &mut removed);
        (removed, result)
    }

    fn look_at_all(&mut self, now: SystemTime, removed: &mut Vec<ClipName>) -> io::Result<()> {
        let root = match fs::metadata(&self.root) {
            Ok(found) => found,
            // The recorder has not been there yet, or its disk is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                for (camera, found) in std::mem::take(&mut self.cameras) {
                    removed.extend(found.names(&camera));
                }
                self.listed = Listed::default();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut result = Ok(());
        if self.listed.take_changed(&root, now) {
            match folders(&self.root, camera_id::is_valid) {
                Ok(names) => {
                    let gone = keep(&mut self.cameras, names);
                    removed.extend(gone.iter().flat_map(|(camera, it)| it.names(camera)));
                }
                Err(error) => {
                    self.listed = Listed::default();
                    result = Err(error);
                }
            }
        }
        for (id, camera) in &mut self.cameras {
            let path = self.root.join(id);
            let looked = fs::symlink_metadata(&path).and_then(|found| {
                if camera.listed.take_changed(&found, now) {
                    let gone = keep(&mut camera.days, folders(&path, is_day)?);
                    removed.extend(gone.values().flat_map(|day| day.names(id)));
                }
                Ok(())
            });
            if let Err(error) = looked {
                camera.listed = Listed::default();
                // It goes with the next look at the folder above it.
                if error.kind() != io::ErrorKind::NotFound {
                    result = Err(error);
                }
            }
        }
        result
    }

    /// The names of all days, the newest first.
    pub fn days(&self) -> Vec<String> {
        let days = self.cameras.values().flat_map(|it| it.days.keys());
        let days: BTreeSet<&String> = days.collect();
        days.into_iter().rev().cloned().collect()
    }

    /// What has changed on a day, of all cameras: clips that camweave has written and finished, or that
    /// are gone. Of a folder that cannot be listed nothing is known to have changed.
    pub fn changes(&mut self, day: &str, now: SystemTime) -> (Changes, io::Result<()>) {
        let mut changes = Changes::default();
        let mut result = Ok(());
        for (id, camera) in &mut self.cameras {
            let Some(found) = camera.days.get_mut(day) else {
                continue;
            };
            let path = self.root.join(id).join(day);
            if let Err(error) = found.changes(&path, id, now, &mut changes) {
                found.listed = Listed::default();
                if error.kind() != io::ErrorKind::NotFound {
                    result = Err(error);
                }
            }
        }
        changes.new.sort_by(|a, b| b.name.cmp(&a.name));
        (changes, result)
    }

    /// A new clip could not be read. `is_lasting`: it is not tried again; else it is, with the next
    /// look. Whether that is news.
    pub fn refuse(&mut self, name: &ClipName, is_lasting: bool) -> bool {
        let camera = self.cameras.get_mut(&name.camera);
        let Some(day) = camera.and_then(|it| it.days.get_mut(&name.day())) else {
            return true;
        };
        if !is_lasting {
            day.known.remove(&key(name));
            day.listed = Listed::default();
        }
        day.refused.insert(key(name))
    }
}

impl Camera {
    fn names(&self, camera: &str) -> Vec<ClipName> {
        self.days.values().flat_map(|it| it.names(camera)).collect()
    }
}

impl Day {
    fn names(&self, camera: &str) -> Vec<ClipName> {
        self.known.iter().map(|it| name(camera, *it)).collect()
    }

    fn changes(
        &mut self,
        path: &Path,
        camera: &str,
        now: SystemTime,
        changes: &mut Changes,
    ) -> io::Result<()> {
        if !self.listed.take_changed(&fs::symlink_metadata(path)?, now) {
            return Ok(());
        }
        let mut there = HashSet::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let file = entry.file_name();
            let Some(stem) = file.to_str().and_then(|it| it.strip_suffix(".mp4")) else {
                continue;
            };
            // Only names as the recorder writes them, in the folder where it writes them.
            let parsed = ClipName::parse(stem)
                .filter(|it| it.camera == camera && it.stem() == stem && path.ends_with(it.day()));
            if let Some(name) = parsed
                && entry.file_type()?.is_file()
            {
                there.insert(key(&name));
            }
        }
        let gone = self.known.extract_if(|it| !there.contains(it));
        changes.removed.extend(gone.map(|it| name(camera, it)));
        self.refused.retain(|it| there.contains(it));
        let new: Vec<Key> = there.difference(&self.known).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let own = Folder::own_files(path).map_err(io::Error::other)?;
        let own: HashSet<String> = own.into_iter().collect();
        for at in new {
            let stem = name(camera, at).stem();
            let file = format!("{stem}.mp4");
            if !own.contains(&file) || !own.contains(&format!("{stem}.json")) {
                continue;
            }
            match Clip::at(&path.join(file)) {
                Ok(Some(clip)) => {
                    self.known.insert(at);
                    changes.new.push(clip);
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn key(name: &ClipName) -> Key {
    (name.begin_unix_millis, name.number)
}

fn name(camera: &str, (begin_unix_millis, number): Key) -> ClipName {
    ClipName {
        begin_unix_millis,
        camera: camera.to_owned(),
        number,
    }
}

fn is_day(name: &str) -> bool {
    let is_digit = |(at, letter): (usize, u8)| match at {
        4 | 7 => letter == b'-',
        _ => letter.is_ascii_digit(),
    };
    name.len() == 10 && name.bytes().enumerate().all(is_digit)
}

/// The folders in one that have such a name. A link is none.
fn folders(path: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(name) = name.to_str()
            && is_wanted(name)
            && entry.file_type()?.is_dir()
        {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

/// Makes those known that are new. Those that are gone.
fn keep<T: Default>(
    known: &mut BTreeMap<String, T>,
    names: BTreeSet<String>,
) -> BTreeMap<String, T> {
    let mut gone = std::mem::take(known);
    for name in names {
        let found = gone.remove(&name).unwrap_or_default();
        known.insert(name, found);
    }
    gone
}

#[cfg(test)]
#[path = "folders_tests.rs"]
mod tests;
