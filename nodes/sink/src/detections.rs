//! `detections.jsonl` and the segments before it.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use camweave_outdir::{Error, Folder, History, Lines, NotWritten, Retention};
use tracing::{info, warn};

use crate::wall_clock::WallClock;

/// The segment that is being written.
const NAME: &str = "detections.jsonl";
/// The run's summary goes into the history beside its detections.
pub(crate) const SUMMARY: &str = "summary.json";
/// Finished segments.
const HISTORY: &str = "history/";
/// How often a file that cannot be opened is tried again, and one that cannot be moved.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often the limits of the history are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// When a segment is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentLimits {
    /// With so many bytes, if ever.
    pub bytes: Option<u64>,
    /// After so much time, if ever.
    pub age: Option<Duration>,
}

/// The lines of a run, in segments. No segment of any run is ever shortened; they go as a whole,
/// by the limits of the history.
pub(crate) struct DetectionsFile {
    folder: Folder,
    history: History,
    limits: SegmentLimits,
    /// None where the file cannot be opened.
    lines: Option<Lines>,
    /// What an earlier run has left is still to go into the history.
    has_earlier: bool,
    /// How old the segment was when it was opened, and when that was.
    begun: (Duration, Instant),
    tried: Option<Instant>,
    tidied: Instant,
    clock: WallClock,
    /// Segments of which the log says that they cannot be removed.
    refused: HashSet<PathBuf>,
    /// A segment could not be finished, which has been said.
    is_stuck: bool,
}

impl DetectionsFile {
    /// Opens the file of a run. One of an earlier run goes into the history; `again` says that it
    /// is this run's, which goes on behind its last whole line.
    ///
    /// # Errors
    /// The folder has such a file that camweave did not write, or refuses; then nothing in it was
    /// changed. A disk that is full is no error: what cannot be written is for the caller to count.
    pub fn open(
        folder: &Folder,
        limits: SegmentLimits,
        retention: Retention,
        again: bool,
    ) -> Result<Self, Error> {
        Folder::check(folder.path(), [NAME, SUMMARY, HISTORY])?;
        let history = History::new(folder, retention);
        let mut file = Self {
            folder: folder.clone(),
            limits,
            lines: None,
            has_earlier: !again,
            begun: (Duration::ZERO, Instant::now()),
            tried: None,
            tidied: Instant::now(),
            clock: WallClock::new(SystemTime::now(), history.newest()?, Instant::now()),
            history,
            refused: HashSet::new(),
            is_stuck: false,
        };
        match file.reopen() {
            Err(error) if error.is_full() => {
                if file.tidy() > 0 {
                    // Else it is tried again with the first lines.
                    drop(file.reopen());
                }
            }
            opened => {
                opened?;
                file.tidy();
            }
        }
        Ok(file)
    }

