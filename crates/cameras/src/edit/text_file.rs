use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_outdir::{NewFile, PRIVATE_MODE};
use zeroize::Zeroizing;

use super::error::EditError;

/// How long another editor is waited for.
const BUSY_FOR: Duration = Duration::from_secs(3);

/// A file that is being changed. No other editor opens one in its folder meanwhile.
#[derive(Debug)]
pub struct TextFile {
    /// As it was named.
    path: PathBuf,
    /// The file that this leads to.
    target: PathBuf,
    /// What was read; `None`: there is no file yet.
    pub(super) original: Option<Zeroizing<String>>,
    /// Of the folder, so that no further file is needed.
    _lock: Option<File>,
}

impl TextFile {
    /// Opens a file of at most so many bytes.
    ///
    /// # Errors
    /// It cannot be read or is longer, or another editor has had it for three seconds.
    pub fn open(path: &Path, most_bytes: u64) -> Result<Self, EditError> {
        let target = fs::canonicalize(path).map_err(EditError::io("read", path))?;
        let mut file = Self::lock(path, target)?;
        let mut bytes = read(&file.target, most_bytes)?;
        if bytes.len() as u64 > most_bytes {
            return Err(EditError::TooLong {
                path: path.to_owned(),
                most_bytes,
            });
        }
        let text = String::from_utf8(std::mem::take(&mut bytes));
        let text = text.map_err(|_| EditError::Shape {
            path: path.to_owned(),
        })?;
        file.original = Some(Zeroizing::new(text));
        Ok(file)
    }

    /// Keeps other editors of a file away that is yet to be read.
    pub(super) fn lock(path: &Path, target: PathBuf) -> Result<Self, EditError> {
        let lock = lock(path, &target)?;
        Ok(Self {
            path: path.to_owned(),
            target,
            original: None,
            _lock: lock,
        })
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// What was read.
    #[must_use]
    pub fn text(&self) -> &str {
        self.original.as_ref().map_or("", |text| text.as_str())
    }

    /// Puts a text in the place of the old one in one step, with its mode and owner. A link stays, and
    /// what it leads to is replaced.
    ///
    /// # Errors
    /// Somebody else has changed the file meanwhile, or the system refuses. Then it is as it was.
    pub fn save(self, text: &str) -> Result<(), EditError> {
        let Some(original) = &self.original else {
            let file = camweave_outdir::create_new(&self.target, PRIVATE_MODE)
                .map_err(EditError::io("create", &self.target))?;
            write(&file, text, &self.target)?;
            return Ok(());
        };
        if original.as_str() == text {
            return Ok(());
        }
        if *read(&self.target, original.len() as u64)? != *original.as_bytes() {
            return Err(EditError::Changed { path: self.path });
        }
        let found = fs::metadata(&self.target).map_err(EditError::io("read", &self.target))?;
        let new = NewFile::create(&self.target, PRIVATE_MODE)
            .map_err(EditError::io("replace", &self.target))?;
        keep_owner(new.file(), &found).map_err(EditError::io("keep the owner of", &self.target))?;
        write(new.file(), text, &self.target)?;
        new.put_in_place()
            .map_err(EditError::io("replace", &self.target))?;
        // Best effort: the file is whole in any case, the old one or the new one.
        if let Some(folder) = self.target.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// One without a file.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self {
            path: PathBuf::new(),
            target: PathBuf::new(),
            original: None,
            _lock: None,
        }
    }
}

/// A file's first bytes, one more than `most_bytes` of a longer one.
fn read(path: &Path, most_bytes: u64) -> Result<Zeroizing<Vec<u8>>, EditError> {
    let failed = EditError::io("read", path);
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(most_bytes + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

/// Keeps other editors away, by a lock of the folder. Where the file system has no locks, that the
/// file is compared before it is replaced must do.
fn lock(path: &Path, target: &Path) -> Result<Option<File>, EditError> {
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = File::open(folder).map_err(EditError::io("open", folder))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if began.elapsed() < BUSY_FOR => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(EditError::Busy {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

fn keep_owner(file: &File, found: &fs::Metadata) -> std::io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
        std::os::unix::fs::fchown(file, Some(found.uid()), Some(found.gid()))?;
    }
    // After the owner, whose change takes bits away.
    file.set_permissions(fs::Permissions::from_mode(found.mode() & 0o7777))
}

fn write(mut file: &File, text: &str, path: &Path) -> Result<(), EditError> {
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(EditError::io("write", path))
}
