use std::fs;
use std::path::{Path, PathBuf};

use camweave_outdir::{FILE_MODE, Folder, replace_in_room};
use thiserror::Error;

use crate::StageReport;

/// Why a stage's report cannot be read or written.
#[derive(Debug, Error)]
pub enum StatsError {
    /// A file or folder refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder has what camweave did not write.
    #[error(transparent)]
    Folder(#[from] camweave_outdir::Error),
    /// A file is not a stage report.
    #[error("'{}' is not a stage report: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}

/// The file `<folder>/<node>.json` of one stage.
#[derive(Debug)]
pub struct StatsFile {
    path: PathBuf,
}

impl StatsFile {
    /// The file of the node `stage` in `folder`, which is created.
    ///
    /// # Errors
    /// If the folder cannot be created, or has such a file that camweave did not write.
    pub fn open(folder: &Path, stage: &str) -> Result<Self, StatsError> {
        // Node ids of dora modules contain '.', never '/': they are fit for a file name.
        let name = format!("{}.json", stage.replace('/', "_"));
        let path = Folder::open(folder)?.claim(&name)?;
        Ok(Self { path })
    }

    /// The report of the process that ran this node before, if it left one.
    #[must_use]
    pub fn earlier(&self) -> Option<StageReport> {
        read_report(&self.path).ok()
    }

    /// Replaces the file in one step, so that a reader never sees half a report.
    ///
    /// # Errors
    /// If the folder is not writable or the disk is full.
    pub fn write(&self, report: &StageReport) -> Result<(), StatsError> {
        let json = serde_json::to_vec(report).map_err(|source| StatsError::Json {
            path: self.path.clone(),
            source,
        })?;
        replace_in_room(&self.path, &json, FILE_MODE).map_err(|source| StatsError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

fn read_report(path: &Path) -> Result<StageReport, StatsError> {
    let text = fs::read(path).map_err(|source| StatsError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| StatsError::Json {
        path: path.to_owned(),
        source,
    })
}

/// The reports of all stages in `folder`, by node id.
///
/// # Errors
/// If the folder cannot be listed or a file in it is no report.
pub fn read_reports(folder: &Path) -> Result<Vec<StageReport>, StatsError> {
    let io = |source| StatsError::Io {
        action: "list",
        path: folder.to_owned(),
        source,
    };
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            reports.push(read_report(&path)?);
        }
    }
    reports.sort_by(|a, b| a.stage.cmp(&b.stage));
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counters;

    #[test]
    fn a_report_survives_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stats = folder.path().join("stats");
        let file = StatsFile::open(&stats, "pipe.decode").expect("the folder is writable");
        assert!(file.earlier().is_none());
        let counters = Counters::new("pipe.decode", "sw-decode", file.earlier());
        counters.dropped("cam1", "expired", 2);
        let report = counters.report();
        file.write(&report).expect("the folder is writable");
        assert_eq!(file.earlier().as_ref(), Some(&report));
        assert_eq!(read_reports(&stats).expect("one report"), vec![report]);
    }

    #[test]
    fn garbage_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("x.json"), "{").expect("writable");
        let error = read_reports(folder.path())
            .expect_err("not a report")
            .to_string();
        assert!(
            error.contains("x.json") && error.contains("not a stage report"),
            "{error}"
        );
    }
}