    fn retire_earlier(&mut self) -> Result<(), Error> {
        if !self.has_earlier {
            return Ok(());
        }
        for name in [NAME, SUMMARY] {
            let path = self.folder.claim(name)?;
            if let Some(path) = self.history.retire(&path)? {
                info!("results of an earlier run are kept as '{}'", path.display());
            }
        }
        self.has_earlier = false;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.tried = Some(Instant::now());
        self.retire_earlier()?;
        let path = self.folder.claim_file(NAME)?;
        let fail = |source| Error::Io {
            action: "open",
            path: path.clone(),
            source,
        };
        let lines = match Lines::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                // Nothing of it is cut off: it is kept as it is.
                let kept = self.history.retire(&path)?;
                let kept = kept.unwrap_or_default();
                warn!(
                    "'{}': {error}; it is kept as '{}'",
                    path.display(),
                    kept.display()
                );
                self.folder.claim_file(NAME)?;
                Lines::open(&path).map_err(fail)?
            }
            opened => opened.map_err(fail)?,
        };
        let created = path.metadata().and_then(|it| it.created());
        let age = match created {
            Ok(created) if !lines.is_empty() => created.elapsed().unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.begun = (age, Instant::now());
        self.lines = Some(lines);
        Ok(())
    }

    /// Whether lines would still go into the file of the name that readers know. One that somebody
    /// has removed or replaced is written no more.
    fn is_in_place(&mut self) -> bool {
        let path = self.folder.path().join(NAME);
        let Some(lines) = &self.lines else {
            return false;
        };
        // What the system does not tell now, it tells the next time.
        if lines.is_at(&path).unwrap_or(true) {
            return true;
        }
        warn!(
            "'{}' was removed or replaced while the run wrote to it, after {} bytes; the next lines go into a new file",
            path.display(),
            lines.len()
        );
        self.lines = None;
        self.tried = None;
        false
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// How much was written, and why not all.
    pub fn append(&mut self, block: &[u8]) -> Result<(), NotWritten> {
        self.finish_when_due();
        if self.lines.is_none() && self.tried.is_none_or(|tried| tried.elapsed() >= TRY_EVERY) {
            self.reopen().map_err(|error| NotWritten {
                written: 0,
                source: error.into(),
            })?;
        }
        let Some(lines) = &mut self.lines else {
            return Err(NotWritten {
                written: 0,
                source: io::Error::other("the file could not be opened a moment ago"),
            });
        };
        let Err(failed) = lines.append(block) else {
            return Ok(());
        };
        // The oldest segments may make room.
        if self.tidy() == 0 {
            return Err(failed);
        }
        let Some(lines) = &mut self.lines else {
            return Err(failed);
        };
        lines
            .append(&block[failed.written..])
            .map_err(|again| NotWritten {
                written: failed.written + again.written,
                source: again.source,
            })
    }

    /// Looks at the limits, now and then.
    pub fn tick(&mut self) {
        self.finish_when_due();
        if self.tidied.elapsed() >= TIDY_EVERY {
            self.tidy();
        }
    }

    fn finish_when_due(&mut self) {
        if !self.is_in_place() {
            return;
        }
        let Some(lines) = &self.lines else {
            return;
        };
        let is_large = self.limits.bytes.is_some_and(|most| lines.len() >= most);
        // A clock that is set does not end a segment.
        let (age, since) = self.begun;
        let age = age + since.elapsed();
        let is_old = self.limits.age.is_some_and(|most| age >= most);
        let may_try = !self.is_stuck || self.tried.is_none_or(|tried| tried.elapsed() >= TRY_EVERY);
        if lines.is_empty() || !(is_large || is_old) || !may_try {
            return;
        }
        self.tried = Some(Instant::now());
        let finished = self.history.retire(&self.folder.path().join(NAME));
        match finished {
            Ok(_) => {
                self.is_stuck = false;
                // The open file is the finished segment now.
                self.lines = None;
                if let Err(error) = self.reopen() {
                    warn!("no new segment: {error}");
                }
                self.tidy();
            }
            // Its lines go on in the same segment.
            Err(error) if !std::mem::replace(&mut self.is_stuck, true) => {
                warn!("the segment continues, as it cannot be finished: {error}");
            }
            Err(_) => {}
        }
    }

    /// Removes segments beyond the limits; how many.
    fn tidy(&mut self) -> usize {
        self.tidied = Instant::now();
        let current = self.lines.as_ref().map_or(0, Lines::len);
        let now = self.clock.believed(SystemTime::now(), Instant::now());
        let removed = match self.history.tidy(current, now) {
            Ok(removed) => removed,
            Err(error) => {
                warn!("the history cannot be checked: {error}");
                return 0;
            }
        };
        let mut count = 0;
        for segment in removed {
            let path = segment.path.display();
            match segment.error {
                None => {
                    self.refused.remove(&segment.path);
                    count += 1;
                    info!("removed '{path}', {} bytes: {}", segment.bytes, segment.why);
                }
                Some(error) if self.refused.insert(segment.path.clone()) => {
                    warn!("'{path}' is not removed: {error} ({})", segment.why);
                }
                Some(_) => {}
            }
        }
        count
    }
}

#[cfg(test)]
#[path = "detections_tests.rs"]
mod tests;
