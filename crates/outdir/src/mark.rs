//! The file `.camweave`: what camweave has created in a folder.
//!
//! One line per change, appended and never rewritten, so that a killed process leaves it whole:
//! `+ name` is claimed, `- name` has been given up. A folder's name ends with a slash.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::{Error, FILE_MODE};

/// The mark's name in its folder.
pub(crate) const NAME: &str = ".camweave";
const FIRST_LINE: &str = "# Results of camweave, which may replace or remove what is listed here (+) and nothing else.\n";
/// A longer mark is no mark.
const MAX_BYTES: u64 = 16 << 20;

/// An open mark, locked against other processes of camweave until it is dropped.
pub(crate) struct Mark {
    file: File,
    names: BTreeSet<String>,
}

impl Mark {
    /// The mark of `folder`, for changes; created where there is none.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let file = open(
            OpenOptions::new().append(true).create(true).mode(FILE_MODE),
            &path,
        );
        let file = file.map_err(Error::io("open", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        let mut mark = Self {
            names: BTreeSet::new(),
            file,
        };
        match read(&mark.file).map_err(Error::io("read", &path))? {
            Some(text) => mark.names = names(&text),
            None => mark
                .file
                .write_all(FIRST_LINE.as_bytes())
                .map_err(Error::io("write", &path))?,
        }
        Ok(mark)
    }

    /// What the mark of `folder` lists now; nothing where there is none.
    pub fn names_of(folder: &Path) -> Result<BTreeSet<String>, Error> {
        let path = folder.join(NAME);
        let file = match open(&mut OpenOptions::new(), &path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(source) => return Err(Error::io("open", &path)(source)),
        };
        let text = read(&file).map_err(Error::io("read", &path))?;
        Ok(text.map_or_else(BTreeSet::new, |text| names(&text)))
    }

    /// Whether camweave has created the entry.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub fn add(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        self.append(folder, '+', name)?;
        self.names.insert(name.to_owned());
        Ok(())
    }

    pub fn give_up(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        self.append(folder, '-', name)?;
        self.names.remove(name);
        Ok(())
    }

    /// Appends a line, or nothing of it.
    fn append(&mut self, folder: &Path, sign: char, name: &str) -> Result<(), Error> {
        let path = folder.join(NAME);
        let whole = self
            .file
            .metadata()
            .map_err(Error::io("read", &path))?
            .len();
        let line = format!("{sign} {name}\n");
        self.file.write_all(line.as_bytes()).map_err(|source| {
            // If even this fails, the half line names nothing that exists.
            drop(self.file.set_len(whole));
            Error::io("write", &path)(source)
        })
    }
}

/// Never follows a link: it may be another user's.
fn open(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// The text, or `None` of an empty file.
fn read(file: &File) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with("# ") || text.len() as u64 == MAX_BYTES {
        return Err(std::io::Error::new(
            ErrorKind::InvalidData,
            "it is not a mark of camweave's",
        ));
    }
    Ok(Some(text))
}

fn names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // A line without its end was never acknowledged.
    for line in text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
    {
        if let Some(name) = line.strip_prefix("+ ") {
            names.insert(name.to_owned());
        } else if let Some(name) = line.strip_prefix("- ") {
            names.remove(name);
        }
    }
    names
}
