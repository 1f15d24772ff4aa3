//! A file that is read again each time that it changes: `cameras.yml`, `rules.yml`.
//!
//! Editors put a new file in the place of the old one, and Kubernetes turns a link: so the folders
//! are watched, and what counts is whether the file that the path leads to is another one. Some file
//! systems report nothing (network shares, other hosts' folders): so the file is looked at twice a
//! second in any case.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How often the file is looked at, whatever is reported.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The file is read once it has stayed the same for so long: a file that is written in place is
/// seen empty and in halves before, and half a list is a valid one.
const SETTLE: Duration = Duration::from_millis(100);
/// Reports of a busy folder are looked at together.
const TOGETHER: Duration = Duration::from_millis(10);

/// How a file is read.
pub trait ReadFile: Send + 'static {
    /// What the file says, or why it cannot be used.
    type Read: Send + 'static;

    /// Reads it.
    fn read(&self, path: &Path) -> Self::Read;

    /// Why a file could not be read that may be there and well: too many files are open, or its server
    /// has gone. It is read again although nothing about it changes. `None` of one that was read,
    /// whatever it says.
    fn unread(read: &Self::Read) -> Option<io::ErrorKind>;
}

/// What was read last, and not taken yet.
type News<T> = Arc<Mutex<Option<T>>>;

/// Reads a file again each time that it changes.
#[derive(Debug)]
pub struct Watch<T> {
    news: News<T>,
    is_over: Arc<AtomicBool>,
    wake: SyncSender<()>,
}

impl<T: Send + 'static> Watch<T> {
    /// Begins to watch. The file is read once more at once, so that nothing is missed that changed
    /// since it was read before. `on_news` is called on another thread when [`Watch::take`] has
    /// something.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<F: ReadFile<Read = T>>(
        path: &Path,
        file: F,
        on_news: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let watch = Self {
            news: Arc::default(),
            is_over: Arc::default(),
            wake: wake.clone(),
        };
        let observer = Observer {
            path: path.to_owned(),
            news: Arc::clone(&watch.news),
            is_over: Arc::clone(&watch.is_over),
            woken,
            wake,
        };
        std::thread::Builder::new()
            .name("file-watch".to_owned())
            .spawn(move || observer.run(&file, &on_news))?;
        Ok(watch)
    }

    /// What the file says since it changed last, or why it cannot be used; `None`: no news.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Full: it is being woken anyway.
        let _ = self.wake.try_send(());
    }
}

/// Which file it is, and when it was changed; why that is not known, where it is not.
type Seen = Result<[i64; 7], io::ErrorKind>;

fn look(path: &Path) -> Seen {
    let found = fs::metadata(path).map_err(|error| error.kind())?;
    Ok([
        found.dev().cast_signed(),
        found.ino().cast_signed(),
        found.len().cast_signed(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ])
}

/// The thread's half.
struct Observer<T> {
    path: PathBuf,
    news: News<T>,
    is_over: Arc<AtomicBool>,
    woken: Receiver<()>,
    wake: SyncSender<()>,
}

impl<T> Observer<T> {
    fn run<F: ReadFile<Read = T>>(&self, file: &F, on_news: &impl Fn()) {
        let mut watcher = self.watch_folders();
        let mut known: Option<Seen> = None;
        let mut failed: Option<io::ErrorKind> = None;
        while !self.is_over() {
            let seen = look(&self.path);
            if known == Some(seen) {
                self.wait(LOOK_EVERY);
                // Not for each report of a busy folder.
                std::thread::sleep(TOGETHER);
                if failed.is_none() {
                    continue;
                }
            }
            let settled = self.settled(seen);
            if self.is_over() {
                return;
            }
            let read = file.read(&self.path);
            if look(&self.path) != settled {
                continue;
            }
            known = Some(settled);
            let before = failed;
            failed = settled.is_ok().then(|| F::unread(&read)).flatten();
            if failed.is_some() && failed == before {
                // That is no news.
                continue;
            }
            // The path may lead to other folders now, and folders may be others of the same name.
            drop(watcher);
            watcher = self.watch_folders();
            *self.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
            on_news();
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Waits until something is reported, at most for so long.
    fn wait(&self, at_most: Duration) {
        if let Err(RecvTimeoutError::Disconnected) = self.woken.recv_timeout(at_most) {
            std::thread::sleep(at_most);
        }
    }

    /// What is there once it has stayed the same for a while.
    fn settled(&self, mut seen: Seen) -> Seen {
        let mut since = Instant::now();
        while !self.is_over() && since.elapsed() < SETTLE {
            std::thread::sleep(TOGETHER);
            let now = look(&self.path);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        seen
    }

    /// Watches the folder that the path names, and that where its file really is. Where that is
    /// not possible the file is still looked at.
    fn watch_folders(&self) -> Option<RecommendedWatcher> {
        let wake = self.wake.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_reading = event.is_ok_and(|event| {
                let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
                event.kind.is_access() && event.kind != closed
            });
            if !is_reading {
                // Full: it looks soon anyway.
                let _ = wake.try_send(());
            }
        });
        let mut watcher = watcher.ok()?;
        let named = folder(&self.path);
        let real = fs::canonicalize(&self.path).ok();
        let real = real.as_deref().map(folder);
        for folder in [Some(named), real].into_iter().flatten() {
            let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
        }
        Some(watcher)
    }
}

/// The folder that a file's path names.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
