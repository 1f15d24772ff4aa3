//! The file `.camweave`: what camweave has created in a folder.
//!
//! One line per change, appended, so that a killed process leaves it whole:
//! - `+ name`: the name is claimed. A folder's name ends with a slash.
//! - `= time name`: when the file (or folder) of this name was created, in Unix nanoseconds. A file
//!   of another time of creation is somebody else's who has put it there since. Where a name has no
//!   such line, or the file system does not keep these times, the name alone counts.
//! - `- name`: the name has been given up.
//! - `@ time`: when the mark itself was created. A mark of another time is the copy of one, as its
//!   folder is: what was noted of files before such a line does not count, and their names do.
//!
//! A mark that has become long is replaced by one that says the same in short.
//!
//! What is claimed is on disk before it is used: after a power cut, a file of camweave's that its mark
//! does not list would be somebody else's.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::new_file::NewFile;
use crate::own::{is_at, open_for_reading, open_own};
use crate::sync::sync_parent;
use crate::{Error, FILE_MODE};

/// The mark's name in its folder.
pub(crate) const NAME: &str = ".camweave";
const FIRST_LINE: &str = "# Results of camweave, which may replace or remove what is listed here (+) and nothing else.\n";
/// A longer mark is no mark.
const MAX_BYTES: u64 = 16 << 20;
/// A mark of so many bytes is shortened, if that makes it a quarter.
const LONG_BYTES: usize = 64 << 10;
/// A file is replaced in two steps: its time is noted, and it takes the old one's place. A process
/// that is killed between leaves the old one.
const TIMES: usize = 2;

/// What a mark lists: for each name when what bears it was created, as far as that was noted.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Vec<u128>>);

impl Names {
    /// Whether the name is claimed.
    pub fn contains(&self, entry: &str) -> bool {
        self.0.contains_key(entry)
    }

    /// Whether what was found under the name of `entry` is what camweave has created.
    pub fn is_own(&self, entry: &str, found: &Metadata) -> bool {
        let is_kind = if entry.ends_with('/') {
            found.is_dir()
        } else {
            found.is_file()
        };
        let is_time = |times: &Vec<u128>| {
            times.is_empty() || created(found).is_none_or(|time| times.contains(&time))
        };
        is_kind && self.0.get(entry).is_some_and(is_time)
    }

    /// Whether the name is claimed, and nothing was noted of what bears it.
    pub fn is_new(&self, entry: &str) -> bool {
        self.0.get(entry).is_some_and(Vec::is_empty)
    }

    /// All names.
    pub fn into_iter(self) -> impl Iterator<Item = (String, Self)> {
        self.0.into_iter().map(|(name, times)| {
            let alone = BTreeMap::from([(name.clone(), times)]);
            (name, Self(alone))
        })
    }

    /// What the text of a mark lists, and whether that mark was copied here.
    fn of(text: &str, mark: &Metadata) -> (Self, bool) {
        let (mut names, own) = Self::parse(text);
        let is_copy = own.is_some_and(|own| created(mark).is_some_and(|time| time != own));
        if is_copy {
            names.forget_times();
        }
        (names, is_copy)
    }

    fn forget_times(&mut self) {
        self.0.values_mut().for_each(Vec::clear);
    }

    /// What the text lists, and when its mark was created.
    fn parse(text: &str) -> (Self, Option<u128>) {
        let mut names = Self::default();
        let mut own = None;
        // A line without its end was never acknowledged.
        for line in text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
        {
            if let Some(name) = line.strip_prefix("+ ") {
                names.0.insert(name.to_owned(), Vec::new());
            } else if let Some(name) = line.strip_prefix("- ") {
                names.0.remove(name);
            } else if let Some(time) = line.strip_prefix("@ ").and_then(|it| it.parse().ok()) {
                names.forget_times();
                own = Some(time);
            } else if let Some((time, name)) =
                line.strip_prefix("= ").and_then(|it| it.split_once(' '))
                && let Ok(time) = time.parse()
            {
                names.note(name, time);
            }
        }
        (names, own)
    }

    fn note(&mut self, name: &str, time: u128) {
        if let Some(times) = self.0.get_mut(name) {
            times.push(time);
            if times.len() > TIMES {
                times.remove(0);
            }
        }
    }

    fn text(&self, mark: &Metadata) -> String {
        let mut text = begin(mark);
        for (name, times) in &self.0 {
            text.push_str(&format!("+ {name}\n"));
            for time in times {
                text.push_str(&format!("= {time} {name}\n"));
            }
        }
        text
    }
}

/// How the text of this mark begins.
fn begin(mark: &Metadata) -> String {
    FIRST_LINE.to_owned() + &own_line(mark)
}

fn own_line(mark: &Metadata) -> String {
    created(mark).map_or(String::new(), |time| format!("@ {time}\n"))
}

/// When it was created, in Unix nanoseconds, where the file system keeps that.
pub(crate) fn created(found: &Metadata) -> Option<u128> {
    let created = found.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(created.as_nanos())
}

