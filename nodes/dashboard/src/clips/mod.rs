//! The clips that a recorder has written, as the page shows them: from their files alone.
//!
//! ```text
//! <RECORDINGS> --Folders--> new and removed clips --Watcher (a thread)--> Index <--- routes
//!                                                        |
//!                                                        +--> events: which clip shows which
//! ```

mod folders;
mod head;
mod index;
mod known;
mod open;
mod query;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use camweave_recording::ClipName;

use index::Index;
pub(crate) use open::Part;
pub(crate) use query::Query;
#[cfg(test)]
pub(crate) use watch::Watcher;
pub(crate) use watch::watch;

/// The clips of a folder.
pub(crate) struct Clips {
    root: PathBuf,
    /// Never locked while a disk is waited for.
    index: Mutex<Index>,
}

impl Clips {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            index: Mutex::default(),
        }
    }

    /// The answer to `GET /api/clips`; `None` where `before` is no name of a clip.
    pub fn find(&self, query: &Query) -> Option<String> {
        let before = match &query.before {
            Some(stem) => Some(name_of(stem)?),
            None => None,
        };
        Some(self.index().find(query, before.as_ref()))
    }

    /// The answer to `GET /api/clips/STEM`.
    pub fn one(&self, stem: &str) -> Option<String> {
        self.index().one(&name_of(stem)?)
    }

    /// Opens a file of a clip that is known, by the name that the index has of it.
    ///
    /// # Errors
    /// What the system reports; [`io::ErrorKind::NotFound`] where no clip of this name is known.
    pub fn open(&self, stem: &str, part: Part) -> io::Result<File> {
        let name = name_of(stem).and_then(|it| self.index().known(&it));
        let name = name.ok_or(io::ErrorKind::NotFound)?;
        open::open(&self.root, &name, part)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only as it is written here: what can be read in two ways is none.
fn name_of(stem: &str) -> Option<ClipName> {
    ClipName::parse(stem).filter(|it| it.stem() == stem)
}

/// Names of clips that are known, for tests.
#[cfg(test)]
impl Clips {
    pub fn names(&self) -> Vec<String> {
        let all = self.find(&Query::default()).expect("no name is wrong");
        let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
        let clips = all["clips"].as_array().expect("a list").iter();
        clips
            .map(|it| it["name"].as_str().expect("a name").to_owned())
            .collect()
    }
}

/// As a pair with the folder's watcher, which runs on no thread yet.
#[cfg(test)]
pub(crate) fn unwatched(
    root: &Path,
    events: &std::sync::Arc<crate::events::Events>,
) -> (std::sync::Arc<Clips>, Watcher) {
    let clips = std::sync::Arc::new(Clips::new(root));
    let watcher = Watcher::new(
        std::sync::Arc::clone(&clips),
        std::sync::Arc::clone(events),
        i64::MAX,
    );
    (clips, watcher)
}
