use std::fs;
use std::path::{Path, PathBuf};

use camweave_outdir::{FILE_MODE, Folder, replace_in_room};
use thiserror::Error;

use tracing::warn;

use crate::ledger::{self, Ledger};
use crate::{Counters, StageIdentity, StageReport};

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
    /// Two processes count for one node.
    #[error("'{}' is in use: another process counts for node '{stage}' there, expected a folder of this run's own (CAMWEAVE_STATS_DIR)", path.display())]
    InUse {
        /// The node.
        stage: String,
        /// The file that both would write.
        path: PathBuf,
    },
}

impl StatsError {
    /// Whether the folder is not to be used, and not only full.
    fn is_refusal(&self) -> bool {
        match self {
            Self::InUse { .. } => true,
            Self::Folder(error) => !error.is_full(),
            Self::Io { .. } | Self::Json { .. } => false,
        }
    }
}

/// The file `<folder>/<node>.json` of one stage.
#[derive(Debug)]
pub struct StatsFile {
    folder: Folder,
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
        let folder = Folder::open(folder)?;
        let path = folder.claim(&name)?;
        Ok(Self { folder, path })
    }

    /// The report of the process that ran this node before in `run`, if it left one.
    #[must_use]
    pub fn earlier(&self, run: &str) -> Option<StageReport> {
        read_report(&self.path)
            .ok()
            .filter(|report| report.run == run)
    }

    /// Begins to count for a stage, or goes on where an earlier process of the same run ended.
    ///
    /// # Errors
    /// [`StatsError::InUse`]. A disk without room costs a kill's last counts, which is logged.
    pub fn count(&self, identity: StageIdentity) -> Result<Counters, StatsError> {
        let ledger = match self.ledger(&identity) {
            Ok(ledger) => Some(ledger),
            Err(error) if error.is_refusal() => return Err(error),
            Err(error) => {
                warn!("{error}; a kill of this node would lose up to 250 ms of counts");
                None
            }
        };
        let earlier = self.earlier(&identity.run);
        Ok(Counters::resume(identity, earlier, ledger))
    }

    fn ledger(&self, identity: &StageIdentity) -> Result<Ledger, StatsError> {
        for path in ledger::paths(self.folder.path(), &identity.stage) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.folder.claim(&name)?;
        }
        Ledger::open(self.folder.path(), &identity.stage, &identity.run)
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

/// The reports of all stages of the newest run in `folder`, by node id.
///
/// # Errors
/// If the folder cannot be listed or a file in it is no report.
pub fn read_reports(folder: &Path) -> Result<Vec<StageReport>, StatsError> {
    let mut reports: Vec<StageReport> = read_all(folder)?.into_iter().collect::<Result<_, _>>()?;
    let newest = reports.iter().max_by_key(|it| it.updated_unix_nanos);
    let run = newest.map_or(String::new(), |it| it.run.clone());
    reports.retain(|report| report.run == run);
    complete(folder, &mut reports);
    Ok(reports)
}

/// The reports of all stages of `run` in `folder`, by node id. Whatever else is there, also of
/// another version, is not this run's.
///
/// # Errors
/// If the folder cannot be listed.
pub fn read_reports_of(folder: &Path, run: &str) -> Result<Vec<StageReport>, StatsError> {
    let reports = read_all(folder)?.into_iter().filter_map(Result::ok);
    let mut reports: Vec<StageReport> = reports.filter(|it| it.run == run).collect();
    complete(folder, &mut reports);
    Ok(reports)
}

/// The processes of the nodes that take rows from `stage` in `run`, as their reports say.
///
/// # Errors
/// If the folder cannot be listed.
pub fn receivers_of(folder: &Path, stage: &str, run: &str) -> Result<Vec<u32>, StatsError> {
    let reports = read_all(folder)?.into_iter().filter_map(Result::ok);
    let takes =
        |report: &StageReport| report.run == run && report.takes.iter().any(|it| it == stage);
    Ok(reports.filter(takes).map(|it| it.process_id).collect())
}

