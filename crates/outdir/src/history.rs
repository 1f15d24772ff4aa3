//! Finished segments of a folder's results, and how long they are kept.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};

use crate::{Error, Folder};

/// The folder of finished segments.
const NAME: &str = "history";
/// What becomes a segment: stem and extension.
const KINDS: [(&str, &str); 2] = [("detections", "jsonl"), ("summary", "json")];
/// When the last line was written, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";
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
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
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
    /// Nothing is ever replaced.
    ///
    /// # Errors
    /// It cannot be moved; it is where it was.
    pub fn retire(&self, from: &Path) -> Result<Option<PathBuf>, Error> {
        let Some(written) = fs::symlink_metadata(from)
            .ok()
            .and_then(|it| it.modified().ok())
        else {
            return Ok(None);
        };
        let history = self.folder.claim_folder(NAME)?;
        let part = |text: Option<&OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, extension) = (part(from.file_stem()), part(from.extension()));
        let time = DateTime::<Utc>::from(written).format(TIME);
        for number in 0_u32.. {
            let number = match number {
                0 => String::new(),
                // After a dot in the order of names.
                number => format!("_{number}"),
            };
            let to = history
                .path()
                .join(format!("{stem}-{time}{number}.{extension}"));
            match renameat_with(CWD, from, CWD, &to, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(Some(to)),
                Err(rustix::io::Errno::EXIST) => {}
                // A file system that cannot: there is one writer, so looking first is as good.
                Err(rustix::io::Errno::INVAL) if !to.exists() => {
                    fs::rename(from, &to).map_err(Error::io("move", from))?;
                    return Ok(Some(to));
                }
                Err(error) => return Err(Error::io("move", from)(error.into())),
            }
        }
        Ok(None)
    }

    /// Removes what is beyond the limits, while `current` bytes belong to what is not finished.
    /// Looks at names and sizes only.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn tidy(&self, current: u64, now: SystemTime) -> Result<Vec<Removed>, Error> {
        let mut removed = Vec::new();
        let mut segments = self.segments()?;
        let mut bytes = current + segments.iter().map(|it| it.bytes).sum::<u64>();
        segments.reverse();
        // From the oldest on.
        while let Some(segment) = segments.pop() {
            let age = now.duration_since(segment.written).unwrap_or_default();
            let why = if self.retention.age.is_some_and(|most| age > most) {
                "older than the limit"
            } else if self.retention.bytes.is_some_and(|most| bytes > most) {
                "more bytes than the limit"
            } else if self.lacks_room() {
                "less free space than the limit"
            } else {
                break;
            };
            let error = fs::remove_file(&segment.path).err();
            bytes -= segment.bytes;
            removed.push(Removed {
                path: segment.path,
                bytes: segment.bytes,
                why,
                error,
            });
        }
        Ok(removed)
    }

    fn lacks_room(&self) -> bool {
        let Some(least) = self.retention.free_bytes else {
            return false;
        };
        statvfs(self.folder.path()).is_ok_and(|found| {
            let most = found.f_blocks.saturating_mul(found.f_frsize) / MOST_FREE;
            found.f_bavail.saturating_mul(found.f_frsize) < least.min(most)
        })
    }

    /// The oldest first.
    fn segments(&self) -> Result<Vec<Segment>, Error> {
        if !self.folder.owns(&format!("{NAME}/"))? {
            return Ok(Vec::new());
        }
        let folder = self.folder.path().join(NAME);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::io("list", &folder)(source)),
        };
        let mut segments: Vec<(String, Segment)> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            // Whatever else is there is not camweave's.
            if let (Some(written), true) = (time_of(&name), metadata.is_file()) {
                let segment = Segment {
                    path: entry.path(),
                    bytes: metadata.len(),
                    written,
                };
                segments.push((name, segment));
            }
        }
        segments.sort_by(|(a, it), (b, other)| (it.written, a).cmp(&(other.written, b)));
        Ok(segments.into_iter().map(|(_, segment)| segment).collect())
    }
}

/// The time in a segment's name, if it is one.
fn time_of(name: &str) -> Option<SystemTime> {
    let (stem, extension) = name.rsplit_once('.')?;
    let (kind, rest) = stem.split_once('-')?;
    if !KINDS.contains(&(kind, extension)) {
        return None;
    }
    let time = match rest.split_once('_') {
        Some((time, number)) => number.parse::<u32>().is_ok().then_some(time)?,
        None => rest,
    };
    let time = chrono::NaiveDateTime::parse_from_str(time, TIME).ok()?;
    Some(SystemTime::from(time.and_utc()))
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
        assert!(a != b && left(&folder) == 3, "{a:?} {b:?}");
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
        let (_place, folder) = place();
        let [old, middle, new] = [40, 10, 1].map(|days| retired(&folder, days, 1000));
        for name in [
            "detections-mine.jsonl",
            "notes.txt",
            "detections-20200101T000000Z.txt",
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
            bytes: Some(2500),
            ..Retention::default()
        };
        assert_eq!(removed(bytes, 500), Vec::<PathBuf>::new());
        assert_eq!(removed(bytes, 501), [middle]);
        // No file system has more than a twentieth free that it has not: a wish beyond it all is cut.
        let free = Retention {
            free_bytes: Some(1),
            ..Retention::default()
        };
        assert_eq!(removed(free, 0), Vec::<PathBuf>::new());
        assert!(new.exists());
        assert_eq!(left(&folder), 4);
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
