//! A `rules.yml` that is read again each time that it changes.

use std::io;
use std::path::Path;

use camweave_file_watch::{ReadFile, Watch as FileWatch};

use crate::{Rules, RulesError, load};

/// What a file says, or why it cannot be used.
type Read = Result<Rules, RulesError>;

/// Reads a `rules.yml` again each time that it changes.
#[derive(Debug)]
pub struct Watch(FileWatch<Read>);

impl Watch {
    /// Begins to watch. The file is read once more at once, so that nothing is missed that changed
    /// since it was read before. `on_news` is called on another thread when [`Watch::take`] has
    /// something.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(path: &Path, on_news: impl Fn() + Send + 'static) -> io::Result<Self> {
        FileWatch::start(path, RulesFile, on_news).map(Self)
    }

    /// What the file says since it changed last, or why it cannot be used; `None`: no news.
    #[must_use]
    pub fn take(&self) -> Option<Read> {
        self.0.take()
    }
}

struct RulesFile;

impl ReadFile for RulesFile {
    type Read = Read;

    fn read(&self, path: &Path) -> Read {
        load(path)
    }

    fn unread(read: &Read) -> Option<io::ErrorKind> {
        match read {
            Err(RulesError::Read { source, .. }) => {
                Some(source.kind()).filter(|kind| *kind != io::ErrorKind::InvalidData)
            }
            _ => None,
        }
    }
}
