//! A clip that is being recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_fmp4::{Mp4Error, Sample, Track};
use camweave_outdir::{Error, FILE_MODE, Folder, create_new, open_own};

use crate::coded::Coded;
use crate::files::io_error;
use crate::finish::{Finished, PART, finish, lines_path};
use crate::media_clock::{TIMESCALE, Times};
use crate::name::ClipName;
use crate::notes::{ClipHead, FrameNote, Note};
use crate::store::Store;

/// A fragment is as long, unless a keyframe comes before.
const FRAGMENT_MICROS: u64 = 500_000;
/// What has come is written after so long, if nothing more comes.
const WAIT_AT_MOST: Duration = Duration::from_millis(500);
/// Bytes of a fragment after which it is written in any case.
const FRAGMENT_BYTES: usize = 16 << 20;

/// A clip that is being recorded, in a file of its own.
pub(crate) struct ClipFile {
    day: Folder,
    name: ClipName,
    file: File,
    lines: BufWriter<File>,
    track: Track,
    pending: Vec<(Arc<Coded>, Times)>,
    pending_bytes: usize,
    pending_since: Instant,
    step: u32,
    fragments: u32,
    /// In the file, on disk.
    pub bytes: u64,
    /// The index of the first unit that is not.
    pub resume: u64,
}

/// What has become lasting by a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Bytes of the fragment.
    pub bytes: u64,
    /// The sequence of its last frame.
    pub sequence: u64,
}

impl ClipFile {
    /// Creates the file of a clip that begins with `key`; what of `head` is not known is filled in.
    pub fn create(
        store: &Store,
        mut head: ClipHead,
        key: &Coded,
        step_micros: u32,
    ) -> Result<Self, Error> {
        let shown = key.orientation;
        let track = Track::new(key.codec, &key.data, TIMESCALE)
            .map(|it| it.shown(shown.degrees(), shown.mirrored()));
        let name = ClipName::new(&head.camera, head.begin_unix_nanos);
        let (day, name) = store.place(&name)?;
        let stem = name.stem();
        let failed = |error| io_error("create", &day.path().join(format!("{stem}{PART}")), error);
        let track = track.map_err(|error| failed(io::Error::other(error)))?;
        let begin = track
            .file_head()
            .map_err(|error| failed(io::Error::other(error)))?;
        head.codec_name = track.codec_name().to_owned();
        (head.width, head.height) = (track.size().0.into(), track.size().1.into());
        let opened = open_files(&day, &stem, &begin.bytes, head);
        let (file, lines) = opened.inspect_err(|_| {
            // Nothing of it would ever be whole.
            drop(day.remove(&format!("{stem}{PART}")));
            drop(fs::remove_file(lines_path(day.path(), &stem)));
        })?;
        Ok(Self {
            bytes: begin.bytes.len() as u64,
            resume: key.index,
            day,
            name,
            file,
            lines,
            track,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: Instant::now(),
            step: step_micros,
            fragments: 0,
        })
    }

    /// Takes the next access unit. Whether a fragment before it has become lasting.
    pub fn unit(&mut self, unit: Arc<Coded>, times: Times) -> Result<Option<Synced>, Error> {
        let first = self.pending.first().map(|(_, first)| first.decode);
        let is_due = first.is_some_and(|first| {
            unit.keyframe
                || times.decode.saturating_sub(first) >= FRAGMENT_MICROS
                || self.pending_bytes >= FRAGMENT_BYTES
        });
        let synced = if is_due {
            self.write(Some(times.decode))?
        } else {
            None
        };
        // A decoder would keep another set that was sent in between.
        if !self.track.has_sets_of(&unit.data) {
            self.track.keep_sets();
        }
        if self.pending.is_empty() {
            self.pending_since = Instant::now();
        }
        self.pending_bytes += unit.data.len();
        self.pending.push((unit, times));
        Ok(synced)
    }

    /// Takes a line for the sidecar.
    pub fn note(&mut self, note: &Note) -> Result<(), Error> {
        line(&mut self.lines, note).map_err(|error| self.failed(error))
    }

