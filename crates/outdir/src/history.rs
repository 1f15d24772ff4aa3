//! Finished segments of a folder's results, and how long they are kept.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use rustix::fs::statvfs;

use crate::folder::{look, move_to_free};
use crate::mark::Mark;
use crate::{Error, Folder};

/// The folder of finished segments.
const NAME: &str = "history";
/// What becomes a segment: stem and extension.
const KINDS: [(&str, &str); 2] = [("detections", "jsonl"), ("summary", "json")];
/// When the last line was written, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// The end of the year 9999, in seconds of Unix.
const LAST_SECOND: u64 = 253_402_300_799;
/// The largest part of a file system that is kept free for others.
const MOST_FREE: u64 = 20;

/// How long segments are kept. The oldest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Older ones are removed.
    pub age: Option<Duration>,
    /// So many bytes are kept, with what is not finished.
    pub bytes: Option<u64>,
    /// So many bytes of the file system stay free, or a twentieth of it where that is less.
    pub free_bytes: Option<u64>,
}

impl Retention {
    /// Whether the file system of `folder` has less free space than the limit.
    #[must_use]
    pub fn lacks_room(&self, folder: &Path) -> bool {
        let Some(least) = self.free_bytes else {
            return false;
        };
        statvfs(folder).is_ok_and(|found| {
            let most = found.f_blocks.saturating_mul(found.f_frsize) / MOST_FREE;
            found.f_bavail.saturating_mul(found.f_frsize) < least.min(most)
        })
    }
}

/// A segment that was removed, or could not be.
#[derive(Debug)]
pub struct Removed {
    /// Which.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Which limit it was.
    pub why: &'static str,
    /// What the system reported, where it is still there.
    pub error: Option<std::io::Error>,
}

/// The finished segments of one folder: `history/<name>-<time>.<extension>`.
#[derive(Debug)]
pub struct History {
    folder: Folder,
    retention: Retention,
}

struct Segment {
    name: String,
    path: PathBuf,
    /// Of the disk: a file with holes may be longer than all disks.
    bytes: u64,
    written: SystemTime,
    /// Of those with the same time, the later has the higher one.
    number: u32,
}

/// Whether a file of this name goes into the history when its run is over.
pub(crate) fn is_kept(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|kind| KINDS.contains(&kind))
}

impl History {
    /// Of the results in `folder`.
    #[must_use]
    pub fn new(folder: &Folder, retention: Retention) -> Self {
        Self {
            folder: folder.clone(),
            retention,
        }
    }

    /// Moves the file of camweave's at `from`, such as `detections.jsonl`, into the history, by
    /// when it was last written; gives its new path, or `None` where there is no such file.
    /// Nothing is ever replaced. It is never older there than what is there already: a clock that
    /// was set back, or a file's time that somebody has set, changes no order.
    ///
    /// # Errors
    /// It cannot be moved; it is where it was.
    pub fn retire(&self, from: &Path) -> Result<Option<PathBuf>, Error> {
        let Some(found) = look(from)? else {
            return Ok(None);
        };
        let part = |text: Option<&OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
        if !found.is_file() {
            return Err(Error::Foreign {
                folder: from.parent().unwrap_or(from).to_owned(),
                found: vec![part(from.file_name())],
            });
        }
        let history = self.folder.claim_folder(NAME)?;
        let now = SystemTime::now();
        let written = found.modified().map_or(now, |written| written.min(now));
        let written = self.newest()?.map_or(written, |newest| newest.max(written));
        let (stem, extension) = (part(from.file_stem()), part(from.extension()));
        let time = time_text(written);
        for number in 0_u32.. {
            let number = match number {
                0 => String::new(),
                number => format!("_{number}"),
            };
            let name = format!("{stem}-{time}{number}.{extension}");
            let to = history.path().join(&name);
            if look(&to)?.is_some() {
                continue;
            }
            history.claim(&name)?;
            match move_to_free(from, &to) {
                Ok(true) => {}
                Ok(false) => {
                    history.give_up(&name)?;
                    continue;
                }
                Err(source) => {
                    // What it lists and is not there harms nobody.
                    drop(history.give_up(&name));
                    return Err(Error::io("move", from)(source));
                }
            }
            // Without the note the name alone says whose it is.
            drop(
                Mark::open(history.path())
                    .and_then(|mut mark| mark.note(history.path(), &name, &found)),
            );
            return Ok(Some(to));
        }
        Ok(None)
    }

