use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use crate::folder::{look, move_to_free};
use crate::history::is_kept;
use crate::mark::Mark;
use crate::{Error, Folder, History, Retention};

/// How the names of the folders begin that earlier results are moved into.
const BEFORE: &str = ".camweave-before-";

/// An earlier run's results, moved out of the way of a run that is about to start.
///
/// They come back when this is dropped, unless the new run has started ([`Aside::remove`]): a run
/// that cannot start costs nothing of the one before. What a run that was killed has left aside
/// comes back when the next one sets results aside.
#[derive(Debug)]
pub struct Aside {
    folder: Folder,
    place: PathBuf,
    /// Entries that stay where they are.
    except: Vec<String>,
    /// By their paths in the folder.
    files: Vec<PathBuf>,
    recovered: usize,
    is_over: bool,
}

impl Folder {
    /// Moves the files that camweave has created here into a hidden folder, except for the entries
    /// named (folders with a slash at their end). Whoever calls this holds the folder's lock.
    ///
    /// # Errors
    /// Something cannot be moved; all is where it was.
    pub fn set_aside(&self, except: &[&str]) -> Result<Aside, Error> {
        let recovered = self.recover()?;
        let mut aside = Aside {
            folder: self.clone(),
            place: self.free_place()?,
            except: except.iter().map(|it| (*it).to_owned()).collect(),
            files: Vec::new(),
            recovered,
            is_over: false,
        };
        aside.move_own(self, except)?;
        Ok(aside)
    }

    /// A process of the same number may have left one, in which there is what cannot be moved.
    fn free_place(&self) -> Result<PathBuf, Error> {
        let first = format!("{BEFORE}{}", std::process::id());
        let mut place = self.path().join(&first);
        let mut number = 1;
        while look(&place)?.is_some() {
            place = self.path().join(format!("{first}-{number}"));
            number += 1;
        }
        Ok(place)
    }

    /// Brings back what runs that were killed have left aside: where a name is taken, detections
    /// and summary go into the history, and the rest is removed, as it would have been. Gives how
    /// many files.
    fn recover(&self) -> Result<usize, Error> {
        let mut count = 0;
        for entry in fs::read_dir(self.path()).map_err(Error::io("list", self.path()))? {
            let entry = entry.map_err(Error::io("list", self.path()))?;
            let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
            if !is_folder || !entry.file_name().to_string_lossy().starts_with(BEFORE) {
                continue;
            }
            let place = entry.path();
            for relative in files_in(&place)? {
                if self.bring_back(&place, &relative)? {
                    count += 1;
                } else if relative.parent() == Some(Path::new(""))
                    && relative.to_str().is_some_and(is_kept)
                {
                    let history = History::new(self, Retention::default());
                    history.retire(&place.join(&relative))?;
                    count += 1;
                }
            }
            // All of it was moved here because it is camweave's.
            fs::remove_dir_all(&place).map_err(Error::io("remove", &place))?;
        }
        Ok(count)
    }

    /// Moves a file back from `place`, unless its name is taken.
    fn bring_back(&self, place: &Path, relative: &Path) -> Result<bool, Error> {
        let mut folder = self.clone();
        let parents = relative.parent().into_iter().flat_map(Path::components);
        for parent in parents {
            folder = match folder.claim_folder(&parent.as_os_str().to_string_lossy()) {
                Err(Error::Foreign { .. }) => return Ok(false),
                claimed => claimed?,
            };
        }
        let name = relative.file_name().unwrap_or_default().to_string_lossy();
        let (from, to) = (place.join(relative), folder.path().join(&*name));
        if look(&to)?.is_some() {
            return Ok(false);
        }
        // What is noted of the file still holds: it is the same.
        if !folder.owns(&name)? {
            folder.claim(&name)?;
        }
        move_to_free(&from, &to).map_err(Error::io("move", &from))
    }
}

impl Aside {
    fn move_own(&mut self, from: &Folder, except: &[&str]) -> Result<(), Error> {
        for entry in from.own_entries(except)? {
            let path = from.path().join(entry.trim_end_matches('/'));
            if entry.ends_with('/') {
                self.move_own(&Folder::open(&path)?, &[])?;
                continue;
            }
            let Ok(relative) = path.strip_prefix(self.folder.path()).map(Path::to_owned) else {
                continue;
            };
            let to = self.place.join(&relative);
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            }
            fs::rename(&path, &to).map_err(Error::io("move", &path))?;
            self.files.push(relative);
        }
        Ok(())
    }

    /// So many files of a run that was killed have come back before.
    #[must_use]
    pub fn recovered(&self) -> usize {
        self.recovered
    }

    /// The file of this path in the folder, where it is now; `None` if there was none.
    #[must_use]
    pub fn path(&self, relative: &str) -> Option<PathBuf> {
        let path = self.place.join(relative);
        path.is_file().then_some(path)
    }

    /// The new run has started: the earlier results are removed.
    ///
    /// # Errors
    /// Something refuses to be removed.
    pub fn remove(mut self) -> Result<(), Error> {
        self.is_over = true;
        if self.place.exists() {
            // All of it was moved here because it is camweave's.
            fs::remove_dir_all(&self.place).map_err(Error::io("remove", &self.place))?;
        }
        // Names of what the new run does not write are not camweave's any more.
        for relative in &self.files {
            let path = self.folder.path().join(relative);
            if path.symlink_metadata().is_err()
                && let (Some(folder), Some(name)) = (path.parent(), path.file_name())
                && folder.is_dir()
            {
                Mark::open(folder)?.give_up(folder, &name.to_string_lossy())?;
            }
        }
        Ok(())
    }

    fn restore(&self) -> Result<(), Error> {
        let except: Vec<&str> = self.except.iter().map(String::as_str).collect();
        self.folder.remove_own(&except)?;
        for relative in &self.files {
            if !self.folder.bring_back(&self.place, relative)? {
                // Nothing of it is lost: it stays where it is.
                return Err(Error::Foreign {
                    folder: self.folder.path().to_owned(),
                    found: vec![relative.display().to_string()],
                });
            }
        }
        if self.place.exists() {
            fs::remove_dir_all(&self.place).map_err(Error::io("remove", &self.place))?;
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Err(error) = self.restore() {
            // Whoever has closed standard error reads no warning.
            drop(writeln!(
                std::io::stderr(),
                "warning: the results of the earlier run are in '{}': {error}",
                self.place.display()
            ));
        }
    }
}

/// The regular files below the folder, by their paths in it. No link is followed.
fn files_in(place: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let kind = entry.file_type().map_err(Error::io("look at", &folder))?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(relative) = path.strip_prefix(place)
                && relative
                    .components()
                    .all(|it| matches!(it, Component::Normal(_)))
            {
                files.push(relative.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
