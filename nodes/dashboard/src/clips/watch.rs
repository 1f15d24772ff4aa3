//! The thread that follows the folder of clips.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use camweave_recording::{Clip, ClipName};
use camweave_stage::telemetry::clock;
use camweave_stage::{Context, StageError};
use rustix::io::Errno;
use tracing::warn;

use super::Clips;
use super::folders::Folders;
use super::head::Head;
use super::open::{Part, open};
use crate::events::{Events, Recorded};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Clips that are read before what is known of them is given out.
const AT_ONCE: usize = 256;
/// How often the log says that the folder cannot be read.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Lines about clips that cannot be shown; there is one of each, and of the rest none.
const MOST_LINES: usize = 100;
/// Errors that say nothing of the file.
const PASSING: [Errno; 6] = [
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::IO,
    Errno::STALE,
    Errno::TIMEDOUT,
];

/// Follows the folder on a thread of its own: a slow disk keeps nobody waiting.
///
/// # Errors
/// No thread can be started.
pub(crate) fn watch(
    context: &Context,
    root: &std::path::Path,
    events: Arc<Events>,
) -> Result<Arc<Clips>, StageError> {
    let clips = Arc::new(Clips::new(root));
    let mut watcher = Watcher::new(Arc::clone(&clips), events, clock::unix_nanos());
    let context = context.clone();
    let work = move || {
        while !context.stopping() {
            watcher.look(SystemTime::now(), || context.stopping());
            thread::sleep(LOOK_EVERY);
        }
    };
    thread::Builder::new()
        .name("clips".to_owned())
        .spawn(work)
        .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
    Ok(clips)
}

/// Follows the folder.
pub(crate) struct Watcher {
    clips: Arc<Clips>,
    events: Arc<Events>,
    folders: Folders,
    /// When this process began, in Unix nanoseconds: it has not heard of what began before.
    started_unix_nanos: i64,
    /// Clips that were there already are read, the newest first.
    is_first: bool,
    warned: Option<Instant>,
    lines: usize,
}

impl Watcher {
    pub fn new(clips: Arc<Clips>, events: Arc<Events>, started_unix_nanos: i64) -> Self {
        Self {
            folders: Folders::new(&clips.root),
            clips,
            events,
            started_unix_nanos,
            is_first: true,
            warned: None,
            lines: 0,
        }
    }

    /// Looks at the folder, and says what has changed.
    pub fn look(&mut self, now: SystemTime, is_over: impl Fn() -> bool) {
        let (removed, looked) = self.folders.look(now);
        self.warn_of(looked);
        let mut is_changed = !removed.is_empty();
        self.remove(&removed);
        let days = self.folders.days();
        let is_empty = days.is_empty();
        for day in days {
            // Where there are too many clips, those of the oldest days are not even listed.
            if is_over() || end_of(&day).is_some_and(|end| self.clips.index().is_too_old(end)) {
                break;
            }
            let (changes, listed) = self.folders.changes(&day, now);
            self.warn_of(listed);
            is_changed |= !changes.new.is_empty() || !changes.removed.is_empty();
            self.remove(&changes.removed);
            for clips in changes.new.chunks(AT_ONCE) {
                self.add(clips);
            }
        }
        if self.is_first && !is_empty {
            self.is_first = false;
            self.events.tell_to_ask_again();
        }
        if is_changed {
            self.events.tell_of_clips();
        }
    }

    fn add(&mut self, clips: &[Clip]) {
        let mut mentioned = Vec::new();
        let mut recorded = Vec::new();
        for clip in clips {
            let (name, camera) = (&clip.name, &clip.name.camera);
            let file = open(&self.clips.root, name, Part::Sidecar);
            let head = match file.and_then(|file| Head::read(file, camera)) {
                Ok(head) => head,
                Err(error) => {
                    self.refuse(clip, &error);
                    continue;
                }
            };
            self.clips.index().insert(name.clone(), &head, clip.bytes);
            let camera: Arc<str> = Arc::from(camera.as_str());
            for note in head.events {
                mentioned.push(Arc::from(note.event.as_str()));
                if self.is_first || note.began_unix_nanos < self.started_unix_nanos {
                    recorded.push(Recorded {
                        camera: Arc::clone(&camera),
                        note,
                        clip_end_unix_nanos: head.end_unix_nanos,
                    });
                }
            }
        }
        if self.is_first {
            self.events.recorded_before(recorded);
        } else {
            self.events.recorded_since(recorded);
        }
        self.place(&mentioned);
    }

    fn remove(&self, clips: &[ClipName]) {
        for name in clips {
            let mentioned = self.clips.index().remove(name);
            self.place(&mentioned);
        }
    }

    /// Tells which clip shows these events now.
    fn place(&self, events: &[Arc<str>]) {
        for events in events.chunks(AT_ONCE) {
            let index = self.clips.index();
            let spots = events.iter().map(|it| (Arc::clone(it), index.spot(it)));
            let spots: Vec<_> = spots.collect();
            drop(index);
            self.events.set_clips(spots);
        }
    }

    fn refuse(&mut self, clip: &Clip, error: &io::Error) {
        // What is written in it is as it is; what the system had no means for may be there next time.
        let is_passing = Errno::from_io_error(error).is_some_and(|it| PASSING.contains(&it));
        let is_news = self.folders.refuse(&clip.name, !is_passing);
        if !is_news || self.lines > MOST_LINES {
            return;
        }
        self.lines += 1;
        if self.lines > MOST_LINES {
            warn!(
                "more clips have no sidecar that can be used: none of them is shown, nor named here"
            );
            return;
        }
        let path = clip.sidecar_path();
        warn!("'{}': {error}: the clip is not shown", path.display());
    }

    fn warn_of(&mut self, result: io::Result<()>) {
        let Err(error) = result else {
            return;
        };
        let is_due = |at: Instant| at.elapsed() >= WARN_EVERY;
        if self.warned.is_none_or(is_due) {
            self.warned = Some(Instant::now());
            let folder = self.clips.root.display();
            warn!("RECORDINGS='{folder}' cannot be listed, or a part of it: {error}");
        }
    }
}

/// The last millisecond of a day, of Unix.
fn end_of(day: &str) -> Option<i64> {
    let day = day.replace('-', "");
    let last = ClipName::parse(&format!("x-{day}T235959.999Z"))?;
    Some(last.begin_unix_millis)
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