    /// When [`ClipFile::flush`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.pending.is_empty()).then(|| self.pending_since + WAIT_AT_MOST)
    }

    /// Writes what has come, whatever comes next.
    pub fn flush(&mut self) -> Result<Option<Synced>, Error> {
        self.write(None)
    }

    /// The end: the clip gets its name. `None`: it has no frame.
    pub fn finish(mut self) -> Result<Option<Finished>, Error> {
        self.flush()?;
        let flushed = self.lines.flush();
        flushed.map_err(|error| self.failed(error))?;
        finish(&self.day, &self.name, Some(self.bytes), false)
    }

    /// Where it is.
    pub fn place(&self) -> (Folder, ClipName) {
        (self.day.clone(), self.name.clone())
    }

    /// Gives up: what is on disk stays there. Where that is.
    pub fn abandon(self) -> (Folder, ClipName) {
        // What is still to be written of the lines is of a fragment that is not there. And what could
        // not be synced is said to be once more, at most: it is no part of the file any more.
        drop(self.lines.into_parts());
        drop(self.file.set_len(self.bytes));
        (self.day, self.name)
    }

    /// Writes a fragment, which ends where what comes next is decoded, and makes it lasting.
    fn write(&mut self, next_decode: Option<u64>) -> Result<Option<Synced>, Error> {
        let (Some((_, first)), Some((last, _))) = (self.pending.first(), self.pending.last())
        else {
            return Ok(None);
        };
        let (decode, sequence, next) = (first.decode, last.sequence, last.index + 1);
        let fragment = self.fragment(decode, next_decode);
        let written = fragment.map_err(io::Error::other).and_then(|bytes| {
            self.note_pending()?;
            // Each fragment has its lines, whatever moment the power is cut at.
            self.lines.get_ref().sync_data()?;
            self.file.write_all(&bytes)?;
            self.file.sync_data()?;
            Ok(bytes.len() as u64)
        });
        let bytes = written.map_err(|error| self.failed(error))?;
        self.bytes += bytes;
        self.resume = next;
        self.fragments = self.fragments.wrapping_add(1);
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(Some(Synced { bytes, sequence }))
    }

    fn fragment(&self, decode: u64, next_decode: Option<u64>) -> Result<Vec<u8>, Mp4Error> {
        let decodes = self.pending.iter().map(|(_, times)| times.decode);
        let last = decodes.clone().next_back().unwrap_or(decode);
        let end = next_decode.unwrap_or(last + u64::from(self.step));
        let nexts = decodes.clone().skip(1).chain([end]);
        let samples: Vec<Sample<'_>> = self
            .pending
            .iter()
            .zip(decodes.zip(nexts))
            .map(|((unit, times), (decode, next))| Sample {
                unit: &unit.data,
                duration: u32::try_from(next.saturating_sub(decode)).unwrap_or(u32::MAX),
                composition_offset: times.composition_offset(),
            })
            .collect();
        self.track.fragment(self.fragments + 1, decode, &samples)
    }

    /// The lines of a fragment's frames are there before the fragment is.
    fn note_pending(&mut self) -> io::Result<()> {
        for (unit, times) in &self.pending {
            let note = Note::Frame(FrameNote::new(unit, times.presentation));
            line(&mut self.lines, &note)?;
        }
        self.lines.flush()
    }

    fn failed(&self, source: io::Error) -> Error {
        let path = self.day.path().join(format!("{}{PART}", self.name.stem()));
        io_error("write", &path, source)
    }
}

/// The files of a clip that begins.
fn open_files(
    day: &Folder,
    stem: &str,
    begin: &[u8],
    head: ClipHead,
) -> Result<(File, BufWriter<File>), Error> {
    let path = day.claim_file(&format!("{stem}{PART}"))?;
    let failed = |error| io_error("create", &path, error);
    let mut file = open_own(OpenOptions::new().append(true), &path).map_err(failed)?;
    let lines = lines_path(day.path(), stem);
    let lines = create_new(&lines, FILE_MODE).or_else(|error| match error.kind() {
        // Of one that was killed before it had begun.
        io::ErrorKind::AlreadyExists => {
            let mut options = OpenOptions::new();
            options.write(true).mode(FILE_MODE);
            let file = open_own(&mut options, &lines)?;
            file.set_len(0).map(|()| file)
        }
        _ => Err(error),
    });
    let mut lines = BufWriter::new(lines.map_err(failed)?);
    line(&mut lines, &Note::Clip(head)).map_err(failed)?;
    file.write_all(begin).map_err(failed)?;
    Ok((file, lines))
}

fn line(out: &mut impl Write, note: &Note) -> io::Result<()> {
    serde_json::to_writer(&mut *out, note)?;
    out.write_all(b"\n")
}