/// What is in each file of a report.
fn read_all(folder: &Path) -> Result<Vec<Result<StageReport, StatsError>>, StatsError> {
    let io = |source| StatsError::Io {
        action: "list",
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    Ok(paths.iter().map(|path| read_report(path)).collect())
}

/// Brings the counts up to this moment. The stages at the end are read first, so that a frame
/// that has come out anywhere has come in at every stage before.
fn complete(folder: &Path, reports: &mut [StageReport]) {
    reports.sort_by(|a, b| a.stage.cmp(&b.stage));
    for index in upstream(reports) {
        let report = &mut reports[index];
        if let Some(entries) = ledger::read(folder, &report.stage, &report.run) {
            report.complete(entries);
        }
    }
}

/// The reports' indices, each stage after those that take its rows. A loop ends where it began.
fn upstream(reports: &[StageReport]) -> Vec<usize> {
    let mut depth = vec![0_usize; reports.len()];
    // A stage is one deeper than the deepest that takes its rows; no path is longer than all.
    for _ in 0..reports.len() {
        let mut settled = true;
        for taker in 0..reports.len() {
            for giver in 0..reports.len() {
                let is_edge = reports[taker].takes.contains(&reports[giver].gives);
                if is_edge && depth[giver] <= depth[taker] && depth[taker] < reports.len() {
                    depth[giver] = depth[taker] + 1;
                    settled = false;
                }
            }
        }
        if settled {
            break;
        }
    }
    let mut order: Vec<usize> = (0..reports.len()).collect();
    order.sort_by_key(|index| depth[*index]);
    order
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
        assert!(file.earlier("").is_none());
        let counters = Counters::new("pipe.decode", "sw-decode", file.earlier(""));
        counters.dropped("cam1", "expired", 2);
        let report = counters.report();
        file.write(&report).expect("the folder is writable");
        assert_eq!(file.earlier("").as_ref(), Some(&report));
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

    fn identity(stage: &str, run: &str, takes: &[&str]) -> StageIdentity {
        StageIdentity {
            stage: stage.to_owned(),
            kind: "test".to_owned(),
            run: run.to_owned(),
            takes: takes.iter().map(|it| (*it).to_owned()).collect(),
            gives: stage.to_owned(),
        }
    }

    #[test]
    fn counts_of_a_process_that_wrote_no_report_any_more_are_read_and_go_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = StatsFile::open(folder.path(), "decode").expect("writable");
        let counters = file.count(identity("decode", "1", &[])).expect("nobody's");
        file.write(&counters.report()).expect("writable");
        counters.received("cam1");
        counters.received("cam1");
        counters.sent("cam1", 1);
        // No further report is written: the process dies.
        drop(counters);
        let reports = read_reports(folder.path()).expect("a report");
        let camera = &reports[0].cameras["cam1"];
        assert_eq!((camera.received, camera.sent, camera.lost), (2, 1, 0));
        let again = file.count(identity("decode", "1", &[])).expect("nobody's");
        again.dropped("cam1", "corrupt", 1);
        let camera = &again.report().cameras["cam1"];
        assert_eq!((camera.received, camera.sent, camera.lost), (2, 1, 1));
        assert_eq!(again.report().starts, 2);
    }

    #[test]
    fn another_run_is_not_added() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for run in ["1", "2"] {
            for stage in ["source", if run == "1" { "old" } else { "new" }] {
                let file = StatsFile::open(folder.path(), stage).expect("writable");
                let counters = file.count(identity(stage, run, &[])).expect("nobody's");
                counters.received("cam1");
                file.write(&counters.report()).expect("writable");
            }
        }
        let stages = |reports: Vec<StageReport>| -> Vec<(String, u64, u64)> {
            let each = reports.into_iter();
            each.map(|it| (it.stage, it.starts, it.cameras["cam1"].received))
                .collect()
        };
        let expected = [("new".to_owned(), 1, 1), ("source".to_owned(), 1, 1)];
        assert_eq!(
            stages(read_reports(folder.path()).expect("reports")),
            expected
        );
        // Nor is what is no report at all, or one of another version.
        for (name, text) in [("x.json", "{"), ("y.json", r#"{"stage": 1}"#)] {
            fs::write(folder.path().join(name), text).expect("writable");
        }
        let of = read_reports_of(folder.path(), "1").expect("reports");
        assert_eq!(stages(of), [("old".to_owned(), 1, 1)]);
    }

    #[test]
    fn two_processes_do_not_count_for_one_node() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = StatsFile::open(folder.path(), "decode").expect("writable");
        let first = file.count(identity("decode", "1", &[])).expect("nobody's");
        let error = file.count(identity("decode", "2", &[]));
        let error = error.expect_err("it is the first's").to_string();
        assert!(
            error.contains("node 'decode'") && error.contains("CAMWEAVE_STATS_DIR"),
            "{error}"
        );
        drop(first);
        file.count(identity("decode", "2", &[])).expect("nobody's");
    }

    #[test]
    fn the_end_is_read_before_the_begin() {
        let report = |stage: &str, takes: &[&str]| {
            let counters = Counters::resume(identity(stage, "", takes), None, None);
            counters.report()
        };
        let reports = [
            report("a.sink", &["track"]),
            report("decode", &["source"]),
            report("infer", &["decode"]),
            report("other-sink", &["infer"]),
            report("source", &[]),
            report("track", &["infer"]),
        ];
        let order = upstream(&reports);
        let at = |stage: &str| order.iter().position(|it| reports[*it].stage == stage);
        for (taker, giver) in [
            ("a.sink", "track"),
            ("track", "infer"),
            ("other-sink", "infer"),
            ("infer", "decode"),
            ("decode", "source"),
        ] {
            assert!(at(taker) < at(giver), "{taker} after {giver}: {order:?}");
        }
        // A graph with a loop has an order, too.
        let ring = [report("a", &["b"]), report("b", &["a"])];
        assert_eq!(upstream(&ring).len(), 2);
    }
}