    /// When the newest segment was written, if there is one.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn newest(&self) -> Result<Option<SystemTime>, Error> {
        Ok(self.segments()?.last().map(|it| it.written))
    }

    /// Removes what is beyond the limits, while `current` bytes belong to what is not finished.
    /// Looks at names and sizes only.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn tidy(&self, current: u64, now: SystemTime) -> Result<Vec<Removed>, Error> {
        let mut removed = Vec::new();
        let segments = self.segments()?;
        let mut bytes = segments
            .iter()
            .fold(current, |sum, it| sum.saturating_add(it.bytes));
        // One that is too large alone goes alone, not all that are older.
        let most = self.retention.bytes.unwrap_or(u64::MAX);
        let (large, others): (Vec<Segment>, Vec<Segment>) =
            segments.into_iter().partition(|it| it.bytes > most);
        // From the oldest on.
        for segment in large.into_iter().chain(others) {
            let age = now.duration_since(segment.written).unwrap_or_default();
            let why = if self.retention.age.is_some_and(|most| age > most) {
                "older than the limit"
            } else if bytes > most {
                "more bytes than the limit"
            } else if self.retention.lacks_room(self.folder.path()) {
                "less free space than the limit"
            } else {
                break;
            };
            let error = self.remove(&segment).err();
            if error.is_none() {
                bytes = bytes.saturating_sub(segment.bytes);
            }
            removed.push(Removed {
                path: segment.path,
                bytes: segment.bytes,
                why,
                error,
            });
        }
        Ok(removed)
    }

    fn remove(&self, segment: &Segment) -> std::io::Result<()> {
        fs::remove_file(&segment.path)?;
        if let Some(folder) = segment.path.parent() {
            // What it lists and is not there harms nobody.
            drop(Mark::open(folder).and_then(|mut mark| mark.give_up(folder, &segment.name)));
        }
        Ok(())
    }

    /// The oldest first: those that the mark of their folder lists, as whatever else is there is
    /// not camweave's.
    fn segments(&self) -> Result<Vec<Segment>, Error> {
        if !self.folder.owns(&format!("{NAME}/"))? {
            return Ok(Vec::new());
        }
        let folder = self.folder.path().join(NAME);
        let mut segments = Vec::new();
        for name in Folder::own_files(&folder)? {
            let path = folder.join(&name);
            if let (Some((written, number)), Ok(found)) =
                (time_of(&name), fs::symlink_metadata(&path))
            {
                segments.push(Segment {
                    name,
                    path,
                    bytes: found.blocks().saturating_mul(512),
                    written,
                    number,
                });
            }
        }
        segments
            .sort_by(|a, b| (a.written, &a.number, &a.name).cmp(&(b.written, &b.number, &b.name)));
        Ok(segments)
    }
}

/// The time as it is in a segment's name: within what four digits of a year can say.
fn time_text(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |it| it.as_secs().min(LAST_SECOND));
    let time = DateTime::<Utc>::from_timestamp(seconds.cast_signed(), 0).unwrap_or_default();
    time.format(TIME).to_string()
}