/// An open mark, locked against other processes of camweave until it is dropped.
pub(crate) struct Mark {
    file: File,
    names: Names,
}

impl Mark {
    /// The mark of `folder`, for changes; created where there is none.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(FILE_MODE);
            let file = open_own(&mut options, &path).map_err(Error::io("open", &path))?;
            file.lock().map_err(Error::io("lock", &path))?;
            // Whoever had the lock before may have put a shorter one in its place.
            if is_at(&file, &path).map_err(Error::io("look at", &path))? {
                return Self::read(file, &path);
            }
        }
    }

    fn read(mut file: File, path: &Path) -> Result<Self, Error> {
        let text = read(&file).map_err(Error::io("read", path))?;
        // Half a line, of a process that was killed while it wrote, would swallow the next.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let written = if whole < text.len() {
            file.set_len(whole as u64)
        } else {
            Ok(())
        };
        let mark = file.metadata().map_err(Error::io("look at", path))?;
        let (names, is_copy) = Names::of(&text[..whole], &mark);
        let written = written.and_then(|()| match whole {
            0 => file.write_all(begin(&mark).as_bytes()),
            _ if is_copy => file.write_all(own_line(&mark).as_bytes()),
            _ => Ok(()),
        });
        let written = written.and_then(|()| match whole {
            0 => file.sync_all().and_then(|()| sync_parent(path)),
            _ => Ok(()),
        });
        written.map_err(Error::io("write", path))?;
        if whole > LONG_BYTES {
            let short = names.text(&mark).len();
            if short <= whole / 4
                && let Ok(file) = shorten(path, &names)
            {
                return Ok(Self { file, names });
            }
        }
        Ok(Self { file, names })
    }

    /// What the mark of `folder` lists now; nothing where there is none.
    pub fn names_of(folder: &Path) -> Result<Names, Error> {
        let path = folder.join(NAME);
        let file = match open_for_reading(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Names::default()),
            Err(source) => return Err(Error::io("open", &path)(source)),
        };
        let text = read(&file).map_err(Error::io("read", &path))?;
        let mark = file.metadata().map_err(Error::io("look at", &path))?;
        Ok(Names::of(&text, &mark).0)
    }

    /// What it lists.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Claims a name. What was noted of an earlier file of this name is forgotten.
    pub fn add(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        self.append_lasting(folder, &format!("+ {name}\n"))?;
        self.names.0.insert(name.to_owned(), Vec::new());
        Ok(())
    }

    /// Notes when what bears the claimed name was created, or is about to bear it.
    pub fn note(&mut self, folder: &Path, name: &str, found: &Metadata) -> Result<(), Error> {
        let Some(time) = created(found).filter(|_| self.names.contains(name)) else {
            return Ok(());
        };
        self.append_lasting(folder, &format!("= {time} {name}\n"))?;
        self.names.note(name, time);
        Ok(())
    }

    pub fn give_up(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        self.append(folder, &format!("- {name}\n"))?;
        self.names.0.remove(name);
        Ok(())
    }

    /// The same, on disk. That a name was given up need not be: what it named is gone.
    fn append_lasting(&mut self, folder: &Path, line: &str) -> Result<(), Error> {
        self.append(folder, line)?;
        let synced = self.file.sync_data();
        synced.map_err(Error::io("write", &folder.join(NAME)))
    }

    /// Appends a line, or nothing of it.
    fn append(&mut self, folder: &Path, line: &str) -> Result<(), Error> {
        let path = folder.join(NAME);
        let whole = self
            .file
            .metadata()
            .map_err(Error::io("read", &path))?
            .len();
        self.file.write_all(line.as_bytes()).map_err(|source| {
            // If even this fails, the half line is cut off when the mark is opened again.
            drop(self.file.set_len(whole));
            Error::io("write", &path)(source)
        })
    }
}

/// Puts a mark that lists these in the place of a long one, whose lock is held.
fn shorten(path: &Path, names: &Names) -> std::io::Result<File> {
    let new = NewFile::create(path, FILE_MODE)?;
    // Whoever opens it as soon as it has its name waits.
    new.file().lock()?;
    let text = names.text(&new.file().metadata()?);
    new.file().write_all(text.as_bytes())?;
    new.file().sync_all()?;
    new.put_in_place_by_name()
}

/// The text; nothing of a mark whose first line was not written to its end.
fn read(file: &File) -> std::io::Result<String> {
    let refuse = |text: &str| Err(std::io::Error::new(ErrorKind::InvalidData, text));
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    if FIRST_LINE.as_bytes().starts_with(&bytes) && bytes.len() < FIRST_LINE.len() {
        return Ok(String::new());
    }
    if !bytes.starts_with(b"# ") || bytes.len() as u64 == MAX_BYTES {
        return refuse("it is not a mark of camweave's: name another folder");
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => refuse("it is damaged: name another folder"),
    }
}
