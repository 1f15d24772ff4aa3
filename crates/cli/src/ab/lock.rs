//! One measurement at a time: two would measure each other.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use camweave_outdir::PRIVATE_MODE;
use camweave_stage::Exit;
use rustix::fs::OFlags;

use crate::error::CliError;

/// Held while a measurement runs. The kernel lets go of it with the process, however that ends,
/// so the file of one that was killed is in nobody's way.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of this machine and user.
    ///
    /// # Errors
    /// Another measurement runs; its process is named.
    pub fn take() -> Result<Self, CliError> {
        Self::take_at(&path())
    }

    fn take_at(path: &Path) -> Result<Self, CliError> {
        let refuse = |error: &std::io::Error| CliError::file("lock", path, error);
        // In a folder that others can write into, the name may be theirs.
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_MODE)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
            .map_err(|error| refuse(&error))?;
        let found = file.metadata().map_err(|error| refuse(&error))?;
        let own = rustix::process::geteuid().as_raw();
        if !found.is_file() || found.uid() != own || found.nlink() > 1 {
            return Err(CliError::new(
                Exit::Resource,
                format!(
                    "'{}' is not this user's lock: expected a regular file of user {own} with one name; set XDG_RUNTIME_DIR to a folder of your own",
                    path.display()
                ),
            ));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                drop(file.read_to_string(&mut holder));
                let holder = holder.trim();
                return Err(CliError::new(
                    Exit::Resource,
                    format!(
                        "another measurement runs ({}), and two would disturb each other; wait for its end, or end it",
                        if holder.is_empty() {
                            "process unknown"
                        } else {
                            holder
                        }
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(refuse(&error)),
        }
        let words: Vec<String> = std::env::args().skip(1).collect();
        let text = format!(
            "process {}: camweave {}\n",
            std::process::id(),
            words.join(" ")
        );
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| refuse(&error))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The kernel would do the same.
        drop(self.file.unlock());
    }
}

/// Where a user's runtime files go, else the folder for temporary ones, by user.
fn path() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let is_own = |folder: &PathBuf| {
        let own = rustix::process::geteuid().as_raw();
        fs::metadata(folder).is_ok_and(|it| it.is_dir() && it.uid() == own)
    };
    if let Some(folder) = runtime.filter(is_own) {
        return folder.join("camweave-measure.lock");
    }
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("camweave-measure-{user}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_second_name_is_refused_and_its_file_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("lock"), folder.path().join("mine"));
        fs::write(&target, "precious").expect("writable");
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        let error = Lock::take_at(&path).err().expect("refused").to_string();
        assert!(error.contains("lock"), "{error}");
        fs::remove_file(&path).expect("ours");
        fs::hard_link(&target, &path).expect("a second name");
        let error = Lock::take_at(&path).err().expect("refused").to_string();
        assert!(error.contains("one name"), "{error}");
        assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
        fs::remove_file(&path).expect("ours");
        drop(Lock::take_at(&path).expect("free"));
        let mode = fs::metadata(&path).expect("there").mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn a_second_one_is_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        // What a process that died has left.
        fs::write(&path, "process 1: camweave ab old\n").expect("writable");
        let held = Lock::take_at(&path).expect("nobody holds it");
        let error = Lock::take_at(&path).err().expect("refused");
        assert_eq!(error.exit, Exit::Resource);
        let expected = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
        drop(held);
        assert!(Lock::take_at(&path).is_ok());
    }
}
