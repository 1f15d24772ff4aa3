use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::mark::{self, Mark};
use crate::new_file::create_new;
use crate::sync::sync_folder;
use crate::{Error, FILE_MODE, FOLDER_MODE};

/// Longest name in bytes: what is put behind it while a file is replaced needs room, too.
const MAX_NAME: usize = 200;

/// A folder for results, which may hold files of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, created where it is missing. Nothing in it is changed.
    ///
    /// # Errors
    /// It cannot be created, or is no folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        can_be(path)?;
        create(path)?;
        let path = path.canonicalize().map_err(Error::io("open", path))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that none of `names` (a folder's with a slash at its end) is somebody else's in the
    /// folder at `path`, which need not exist. Changes nothing.
    ///
    /// # Errors
    /// Names what is foreign; or the folder cannot be read.
    pub fn check<'a>(path: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        can_be(path)?;
        let own = Mark::names_of(path)?;
        let mut found = Vec::new();
        for name in names {
            valid(name)?;
            if let Some(metadata) = look(&path.join(name.trim_end_matches('/')))?
                && !own.is_own(name, &metadata)
            {
                found.push(shown(name, &metadata));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(Error::Foreign {
            folder: path.to_owned(),
            found,
        })
    }

    /// Makes the name of a file camweave's own, before the file is created or replaced.
    ///
    /// # Errors
    /// There is such an entry, and it is not camweave's; or the mark cannot be written.
    pub fn claim(&self, name: &str) -> Result<PathBuf, Error> {
        valid(name)?;
        self.own(name)?;
        Ok(self.path.join(name))
    }

    /// The same for a file that is appended to: created where it is missing, and noted, so that
    /// another file in its place is not taken for it.
    ///
    /// # Errors
    /// As [`Folder::claim`]; or the file cannot be created.
    pub fn claim_file(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.claim(name)?;
        if look(&path)?.is_none() {
            let file = create_new(&path, FILE_MODE).map_err(Error::io("create", &path))?;
            let found = file.metadata().map_err(Error::io("look at", &path))?;
            let noted = Mark::open(&self.path)?.note(&self.path, name, &found);
            // A file that is not noted would pass for somebody else's.
            noted.inspect_err(|_| drop(fs::remove_file(&path)))?;
            sync_folder(&self.path).map_err(Error::io("create", &path))?;
        }
        Ok(path)
    }

    /// The same for a folder, which is created.
    ///
    /// # Errors
    /// As [`Folder::claim`].
    pub fn claim_folder(&self, name: &str) -> Result<Self, Error> {
        let entry = format!("{name}/");
        valid(name)?;
        self.own(&entry)?;
        let path = self.path.join(name);
        if look(&path)?.is_none() {
            create(&path)?;
            sync_folder(&self.path).map_err(Error::io("create", &path))?;
            if let Some(found) = look(&path)? {
                let noted = Mark::open(&self.path)?.note(&self.path, &entry, &found);
                noted.inspect_err(|_| drop(fs::remove_dir(&path)))?;
            }
        }
        Ok(Self { path })
    }

    /// Whether camweave has created this entry (a folder's name ends with a slash), or is about to.
    ///
    /// # Errors
    /// The mark cannot be read.
    pub fn owns(&self, name: &str) -> Result<bool, Error> {
        let names = Mark::names_of(&self.path)?;
        let found = look(&self.path.join(name.trim_end_matches('/')))?;
        Ok(match found {
            Some(found) => names.is_own(name, &found),
            None => names.contains(name),
        })
    }

    /// The files that camweave has created in the folder at `path` and that are there, by name. No
    /// link is followed, and nothing of others is named.
    ///
    /// # Errors
    /// The folder's mark cannot be read.
    pub fn own_files(path: &Path) -> Result<Vec<String>, Error> {
        let folder = Self {
            path: path.to_owned(),
        };
        let mut entries = folder.own_entries(&[])?;
        entries.retain(|entry| !entry.ends_with('/'));
        Ok(entries)
    }

    /// Gives a file of camweave's another name in the folder, in one step. A file of camweave's that
    /// has that name is replaced.
    ///
    /// # Errors
    /// There is no such file, the name is somebody else's, or the system refuses.
    pub fn rename(&self, from: &str, to: &str) -> Result<PathBuf, Error> {
        let (old, new) = (self.path.join(from), self.claim(to)?);
        let found = fs::symlink_metadata(&old).map_err(Error::io("look at", &old))?;
        // Before the move: who is killed between the two has noted it.
        Mark::open(&self.path)?.note(&self.path, to, &found)?;
        fs::rename(&old, &new).map_err(Error::io("rename", &old))?;
        self.give_up(from)?;
        Ok(new)
    }

    /// Removes a file if camweave has created it; whether there was one.
    ///
    /// # Errors
    /// The mark cannot be read, or the file refuses to be removed.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let path = self.path.join(name);
        if look(&path)?.is_none() || !self.owns(name)? {
            return Ok(false);
        }
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        self.give_up(name)?;
        Ok(true)
    }

    /// Removes a folder in this one, if camweave has created it and nothing but camweave's own marks is
    /// left in it; whether it did.
    ///
    /// # Errors
    /// The folder cannot be listed, or refuses.
    pub fn remove_empty_folder(&self, name: &str) -> Result<bool, Error> {
        let entry = format!("{name}/");
        if look(&self.path.join(name))?.is_none() || !self.owns(&entry)? {
            return Ok(false);
        }
        self.remove_empty(&entry)?;
        Ok(look(&self.path.join(name))?.is_none())
    }

    fn own(&self, entry: &str) -> Result<(), Error> {
        let mut mark = Mark::open(&self.path)?;
        match look(&self.path.join(entry.trim_end_matches('/')))? {
            Some(found) if mark.names().is_own(entry, &found) => Ok(()),
            Some(found) => Err(Error::Foreign {
                folder: self.path.clone(),
                found: vec![shown(entry, &found)],
            }),
            None if mark.names().is_new(entry) => Ok(()),
            None => mark.add(&self.path, entry),
        }
    }

    /// Gives up the name of what is gone, or is not camweave's any more.
    pub(crate) fn give_up(&self, entry: &str) -> Result<(), Error> {
        Mark::open(&self.path)?.give_up(&self.path, entry)
    }

    /// Removes what camweave has created here, except for the entries named. Files of others stay,
    /// also within folders of camweave's, which stay with them.
    ///
    /// # Errors
    /// Something refuses to be removed.
    pub fn remove_own(&self, except: &[&str]) -> Result<(), Error> {
        for entry in self.own_entries(except)? {
            let path = self.path.join(entry.trim_end_matches('/'));
            if entry.ends_with('/') {
                Self { path: path.clone() }.remove_own(&[])?;
                self.remove_empty(&entry)?;
            } else {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                Mark::open(&self.path)?.give_up(&self.path, &entry)?;
            }
        }
        Ok(())
    }

    /// Removes a folder of camweave's in which nothing is left but its mark and the like.
    pub(crate) fn remove_empty(&self, entry: &str) -> Result<(), Error> {
        let path = self.path.join(entry.trim_end_matches('/'));
        if (Self { path }).remove_if_empty()? {
            Mark::open(&self.path)?.give_up(&self.path, entry)?;
        }
        Ok(())
    }

    /// Removes the folder if nothing is left in it but camweave's mark and the like; gives whether
    /// it did.
    pub(crate) fn remove_if_empty(&self) -> Result<bool, Error> {
        let path = &self.path;
        let mut own = Vec::new();
        for found in fs::read_dir(path).map_err(Error::io("list", path))? {
            let found = found.map_err(Error::io("list", path))?;
            let is_own = found.file_name().to_string_lossy().starts_with(mark::NAME)
                && found.file_type().is_ok_and(|it| it.is_file());
            if !is_own {
                return Ok(false);
            }
            own.push(found.path());
        }
        for file in own {
            fs::remove_file(&file).map_err(Error::io("remove", &file))?;
        }
        fs::remove_dir(path).map_err(Error::io("remove", path))?;
        Ok(true)
    }

    /// The entries that camweave has created and that are there, folders with a slash.
    pub(crate) fn own_entries(&self, except: &[&str]) -> Result<Vec<String>, Error> {
        let mut entries = Vec::new();
        for (entry, names) in Mark::names_of(&self.path)?.into_iter() {
            // The mark is a file, so whoever changes it may write any name.
            if except.contains(&&*entry) || valid(&entry).is_err() {
                continue;
            }
            let found = look(&self.path.join(entry.trim_end_matches('/')))?;
            if found.is_some_and(|found| names.is_own(&entry, &found)) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

/// Checks that the path is a folder, or of a folder that can be created.
fn can_be(path: &Path) -> Result<(), Error> {
    let refuse = |why| {
        Err(Error::NoFolder {
            path: path.to_owned(),
            why,
        })
    };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => refuse("it is a file"),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            refuse("what it is to be in is a file")
        }
        Err(_) if path.is_symlink() => refuse("it is a symbolic link that leads nowhere"),
        // Whoever creates it reports the rest.
        Err(_) => Ok(()),
    }
}

/// Creates the folder and those above it.
fn create(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(FOLDER_MODE);
    builder.create(path).map_err(Error::io("create", path))
}

/// What is there, never followed: a link is its own.
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::io("look at", path)(source)),
    }
}

/// Moves a file to a name that was free; `false` where somebody has just taken it.
pub(crate) fn move_to_free(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // A file system that cannot: there is one writer, so looking first is as good.
        Err(Errno::INVAL) => fs::rename(from, to).map(|()| true),
        Err(error) => Err(error.into()),
    }
}

fn shown(entry: &str, metadata: &Metadata) -> String {
    let name = entry.trim_end_matches('/');
    let slash = if metadata.is_dir() { "/" } else { "" };
    format!("{name}{slash}")
}

fn valid(entry: &str) -> Result<(), Error> {
    let name = entry.strip_suffix('/').unwrap_or(entry);
    let is_valid = (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && !name.contains(|letter: char| letter == '/' || letter.is_control());
    if is_valid {
        return Ok(());
    }
    Err(Error::Name {
        name: entry.chars().take(60).collect(),
    })
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
