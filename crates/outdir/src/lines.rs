//! A file of lines with one writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::FILE_MODE;
use crate::own::{is_at, open_own};

/// So much is read at a time while the last line is looked for, in bytes.
const BLOCK: u64 = 64 << 10;
/// The end of the last whole line is looked for in so many bytes at the end of the file. No line
/// of camweave's comes near this.
const MAX_LINE: u64 = 16 << 20;

/// A file of lines that is appended to and never holds half a line for longer than a process that
/// was killed while writing it.
#[derive(Debug)]
pub struct Lines {
    file: File,
    /// Bytes that are whole lines.
    whole: u64,
    /// Whether there may be more in the file.
    is_ragged: bool,
}

/// What kept lines from being written.
#[derive(Debug)]
pub struct NotWritten {
    /// So many of the bytes given are in the file, as whole lines.
    pub written: usize,
    /// What the system reported.
    pub source: io::Error,
}

impl Lines {
    /// Opens the file, or creates it. An incomplete last line is cut off, and nothing else ever:
    /// only the file's end is read for that.
    ///
    /// # Errors
    /// What the system reports; [`io::ErrorKind::InvalidData`] where the end of the file is no text
    /// of lines, or the file has a second name, through which it is somebody else's, too.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(FILE_MODE);
        let mut file = open_own(&mut options, path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let whole = end_of_last_line(&mut file, length)?;
        if whole < length {
            file.set_len(whole)?;
        }
        Ok(Self {
            file,
            whole,
            is_ragged: false,
        })
    }

    /// Whether the file still has the name `path`, and nobody has removed or replaced it there.
    ///
    /// # Errors
    /// What the system reports.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        is_at(&self.file, path)
    }

    /// Bytes in the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.whole
    }

    /// Whether no line has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole == 0
    }

    /// Appends whole lines. Where the disk takes only a part, the whole lines of it stay.
    ///
    /// # Errors
    /// How much was written, and why not all.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), NotWritten> {
        let fail = |written, source| NotWritten { written, source };
        if self.is_ragged {
            self.cut().map_err(|source| fail(0, source))?;
        }
        let mut done = 0;
        while done < lines.len() {
            match self.file.write(&lines[done..]) {
                Ok(0) => {
                    let source = io::ErrorKind::WriteZero.into();
                    return Err(self.keep_whole(lines, done, source));
                }
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.keep_whole(lines, done, source)),
            }
        }
        self.whole += lines.len() as u64;
        Ok(())
    }

    fn keep_whole(&mut self, lines: &[u8], done: usize, source: io::Error) -> NotWritten {
        let end = lines[..done].iter().rposition(|byte| *byte == b'\n');
        let written = end.map_or(0, |end| end + 1);
        self.whole += written as u64;
        // If the cut fails as well, it is made up for before the next line.
        self.is_ragged = written < done;
        if self.is_ragged {
            drop(self.cut());
        }
        NotWritten { written, source }
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.whole)?;
        self.is_ragged = false;
        Ok(())
    }
}

fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut block = Vec::with_capacity(BLOCK as usize);
    let mut end = length;
    while end > 0 {
        if length - end >= MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its last {} MiB have no end of a line", MAX_LINE >> 20),
            ));
        }
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(found) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + found as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn place() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("detections.jsonl");
        (folder, path)
    }

    #[test]
    fn nothing_but_an_incomplete_last_line_is_cut() {
        let (_folder, path) = place();
        fs::write(&path, "{\"a\":1}\n{\"b\":2}\n{\"c\"").expect("writable");
        let mut lines = Lines::open(&path).expect("lines");
        lines.append(b"{\"d\":4}\n").expect("room");
        assert_eq!(lines.len(), 24);
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n{\"d\":4}\n");
        drop(Lines::open(&path).expect("lines"));
        assert_eq!(fs::read_to_string(&path).expect("readable"), text);
    }

    #[test]
    fn what_is_no_file_of_lines_is_left_alone() {
        let (_folder, path) = place();
        let long = vec![b'x'; MAX_LINE as usize + 1];
        fs::write(&path, &long).expect("writable");
        let error = Lines::open(&path).expect_err("no lines");
        assert!(error.to_string().contains("16 MiB"), "{error}");
        assert!(fs::read(&path).expect("readable") == long);
    }

    /// By this thread, so far.
    fn bytes_read() -> u64 {
        let account = fs::read_to_string("/proc/thread-self/io").expect("Linux");
        let line = account
            .lines()
            .find_map(|line| line.strip_prefix("rchar: "));
        line.and_then(|number| number.parse().ok())
            .expect("a number of bytes")
    }

    #[test]
    fn gigabytes_are_recovered_by_their_end() {
        let (_folder, path) = place();
        // 8 GiB of which only the end is there.
        let file = File::create(&path).expect("writable");
        file.set_len(8 << 30).expect("sparse files");
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("writable");
        file.write_all(b"\n{\"whole\":1}\n{\"half")
            .expect("writable");
        let before = bytes_read();
        let lines = Lines::open(&path).expect("lines");
        let read = bytes_read() - before;
        assert!(read < 64 << 20, "{read} bytes were read");
        assert_eq!(lines.len(), (8 << 30) + 13);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (folder, path) = place();
        let target = folder.path().join("mine");
        fs::write(&target, "precious").expect("writable");
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        Lines::open(&path).expect_err("a link");
        assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
    }
}
