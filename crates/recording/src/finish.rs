//! From what was being recorded to a clip: the same for one that ends and for one whose writer was
//! killed. Each step may be the last, and is then made again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use camweave_fmp4::{Whole, random_access, scan};
use camweave_outdir::{Error, FILE_MODE, Folder, NewFile, open_for_reading, open_own, sync_folder};

use crate::files::io_error;
use crate::media_clock::TIMESCALE;
use crate::name::ClipName;
use crate::sidecar::Sidecar;

/// Of a clip.
pub(crate) const VIDEO: &str = ".mp4";
/// Of one that is being recorded.
pub(crate) const PART: &str = ".mp4.part";
/// Of what is beside a clip.
pub(crate) const SIDECAR: &str = ".json";
/// Of what is beside one that is being recorded.
pub(crate) const LINES: &str = ".lines";
const LINES_BEGIN: &str = ".camweave.";

/// The initialization segment is shorter.
const MOST_HEAD_BYTES: u64 = 1 << 20;
const MEHD: &[u8] = b"mehd";
/// From the box's type to the duration: version and flags.
const TO_DURATION: u64 = 8;

/// A clip that has its name.
#[derive(Debug)]
pub(crate) struct Finished {
    pub path: PathBuf,
    pub seconds: f64,
    pub frames: u64,
    /// Of a fragment that was not whole.
    pub cut_bytes: u64,
}

/// The file of lines beside what is recorded as `stem`.
pub(crate) fn lines_path(day: &Path, stem: &str) -> PathBuf {
    day.join(format!("{LINES_BEGIN}{stem}{LINES}"))
}

/// The stem in the name of a file of lines.
pub(crate) fn stem_of_lines(name: &str) -> Option<&str> {
    let stem = name.strip_prefix(LINES_BEGIN)?.strip_suffix(LINES)?;
    ClipName::parse(stem).is_some().then_some(stem)
}

/// Gives what was recorded its name, after its sidecar. `None`: nothing of it is whole, and nothing is
/// left of it. `synced`: bytes of it that are known to be on disk; what is after these is cut off.
pub(crate) fn finish(
    day: &Folder,
    name: &ClipName,
    synced: Option<u64>,
    salvaged: bool,
) -> Result<Option<Finished>, Error> {
    let stem = name.stem();
    let part = format!("{stem}{PART}");
    let path = day.path().join(&part);
    let lines = lines_path(day.path(), &stem);
    let (whole, cut_bytes) =
        close(&path, synced).map_err(|error| io_error("finish", &path, error))?;
    if whole.fragments.is_empty() {
        day.remove(&part)?;
        drop(fs::remove_file(&lines));
        return Ok(None);
    }
    let seconds = duration(&whole) as f64 / f64::from(TIMESCALE);
    let samples = whole.samples();
    let read = read_lines(&lines)
        .and_then(|lines| Sidecar::of_lines(lines, name, samples, seconds, salvaged));
    let sidecar = read.map_err(|error| io_error("read", &lines, error))?;
    let beside = day.claim(&format!("{stem}{SIDECAR}"))?;
    write_sidecar(&beside, &sidecar).map_err(|error| io_error("write", &beside, error))?;
    // The sidecar's name first: a clip that has its name has all that belongs to it.
    sync_folder(day.path()).map_err(|error| io_error("sync", day.path(), error))?;
    let path = day.rename(&part, &format!("{stem}{VIDEO}"))?;
    sync_folder(day.path()).map_err(|error| io_error("sync", day.path(), error))?;
    drop(fs::remove_file(&lines));
    Ok(Some(Finished {
        path,
        seconds,
        frames: samples,
        cut_bytes,
    }))
}

/// Cuts off what is not whole, writes the duration and the index. How many bytes were cut.
fn close(path: &Path, synced: Option<u64>) -> io::Result<(Whole, u64)> {
    let mut file = open_own(OpenOptions::new().read(true).write(true), path)?;
    let length = file.metadata()?.len();
    if let Some(synced) = synced.filter(|it| *it < length) {
        file.set_len(synced)?;
    }
    let whole = scan(&mut BufReader::new(&mut file))?;
    if whole.fragments.is_empty() {
        return Ok((whole, 0));
    }
    file.set_len(whole.bytes)?;
    if let Some(at) = duration_at(&mut file)? {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&duration(&whole).to_be_bytes())?;
    }
    let index = random_access(&whole.fragments).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(whole.bytes))?;
    if let Err(error) = file.write_all(&index) {
        // A clip without its index plays as well; half of one must not be left.
        file.set_len(whole.bytes)?;
        if error.kind() != io::ErrorKind::StorageFull {
            return Err(error);
        }
    }
    file.sync_all()?;
    Ok((whole, length.saturating_sub(file.metadata()?.len())))
}

/// From the first presentation to the last decode time, which is where the last frame ends.
fn duration(whole: &Whole) -> u64 {
    whole.fragments.last().map_or(0, |it| it.end_time)
}

fn duration_at(file: &mut File) -> io::Result<Option<u64>> {
    file.rewind()?;
    let mut head = Vec::new();
    file.take(MOST_HEAD_BYTES).read_to_end(&mut head)?;
    let at = head.windows(MEHD.len()).position(|it| it == MEHD);
    Ok(at.map(|at| at as u64 + TO_DURATION))
}

/// Nothing where there are none: a machine that lost its power may have lost them.
fn read_lines(path: &Path) -> io::Result<BufReader<Box<dyn Read>>> {
    match open_for_reading(path) {
        Ok(file) => Ok(BufReader::new(Box::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(BufReader::new(Box::new(io::empty())))
        }
        Err(error) => Err(error),
    }
}

fn write_sidecar(path: &Path, sidecar: &Sidecar) -> io::Result<()> {
    let new = NewFile::create(path, FILE_MODE)?;
    let mut out = BufWriter::new(new.file());
    serde_json::to_writer(&mut out, sidecar)?;
    out.write_all(b"\n")?;
    out.flush()?;
    drop(out);
    new.file().sync_all()?;
    new.put_in_place().map(drop)
}
