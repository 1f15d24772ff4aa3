use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use camweave_outdir::{FILE_MODE, Folder, read_bounded, replace_in_room};
use tracing::warn;

use crate::ledger::{self, Ledger};
use crate::stats_error::StatsError;
use crate::{Counters, StageIdentity, StageReport};

/// A longer file is no report: that of 1,000 cameras has some 300 KB.
const MAX_BYTES: u64 = 16 << 20;

/// Node ids of dora modules contain '.', never '/': they are fit for a file name.
fn name_of(stage: &str) -> String {
    format!("{}.json", stage.replace('/', "_"))
}

/// The file `<folder>/<node>.json` of one stage.
#[derive(Debug)]
pub struct StatsFile {
    place: PathBuf,
    name: String,
    /// None until the disk has room for the claim.
    claimed: OnceLock<Folder>,
}

impl StatsFile {
    /// The file of the node `stage` in `folder`, which is created. Where the disk is full, that is
    /// tried again with each report.
    ///
    /// # Errors
    /// If the folder cannot be created, or has such a file that camweave did not write.
    pub fn open(folder: &Path, stage: &str) -> Result<Self, StatsError> {
        let file = Self {
            place: folder.to_owned(),
            name: name_of(stage),
            claimed: OnceLock::new(),
        };
        match file.folder() {
            Err(error) if error.is_full() => {
                warn!("{error}; the counters of '{stage}' will be written when there is space");
            }
            opened => drop(opened?),
        }
        Ok(file)
    }

    /// The folder, once the file's name is claimed in it.
    fn folder(&self) -> Result<&Folder, camweave_outdir::Error> {
        if let Some(folder) = self.claimed.get() {
            return Ok(folder);
        }
        let folder = Folder::open(&self.place)?;
        folder.claim(&self.name)?;
        Ok(self.claimed.get_or_init(|| folder))
    }

    fn path(&self) -> PathBuf {
        self.place.join(&self.name)
    }

    /// The report of the process that ran this node before in `run`, if it left one.
    #[must_use]
    pub fn earlier(&self, run: &str) -> Option<StageReport> {
        self.claimed.get()?;
        read_report(&self.path())
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
        let folder = self.folder()?;
        let path = ledger::path(folder.path(), &identity.stage);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        folder.claim(&name)?;
        Ledger::open(folder.path(), &identity.stage, &identity.run)
    }

    /// Replaces the file in one step, so that a reader never sees half a report.
    ///
    /// # Errors
    /// If the folder is not writable or the disk is full.
    pub fn write(&self, report: &StageReport) -> Result<(), StatsError> {
        let path = self.folder()?.path().join(&self.name);
        let json = serde_json::to_vec(report).map_err(|source| StatsError::Json {
            path: path.clone(),
            source,
        })?;
        replace_in_room(&path, &json, FILE_MODE).map_err(|source| StatsError::Io {
            action: "write",
            path,
            source,
        })
    }
}

/// The report of the node `stage` in `run`, if there is one. Its counts are those of its last
/// writing.
#[must_use]
pub fn report_of(folder: &Path, stage: &str, run: &str) -> Option<StageReport> {
    let report = read_report(&folder.join(name_of(stage))).ok();
    report.filter(|report| report.run == run)
}

fn read_report(path: &Path) -> Result<StageReport, StatsError> {
    let text = read_bounded(path, MAX_BYTES).map_err(|source| StatsError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| StatsError::Json {
        path: path.to_owned(),
        source,
    })
}

/// The reports of all stages of the newest run in `folder`, by node id: the run of which a report
/// was written last, unless only a process that has outlived its run writes. Whatever else is
/// there is no report.
///
/// # Errors
/// If the folder cannot be listed.
pub fn read_reports(folder: &Path) -> Result<Vec<StageReport>, StatsError> {
    let reports = read_all(folder)?;
    let run = newest(&reports).to_owned();
    Ok(of_run(folder, reports, &run))
}

