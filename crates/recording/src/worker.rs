//! A thread that writes the clips of some of the cameras.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use camweave_outdir::{Error, Folder};

use crate::clip_file::{ClipFile, Synced};
use crate::finish::{Finished, finish};
use crate::name::ClipName;
use crate::queue::{Job, Popped, Queue};
use crate::store::Store;

/// Clips that could not be finished are tried again so often.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// A thread without work looks up so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of a clip, or of a part of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A fragment of it is on the disk.
    Synced { clip: u64, synced: Synced },
    /// It has its name.
    Finished {
        camera: String,
        finished: Finished,
        salvaged: bool,
    },
    /// It cannot be written any more.
    Failed {
        clip: u64,
        camera: String,
        /// The index of its first unit that is not on the disk.
        resume: u64,
        error: Error,
    },
}

/// What all threads share.
pub(crate) struct Shared {
    pub store: Store,
    /// Bytes of clips that have no name yet.
    pub unfinished: AtomicU64,
    pub outcomes: Sender<Outcome>,
    /// Clips that have their name, for the thread that removes old ones.
    pub finished: Sender<PathBuf>,
    /// Called when there are outcomes.
    pub wake: Box<dyn Fn() + Send + Sync>,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    clips: HashMap<u64, ClipFile>,
    /// What was left behind by clips that could not be written, and how many bytes of each are on disk.
    unfinished: Vec<(Folder, ClipName, u64)>,
    tried: Instant,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, queue: Arc<Queue>) -> Self {
        Self {
            shared,
            queue,
            clips: HashMap::new(),
            unfinished: Vec::new(),
            tried: Instant::now(),
        }
    }

    /// Until the queue is closed and empty.
    pub fn run(mut self) {
        loop {
            match self.queue.pop(self.deadline()) {
                Popped::Job(job) => self.take(job),
                Popped::Due => {}
                Popped::Closed => break,
            }
            self.flush();
            if self.tried.elapsed() >= TRY_EVERY {
                self.try_again();
            }
        }
        for (clip, file) in std::mem::take(&mut self.clips) {
            self.finish(clip, file);
        }
        self.try_again();
    }

    fn deadline(&self) -> Instant {
        let due = self.clips.values().filter_map(ClipFile::deadline).min();
        let look = Instant::now() + LOOK_EVERY;
        due.map_or(look, |due| due.min(look))
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Begin {
                clip,
                head,
                key,
                step_micros,
            } => {
                let camera = head.camera.clone();
                match ClipFile::create(&self.shared.store, *head, &key, step_micros) {
                    Ok(file) => {
                        let bytes = file.bytes;
                        self.shared.unfinished.fetch_add(bytes, Ordering::Relaxed);
                        self.clips.insert(clip, file);
                    }
                    Err(error) => self.say(Outcome::Failed {
                        clip,
                        camera,
                        resume: key.index,
                        error,
                    }),
                }
            }
            Job::Unit { clip, unit, times } => {
                // Of one that has failed, the recorder gives them again, to another.
                if let Some(file) = self.clips.get_mut(&clip) {
                    let written = file.unit(unit, times);
                    self.note(clip, written);
                }
            }
            Job::Note { clip, note } => {
                if let Some(file) = self.clips.get_mut(&clip) {
                    let written = file.note(&note).map(|()| None);
                    self.note(clip, written);
                }
            }
            Job::End { clip } => {
                if let Some(file) = self.clips.remove(&clip) {
                    self.finish(clip, file);
                }
            }
        }
    }

    fn flush(&mut self) {
        let now = Instant::now();
        let is_due = |file: &ClipFile| file.deadline().is_some_and(|due| due <= now);
        let due = self.clips.iter().filter(|(_, file)| is_due(file));
        let due: Vec<u64> = due.map(|(clip, _)| *clip).collect();
        for clip in due {
            if let Some(file) = self.clips.get_mut(&clip) {
                let written = file.flush();
                self.note(clip, written);
            }
        }
    }

    fn note(&mut self, clip: u64, written: Result<Option<Synced>, Error>) {
        match written {
            Ok(None) => {}
            Ok(Some(synced)) => {
                let unfinished = &self.shared.unfinished;
                unfinished.fetch_add(synced.bytes, Ordering::Relaxed);
                self.say(Outcome::Synced { clip, synced });
            }
            Err(error) => {
                if let Some(file) = self.clips.remove(&clip) {
                    let (bytes, resume) = (file.bytes, file.resume);
                    self.shared.unfinished.fetch_sub(bytes, Ordering::Relaxed);
                    let (folder, name) = file.abandon();
                    let camera = name.camera.clone();
                    self.unfinished.push((folder, name, bytes));
                    self.say(Outcome::Failed {
                        clip,
                        camera,
                        resume,
                        error,
                    });
                }
            }
        }
    }

    fn finish(&mut self, clip: u64, file: ClipFile) {
        let (bytes, resume, place) = (file.bytes, file.resume, file.place());
        let finished = file.finish();
        let unfinished = &self.shared.unfinished;
        unfinished.fetch_sub(bytes, Ordering::Relaxed);
        match finished {
            Ok(finished) => self.finished(finished, place.1.camera, false),
            Err(error) => {
                let camera = place.1.camera.clone();
                self.unfinished.push((place.0, place.1, bytes));
                self.say(Outcome::Failed {
                    clip,
                    camera,
                    resume,
                    error,
                });
            }
        }
    }

    /// What could not be finished, as on a full disk.
    fn try_again(&mut self) {
        self.tried = Instant::now();
        for (folder, name, bytes) in std::mem::take(&mut self.unfinished) {
            match finish(&folder, &name, Some(bytes), true) {
                Ok(finished) => self.finished(finished, name.camera, true),
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                // Said when it failed first; it is salvaged by the next start at the latest.
                Err(_) => self.unfinished.push((folder, name, bytes)),
            }
        }
    }

    fn finished(&self, finished: Option<Finished>, camera: String, salvaged: bool) {
        if let Some(finished) = finished {
            drop(self.shared.finished.send(finished.path.clone()));
            self.say(Outcome::Finished {
                camera,
                finished,
                salvaged,
            });
        }
    }

    fn say(&self, outcome: Outcome) {
        // The recorder may have given up waiting for this thread.
        if self.shared.outcomes.send(outcome).is_ok() {
            (self.shared.wake)();
        }
    }
}
