//! The folders that dora leaves of each run: `out/<id of the run>/` with the nodes' logs.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::fmt::Hyphenated;

use crate::{Error, Folder, WriterLock};

/// The kind of lock that marks a run's folder as one of camweave's.
const LOCK: &str = "run";
const LOCK_FILE: &str = ".camweave.run.lock";
/// dora's logs, one per node, and those that it has rotated.
const LOG: (&str, &str) = ("log_", ".jsonl");
/// What nodes leave there, if nobody names another place.
const OWN_FOLDERS: [&str; 2] = ["stats", "trace"];

/// The folder of a run that goes on, held until this is dropped.
#[derive(Debug)]
pub struct RunFolder {
    _lock: WriterLock,
}

impl RunFolder {
    /// Marks `out/<run>` as a run of camweave's that goes on.
    ///
    /// # Errors
    /// It cannot be created, or another process holds it.
    pub fn hold(out: &Path, run: &str) -> Result<Self, Error> {
        let folder = Folder::open(&out.join(run))?;
        let lock = folder.lock(LOCK, "a run", Duration::from_secs(1))?;
        Ok(Self { _lock: lock })
    }
}

/// A run's folder, and whether what is camweave's in it is gone.
pub type Tidied = (PathBuf, Result<(), Error>);

/// Removes logs and counters of earlier runs in `out`: of those older than `age`, and of all but
/// the `newest`. A run that goes on is left alone, and so is every folder that was not held by
/// [`RunFolder`]; what neither dora nor camweave has written there stays. Gives the folders, and
/// those that refuse.
///
/// # Errors
/// `out` cannot be listed.
pub fn tidy_runs(
    out: &Path,
    newest: usize,
    age: Option<Duration>,
    now: SystemTime,
) -> Result<Vec<Tidied>, Error> {
    let mut runs: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(out).map_err(Error::io("list", out))? {
        let entry = entry.map_err(Error::io("list", out))?;
        if let Some(ended) = ended(&entry) {
            runs.push((ended, entry.path()));
        }
    }
    runs.sort();
    runs.reverse();
    let mut removed = Vec::new();
    for (index, (ended, path)) in runs.into_iter().enumerate() {
        let is_old = age.is_some_and(|most| now.duration_since(ended).unwrap_or_default() > most);
        if index < newest && !is_old {
            continue;
        }
        if let Some(result) = remove_ended(&path).transpose() {
            removed.push((path, result));
        }
    }
    Ok(removed)
}

/// Removes what is camweave's of a run; none of one that goes on.
fn remove_ended(path: &Path) -> Result<Option<()>, Error> {
    let folder = Folder::open(path)?;
    let lock = match folder.lock(LOCK, "nobody any more", Duration::ZERO) {
        Err(Error::Busy { .. }) => return Ok(None),
        locked => locked?,
    };
    remove(&folder)?;
    drop(lock);
    Ok(Some(()))
}

/// When a run of camweave's was last written to; none for what is no such folder.
fn ended(entry: &DirEntry) -> Option<SystemTime> {
    let name = entry.file_name();
    let is_id = name.to_str()?.parse::<Hyphenated>().is_ok();
    if !entry.file_type().ok()?.is_dir() || !is_id {
        return None;
    }
    let mark = fs::symlink_metadata(entry.path().join(LOCK_FILE)).ok()?;
    let files = fs::read_dir(entry.path()).ok()?;
    // The mark does not count: whoever looks whether the run continues touches it.
    let written = files.filter_map(|file| {
        let file = file.ok()?;
        let is_log = is_log(&file.file_name().to_string_lossy());
        is_log.then(|| file.metadata().ok()?.modified().ok())?
    });
    mark.is_file().then(|| written.max())?
}

fn is_log(name: &str) -> bool {
    name.starts_with(LOG.0) && name.ends_with(LOG.1)
}

fn remove(folder: &Folder) -> Result<(), Error> {
    let path = folder.path();
    for entry in fs::read_dir(path).map_err(Error::io("list", path))? {
        let entry = entry.map_err(Error::io("list", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(Error::io("look at", path))?;
        if kind.is_dir() && OWN_FOLDERS.contains(&&*name) {
            let own = Folder::open(&entry.path())?;
            own.remove_own(&[])?;
            own.remove_if_empty()?;
        } else if kind.is_file() && is_log(&name) {
            fs::remove_file(entry.path()).map_err(Error::io("remove", path))?;
        }
    }
    folder.remove_if_empty().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> String {
        format!("0198c1a2-0000-7000-8000-0000000000{number:02}")
    }

    /// A run of so many days ago.
    fn run(out: &Path, number: u8, days: u64) -> PathBuf {
        let path = out.join(id(number));
        drop(RunFolder::hold(out, &id(number)).expect("writable"));
        let stats = Folder::open(&path.join("stats")).expect("writable");
        fs::write(stats.claim("sink.json").expect("free"), "{}").expect("writable");
        for name in ["log_sink.jsonl", "log_sink.1.jsonl"] {
            fs::write(path.join(name), "{}").expect("writable");
        }
        for entry in fs::read_dir(&path).expect("a folder") {
            let file = fs::File::open(entry.expect("an entry").path()).expect("readable");
            let then = SystemTime::now() - Duration::from_secs(days * 86_400);
            file.set_modified(then).expect("our file");
        }
        path
    }

    #[test]
    fn old_runs_go_and_what_others_have_put_there_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let out = place.path();
        let [old, noted, middle, new] =
            [(1, 40), (2, 39), (3, 3), (4, 0)].map(|(number, days)| run(out, number, days));
        fs::write(noted.join("notes.txt"), "precious").expect("writable");
        // Not a run of camweave's: another graph's, and a user's folder.
        let other = out.join(id(9));
        fs::create_dir(&other).expect("writable");
        fs::write(other.join("log_a.jsonl"), "theirs").expect("writable");
        fs::create_dir(out.join("latest")).expect("writable");
        let going_on = run(out, 5, 50);
        let _held = RunFolder::hold(out, &id(5)).expect("free");
        let month = Some(Duration::from_secs(30 * 86_400));
        let tidy = |newest| {
            let tidied = tidy_runs(out, newest, month, SystemTime::now()).expect("listed");
            let each = tidied
                .into_iter()
                .map(|(path, result)| (path, result.is_ok()));
            each.collect::<Vec<_>>()
        };
        // One that refuses costs the others nothing.
        let refusing = run(out, 6, 41);
        let stats = refusing.join("stats/.camweave");
        fs::write(&stats, "my notes").expect("ours");
        let expected = [
            (noted.clone(), true),
            (old.clone(), true),
            (refusing, false),
        ];
        assert_eq!(tidy(10), expected);
        fs::write(&stats, "").expect("ours");
        assert!(
            !old.exists()
                && middle.exists()
                && new.exists()
                && going_on.join("log_sink.jsonl").exists()
        );
        assert_eq!(
            fs::read_to_string(noted.join("notes.txt")).expect("there"),
            "precious"
        );
        assert!(!noted.join("log_sink.jsonl").exists());
        tidy(1);
        assert!(new.exists() && !middle.exists() && other.join("log_a.jsonl").exists());
        assert!(out.join("latest").exists());
    }
}