/// The reports of all stages of `run` in `folder`, by node id. Whatever else is there, also of
/// another version, is not this run's.
///
/// # Errors
/// If the folder cannot be listed.
pub fn read_reports_of(folder: &Path, run: &str) -> Result<Vec<StageReport>, StatsError> {
    Ok(of_run(folder, read_all(folder)?, run))
}

fn of_run(folder: &Path, mut reports: Vec<StageReport>, run: &str) -> Vec<StageReport> {
    reports.retain(|report| report.run == run);
    complete(folder, &mut reports);
    reports
}

/// dora's ids of runs begin with the time of their start, so a later run has the greater one.
/// Others have no order but that of their reports.
fn newest(reports: &[StageReport]) -> &str {
    let is_ordered = |run: &str| run.len() == 36 && run.as_bytes()[14] == b'7';
    let order = |report: &&StageReport| {
        let run = report.run.as_str();
        (
            is_ordered(run).then(|| run.to_owned()),
            report.updated_unix_nanos,
        )
    };
    reports.iter().max_by_key(order).map_or("", |it| &it.run)
}

/// The processes of the nodes that take rows from `stage` in `run`, as their reports say.
///
/// # Errors
/// If the folder cannot be listed.
pub fn receivers_of(folder: &Path, stage: &str, run: &str) -> Result<Vec<u32>, StatsError> {
    let reports = read_all(folder)?.into_iter();
    let takes =
        |report: &StageReport| report.run == run && report.takes.iter().any(|it| it == stage);
    Ok(reports.filter(takes).map(|it| it.process_id).collect())
}

/// All reports. What camweave has not written is not looked at; what is no report, also of another
/// version, hides none of the others.
fn read_all(folder: &Path) -> Result<Vec<StageReport>, StatsError> {
    let names = Folder::own_files(folder)?.into_iter();
    let names = names.filter(|name| name.ends_with(".json"));
    let reports = names.filter_map(|name| read_report(&folder.join(name)).ok());
    Ok(reports.collect())
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
    use std::fs;

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
    fn what_is_no_report_hides_none_and_is_not_waited_for() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| place.path().join(name);
        let file = StatsFile::open(place.path(), "decode").expect("writable");
        let counters = file.count(identity("decode", "1", &[])).expect("nobody's");
        file.write(&counters.report()).expect("writable");
        // Of the user's.
        fs::write(path("notes.json"), "notes").expect("writable");
        // A reader would wait for its other end indefinitely.
        rustix::fs::mkfifoat(rustix::fs::CWD, path("x.json"), 0o600.into()).expect("a FIFO");
        // Listed, but of another version, too large, or not what camweave writes.
        let folder = Folder::open(place.path()).expect("a folder");
        fs::write(folder.claim("old.json").expect("free"), "{").expect("writable");
        let large = fs::File::create(folder.claim("large.json").expect("free"));
        large
            .expect("writable")
            .set_len(1 << 40)
            .expect("sparse files");
        folder.claim("fifo.json").expect("free");
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo.json"), 0o600.into()).expect("a FIFO");
        for reports in [
            read_reports(place.path()).expect("reports"),
            read_reports_of(place.path(), "1").expect("reports"),
        ] {
            let stages: Vec<&str> = reports.iter().map(|it| &*it.stage).collect();
            assert_eq!(stages, ["decode"]);
        }
        let error = StatsFile::open(place.path(), "notes").expect_err("theirs");
        assert!(error.is_configuration(), "{error}");
    }

    #[test]
    fn the_run_is_the_one_that_was_started_last() {
        let [first, second] = [
            "0198c1a2-0000-7000-8000-000000000001",
            "0198c1a3-0000-7000-8000-000000000000",
        ];
        let report = |run: &str, updated_unix_nanos| StageReport {
            run: run.to_owned(),
            updated_unix_nanos,
            ..StageReport::default()
        };
        // A process of the first has outlived its run and still writes; or the clock was set back.
        assert_eq!(newest(&[report(first, 9), report(second, 5)]), second);
        assert_eq!(newest(&[report("a", 9), report("b", 5)]), "a");
        assert_eq!(newest(&[]), "");
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