/// The time and number in a segment's name, if it is one.
fn time_of(name: &str) -> Option<(SystemTime, u32)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let (kind, rest) = stem.split_once('-')?;
    if !KINDS.contains(&(kind, extension)) {
        return None;
    }
    let (time, number) = match rest.split_once('_') {
        Some((time, number)) => (time, number.parse().ok()?),
        None => (rest, 0),
    };
    let time = chrono::NaiveDateTime::parse_from_str(time, TIME).ok()?;
    let seconds = u64::try_from(time.and_utc().timestamp()).ok()?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND));
    Some((time, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn place() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        (place, folder)
    }

    /// Retires a file of `bytes` bytes last written `days` ago.
    fn retired(folder: &Folder, days: u32, bytes: usize) -> PathBuf {
        let path = folder.claim("detections.jsonl").expect("ours");
        fs::write(&path, vec![b'x'; bytes]).expect("writable");
        let file = fs::File::options()
            .append(true)
            .open(&path)
            .expect("writable");
        file.set_modified(SystemTime::now() - DAY * days)
            .expect("our file");
        let history = History::new(folder, Retention::default());
        history.retire(&path).expect("movable").expect("there")
    }

    fn left(folder: &Folder) -> usize {
        fs::read_dir(folder.path().join(NAME))
            .expect("a folder")
            .count()
    }

    #[test]
    fn nothing_is_replaced_and_order_is_by_time() {
        let (_place, folder) = place();
        let [a, b, c] = [1, 1, 0].map(|days| retired(&folder, days, 10));
        // The mark is there as well.
        assert!(a != b && left(&folder) == 4, "{a:?} {b:?}");
        let history = History::new(&folder, Retention::default());
        let found: Vec<PathBuf> = history
            .segments()
            .expect("listed")
            .into_iter()
            .map(|it| it.path)
            .collect();
        assert_eq!(found, [a, b, c]);
        assert!(
            history
                .tidy(0, SystemTime::now())
                .expect("listed")
                .is_empty()
        );
        let missing = history.retire(&folder.path().join("summary.json"));
        assert_eq!(missing.expect("no file"), None);
    }

    #[test]
    fn each_limit_removes_the_oldest_first_and_nothing_of_others() {
        let (place, folder) = place();
        let [old, middle, new] = [40, 10, 1].map(|days| retired(&folder, days, 100_000));
        for name in [
            "detections-mine.jsonl",
            "notes.txt",
            "detections-20200101T000000Z.txt",
            // A name as camweave gives them does not make it camweave's.
            "detections-20200101T000000Z.jsonl",
        ] {
            fs::write(folder.path().join(NAME).join(name), "precious").expect("writable");
        }
        let removed = |retention: Retention, current| {
            let history = History::new(&folder, retention);
            let removed = history.tidy(current, SystemTime::now()).expect("listed");
            removed.into_iter().map(|it| it.path).collect::<Vec<_>>()
        };
        let age = Retention {
            age: Some(DAY * 30),
            ..Retention::default()
        };
        assert_eq!(removed(age, 0), [old]);
        let bytes = Retention {
            bytes: Some(250_000),
            ..Retention::default()
        };
        let size = |path: &Path| fs::metadata(path).expect("there").blocks() * 512;
        let room = 250_000 - size(&middle) - size(&new);
        assert_eq!(removed(bytes, room), Vec::<PathBuf>::new());
        assert_eq!(removed(bytes, room + 1), [middle]);
        // No file system has more than a twentieth free that it has not: a wish beyond it all is cut.
        let free = Retention {
            free_bytes: Some(1),
            ..Retention::default()
        };
        assert_eq!(removed(free, 0), Vec::<PathBuf>::new());
        assert!(new.exists());
        // The mark is there as well.
        assert_eq!(left(&folder), 6);
        // Nor is one that somebody has put in the place of a segment.
        fs::rename(&new, place.path().join("taken")).expect("movable");
        fs::write(&new, "precious").expect("writable");
        let none = Retention {
            age: Some(Duration::ZERO),
            ..Retention::default()
        };
        assert_eq!(removed(none, 0), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_with_holes_costs_no_other_segment() {
        let (_place, folder) = place();
        let [old, new] = [2, 1].map(|days| retired(&folder, days, 10_000));
        let holes: Vec<PathBuf> = (0..3)
            .map(|_| {
                let path = folder.claim("detections.jsonl").expect("ours");
                let file = fs::File::create(&path).expect("writable");
                // Three of the largest files would be more than a number can say.
                file.set_len(1 << 43).expect("sparse files");
                let history = History::new(&folder, Retention::default());
                history.retire(&path).expect("movable").expect("there")
            })
            .collect();
        let retention = Retention {
            bytes: Some(1 << 20),
            ..Retention::default()
        };
        let history = History::new(&folder, retention);
        let removed = history.tidy(u64::MAX / 2, SystemTime::now());
        assert!(
            !removed.expect("listed").is_empty(),
            "the current one is beyond the limit"
        );
        let again = [2, 1].map(|days| retired(&folder, days, 10_000));
        let removed = history.tidy(0, SystemTime::now()).expect("listed");
        assert!(removed.is_empty(), "{removed:?}");
        assert!(again.iter().all(|path| path.exists()));
        drop((old, new, holes));
        // One that is too large alone goes alone.
        let large = retired(&folder, 0, 2 << 20);
        let removed = history.tidy(0, SystemTime::now()).expect("listed");
        let removed: Vec<PathBuf> = removed.into_iter().map(|it| it.path).collect();
        assert_eq!(removed, [large]);
        assert!(again.iter().all(|path| path.exists()));
    }

    #[test]
    fn no_time_of_a_file_breaks_the_order() {
        let (_place, folder) = place();
        let history = History::new(&folder, Retention::default());
        let mut paths = Vec::new();
        for seconds in [Some(9_000_000_000_000), Some(0), None] {
            let path = folder.claim("detections.jsonl").expect("ours");
            let file = fs::File::create(&path).expect("writable");
            let time = seconds.map(|it| SystemTime::UNIX_EPOCH + Duration::from_secs(it));
            // Not every file system has such times.
            drop(file.set_modified(time.unwrap_or(SystemTime::now() - DAY)));
            paths.push(history.retire(&path).expect("movable").expect("there"));
        }
        let found: Vec<PathBuf> = history
            .segments()
            .expect("listed")
            .into_iter()
            .map(|it| it.path)
            .collect();
        assert_eq!(found, paths);
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(9_000_000_000_000);
        assert_eq!(time_text(far), "99991231T235959Z");
        assert_eq!(time_text(SystemTime::UNIX_EPOCH - DAY), "19700101T000000Z");
    }

    #[test]
    fn a_folder_of_somebody_else_is_no_history() {
        let (place, folder) = place();
        let theirs = place.path().join(NAME);
        fs::create_dir(&theirs).expect("writable");
        fs::write(theirs.join("detections-20200101T000000Z.jsonl"), "precious").expect("writable");
        let retention = Retention {
            age: Some(DAY),
            ..Retention::default()
        };
        let history = History::new(&folder, retention);
        assert!(
            history
                .tidy(0, SystemTime::now())
                .expect("listed")
                .is_empty()
        );
        let path = folder.claim("detections.jsonl").expect("free");
        fs::write(&path, "x\n").expect("writable");
        let error = history.retire(&path).expect_err("theirs").to_string();
        assert!(error.contains("'history/'"), "{error}");
        assert!(path.exists() && left(&folder) == 1);
    }
}
