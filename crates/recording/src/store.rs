//! The folder of clips, as its one writer has it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use camweave_message::camera_id;
use camweave_outdir::{Error, Folder, WriterLock};

use crate::files::io_error;
use crate::finish::{self, Finished, PART, SIDECAR, VIDEO};
use crate::name::ClipName;

/// A writer that was just killed may still be about to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// Clips of one camera that begin in the same millisecond.
const MOST_NUMBERS: u32 = 100;

/// The folder of clips. Nothing in it that camweave has not created is ever changed or removed.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    _lock: WriterLock,
}

/// A clip whose writer was killed, and what became of it.
#[derive(Debug)]
pub struct Salvaged {
    /// The clip; `None`: nothing of it was whole, and it was removed.
    pub path: Option<PathBuf>,
    /// Bytes of its last fragment, which was cut off.
    pub cut_bytes: u64,
}

impl Store {
    /// Opens the folder for `holder`, creating it where it is missing.
    ///
    /// # Errors
    /// It cannot be created, or another process writes into it.
    pub fn open(path: &Path, holder: &str) -> Result<Self, Error> {
        let folder = Folder::open(path)?;
        let lock = folder.lock("recordings", holder, PATIENCE)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Finishes or removes what killed processes have left. Each is given as it went: what cannot be
    /// finished or looked at now, as on a full disk or in a damaged folder, stays as it is.
    ///
    /// # Errors
    /// The folders cannot be listed.
    pub fn salvage(&self) -> Result<Vec<Result<Salvaged, Error>>, Error> {
        let mut all = Vec::new();
        let days = days(self.path()).map_err(|error| io_error("list", self.path(), error))?;
        for day in days {
            if let Err(error) = self.salvage_day(&day, &mut all) {
                all.push(Err(error));
            }
        }
        Ok(all)
    }

    fn salvage_day(&self, day: &Path, all: &mut Vec<Result<Salvaged, Error>>) -> Result<(), Error> {
        let left = Left::of(day).map_err(|error| io_error("list", day, error))?;
        if left.is_empty() {
            return Ok(());
        }
        let Some(folder) = self.day_at(day)? else {
            return Ok(());
        };
        for name in left.parts {
            if folder.owns(&format!("{}{PART}", name.stem()))? {
                all.push(finish::finish(&folder, &name, None, true).map(Salvaged::from));
            }
        }
        for stem in left.sidecars {
            folder.remove(&format!("{stem}{SIDECAR}"))?;
        }
        for stem in left.lines {
            let path = finish::lines_path(day, &stem);
            fs::remove_file(&path).map_err(|error| io_error("remove", &path, error))?;
        }
        Ok(())
    }

    /// The folder of a clip that is about to be recorded, and a name in it that is free.
    pub(crate) fn place(&self, name: &ClipName) -> Result<(Folder, ClipName), Error> {
        let camera = self.folder.claim_folder(&name.camera)?;
        let day = camera.claim_folder(&name.day())?;
        let is_free = |name: &ClipName| {
            let stem = name.stem();
            let taken = [PART, VIDEO].map(|it| day.path().join(format!("{stem}{it}")));
            taken.iter().all(|path| fs::symlink_metadata(path).is_err())
        };
        let mut numbers = (0..MOST_NUMBERS).map(|number| ClipName {
            number,
            ..name.clone()
        });
        match numbers.find(is_free) {
            Some(name) => Ok((day, name)),
            None => Err(io_error(
                "create",
                &day.path().join(format!("{}{VIDEO}", name.stem())),
                io::ErrorKind::AlreadyExists.into(),
            )),
        }
    }

    /// The folder of a day, if camweave has created it.
    pub(crate) fn day_at(&self, path: &Path) -> Result<Option<Folder>, Error> {
        let part = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name);
            name.map(|it| it.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let (camera, day) = (part(path.parent()), part(Some(path)));
        if !self.folder.owns(&format!("{camera}/"))? {
            return Ok(None);
        }
        let camera = self.folder.claim_folder(&camera)?;
        if !camera.owns(&format!("{day}/"))? {
            return Ok(None);
        }
        camera.claim_folder(&day).map(Some)
    }

    /// Removes the folder of a day that is over, and of its camera, if nothing is left in them. A clip
    /// may be about to begin in that of today.
    pub(crate) fn remove_empty(&self, day: &Path) -> Result<(), Error> {
        let (Some(camera), Some(name)) = (day.parent(), day.file_name()) else {
            return Ok(());
        };
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        if *name.to_string_lossy() >= *ClipName::at("", yesterday).day() {
            return Ok(());
        }
        let camera = camera.file_name().unwrap_or_default().to_string_lossy();
        let folder = self.folder.claim_folder(&camera)?;
        if folder.remove_empty_folder(&name.to_string_lossy())? {
            self.folder.remove_empty_folder(&camera)?;
        }
        Ok(())
    }
}

impl From<Option<Finished>> for Salvaged {
    fn from(finished: Option<Finished>) -> Self {
        let cut_bytes = finished.as_ref().map_or(0, |it| it.cut_bytes);
        Self {
            path: finished.map(|it| it.path),
            cut_bytes,
        }
    }
}

/// The folders of days in the folder of clips at `path`, by name.
pub(crate) fn days(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for camera in folders(path)? {
        let name = camera.file_name().unwrap_or_default().to_string_lossy();
        if camera_id::is_valid(&name) {
            all.extend(folders(&camera)?);
        }
    }
    all.sort();
    Ok(all)
}

fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.push(entry.path());
        }
    }
    Ok(all)
}

/// What killed processes have left in the folder of a day.
#[derive(Default)]
struct Left {
    /// Clips that were being recorded.
    parts: Vec<ClipName>,
    /// Sidecars without a clip: they get their name first.
    sidecars: Vec<String>,
    /// Lines without a clip that is being recorded.
    lines: Vec<String>,
}

impl Left {
    fn of(day: &Path) -> io::Result<Self> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(day)? {
            names.insert(entry?.file_name().to_string_lossy().into_owned());
        }
        let mut left = Self::default();
        for name in &names {
            let has = |stem: &str, kind: &str| names.contains(&format!("{stem}{kind}"));
            if let Some(stem) = name.strip_suffix(PART) {
                left.parts.extend(ClipName::parse(stem));
            } else if let Some(stem) = name.strip_suffix(SIDECAR)
                && ClipName::parse(stem).is_some()
                && !has(stem, VIDEO)
                && !has(stem, PART)
            {
                left.sidecars.push(stem.to_owned());
            } else if let Some(stem) = finish::stem_of_lines(name)
                && !has(stem, PART)
            {
                left.lines.push(stem.to_owned());
            }
        }
        Ok(left)
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.sidecars.is_empty() && self.lines.is_empty()
    }
}
