//! One writer per folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::own::open_own;
use crate::{Error, Folder, PRIVATE_MODE};

/// How often a lock that is held is tried again.
const TRY_EVERY: Duration = Duration::from_millis(50);
/// So much of the holder's line is read, in bytes.
const HOLDER_BYTES: u64 = 400;

/// Held while a process writes into a folder. The kernel releases it with the process, however that
/// ends, so nothing is left of one that was killed.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

impl Folder {
    /// Takes the lock of this `kind` (a word) for `holder` (what the process is, in a few words).
    /// One that is held is waited for during `patience`: a process that has just been killed may
    /// still be about to end.
    ///
    /// # Errors
    /// Another process holds it, which is named; or the file cannot be opened.
    pub fn lock(&self, kind: &str, holder: &str, patience: Duration) -> Result<WriterLock, Error> {
        let path = self.path().join(format!(".camweave.{kind}.lock"));
        let mut file = open(&path).map_err(Error::io("open", &path))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let found = read(&mut file);
                    if since.elapsed() >= patience {
                        return Err(Error::Busy {
                            folder: self.path().to_owned(),
                            holder: found,
                        });
                    }
                    std::thread::sleep(TRY_EVERY);
                }
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
            }
        }
        let text = format!("process {}: {holder}\n", std::process::id());
        // The lock holds without its words, where the disk is full.
        drop(
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(text.as_bytes())),
        );
        Ok(WriterLock { _file: file })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_own(options.mode(PRIVATE_MODE), path)
}

/// The holder's words.
fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    drop(file.rewind());
    drop(file.take(HOLDER_BYTES).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let line: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|it| !it.is_control())
        .collect();
    if line.is_empty() {
        "an unknown process".to_owned()
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_writer_is_told_who_the_first_is() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        let first = folder
            .lock("results", "sink of run a", Duration::ZERO)
            .expect("free");
        let error = folder
            .lock("results", "sink of run b", Duration::ZERO)
            .expect_err("held");
        let line = error.to_string();
        let expected = format!("process {}: sink of run a", std::process::id());
        assert!(
            line.contains(&expected) && line.contains(&*place.path().to_string_lossy()),
            "{line}"
        );
        // What is in its place is not written into through a second name.
        let theirs = place.path().join("mine");
        std::fs::write(&theirs, "precious").expect("writable");
        std::fs::hard_link(&theirs, place.path().join(".camweave.run.lock")).expect("a name");
        let error = folder.lock("run", "demo", Duration::ZERO);
        let error = error.expect_err("theirs").to_string();
        assert!(error.contains("second name"), "{error}");
        assert_eq!(std::fs::read_to_string(&theirs).expect("there"), "precious");
        std::fs::remove_file(place.path().join(".camweave.run.lock")).expect("ours");
        // Another kind is another matter.
        folder.lock("run", "demo", Duration::ZERO).expect("free");
        let waiting = std::thread::spawn({
            let folder = folder.clone();
            move || {
                folder
                    .lock("results", "sink of run a", Duration::from_secs(20))
                    .is_ok()
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        drop(first);
        assert!(waiting.join().expect("no panic"));
    }
}
