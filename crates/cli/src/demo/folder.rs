//! The folder that the demo writes into, by part.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use camweave_outdir::{Aside, History, Retention, WriterLock};
use camweave_sink::Summary;

use crate::error::CliError;
use crate::say::note;

/// Earlier results that are kept, by whoever wrote them.
const HISTORY: &str = "history/";
/// Says why a run has not started, so it stays where that one's error says that it is.
const LOG: &str = "dora.log";
/// Of an earlier run, these go into the history, and the rest is removed.
const KEPT: [&str; 2] = ["detections.jsonl", "summary.json"];
/// What the demo writes beside the cameras' pictures.
const NAMES: [&str; 8] = [
    "detections.jsonl",
    "summary.json",
    "cameras.yml",
    LOG,
    "cameras/",
    "stats/",
    "trace/",
    HISTORY,
];

/// The demo's results. Those of an earlier demo are out of their way from the begin, and come back
/// if the run does not start.
pub struct Folder {
    folder: camweave_outdir::Folder,
    earlier: Option<Aside>,
    _lock: WriterLock,
}

impl Folder {
    /// Opens the folder at `path` for a run with these cameras.
    ///
    /// # Errors
    /// It has files that camweave did not write, another run writes into it, or it refuses.
    pub fn open(path: &Path, cameras: &[String]) -> Result<Self, CliError> {
        let pictures: Vec<String> = cameras.iter().map(|id| format!("{id}.png")).collect();
        let names = NAMES.into_iter().chain(pictures.iter().map(String::as_str));
        camweave_outdir::Folder::check(path, names)?;
        let folder = camweave_outdir::Folder::open(path)?;
        let lock = folder.lock("run", "camweave demo", Duration::ZERO)?;
        // A graph's sink that writes here is asked for as well; this run's own takes its place.
        drop(folder.lock("results", "camweave demo", Duration::ZERO)?);
        let earlier = folder.set_aside(&[HISTORY, LOG])?;
        if earlier.recovered() > 0 {
            note!(
                "restored the results of a killed run: {} files",
                earlier.recovered()
            );
        }
        for name in ["cameras", "stats", "trace"] {
            folder.claim_folder(name)?;
        }
        folder.claim("cameras.yml")?;
        Ok(Self {
            folder,
            earlier: Some(earlier),
            _lock: lock,
        })
    }

    /// The run has results of its own: what an earlier run has found goes into the history, the rest is removed.
    ///
    /// # Errors
    /// A file refuses to be moved or removed.
    pub fn started(&mut self) -> Result<(), CliError> {
        let Some(earlier) = self.earlier.take() else {
            return Ok(());
        };
        let history = History::new(&self.folder, Retention::default());
        for name in KEPT {
            if let Some(path) = earlier.path(name) {
                history.retire(&path)?;
            }
        }
        Ok(earlier.remove()?)
    }

    pub fn results(&self) -> &camweave_outdir::Folder {
        &self.folder
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn stats(&self) -> PathBuf {
        self.path().join("stats")
    }

    pub fn record(&self) -> PathBuf {
        self.path().join("cameras")
    }

    pub fn cameras(&self) -> PathBuf {
        self.path().join("cameras.yml")
    }

    pub fn summary(&self) -> PathBuf {
        self.path().join("summary.json")
    }

    pub fn read_summary(&self) -> Option<Summary> {
        serde_json::from_slice(&fs::read(self.summary()).ok()?).ok()
    }
}
