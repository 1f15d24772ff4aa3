use std::fs;
use std::path::{Path, PathBuf};

use crate::mark::Mark;
use crate::{Error, Folder};

/// An earlier run's results, moved out of the way of a run that is about to start.
///
/// They come back when this is dropped, unless the new run has started ([`Aside::remove`]): a run
/// that cannot start costs nothing of the one before.
#[derive(Debug)]
pub struct Aside {
    folder: Folder,
    place: PathBuf,
    /// Entries that stay where they are.
    except: Vec<String>,
    /// By their paths in the folder.
    files: Vec<PathBuf>,
    is_over: bool,
}

impl Folder {
    /// Moves the files that camweave has created here into a hidden folder, except for the entries
    /// named (folders with a slash at their end).
    ///
    /// # Errors
    /// Something cannot be moved; all is where it was.
    pub fn set_aside(&self, except: &[&str]) -> Result<Aside, Error> {
        let mut aside = Aside {
            folder: self.clone(),
            place: self
                .path()
                .join(format!(".camweave-before-{}", std::process::id())),
            except: except.iter().map(|it| (*it).to_owned()).collect(),
            files: Vec::new(),
            is_over: false,
        };
        aside.move_own(self, except)?;
        Ok(aside)
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
            move_file(&path, &to)?;
            self.files.push(relative);
        }
        Ok(())
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
            let Some(name) = relative.file_name().map(|it| it.to_string_lossy()) else {
                continue;
            };
            let mut folder = self.folder.clone();
            let parents = relative.parent().into_iter().flat_map(Path::components);
            for parent in parents {
                folder = folder.claim_folder(&parent.as_os_str().to_string_lossy())?;
            }
            let to = folder.claim(&name)?;
            move_file(&self.place.join(relative), &to)?;
        }
        if self.place.exists() {
            fs::remove_dir_all(&self.place).map_err(Error::io("remove", &self.place))?;
        }
        Ok(())
    }
}

impl Drop for Aside {
    #[expect(
        clippy::print_stderr,
        reason = "the one line that says where the results are"
    )]
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Err(error) = self.restore() {
            eprintln!(
                "warning: the results of the earlier run are in '{}': {error}",
                self.place.display()
            );
        }
    }
}

fn move_file(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    fs::rename(from, to).map_err(Error::io("move", from))
}
