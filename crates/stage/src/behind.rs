//! Whether the stages behind a source can take what it sends.
//!
//! A stage may take seconds to open (an engine is loaded, or built), and dora lets a source begin
//! meanwhile: what it sent then would wait, and be dropped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_telemetry::{read_reports_of, report_of};
use dora_node_api::DoraNode;

/// A node that has no report so long after the start of this one has none at all: it is no node
/// of camweave, or runs on another machine.
const REPORTED_WITHIN: Duration = Duration::from_millis(500);

/// The nodes that what a source sends comes to, at once or over others.
#[derive(Debug)]
pub struct Behind {
    nodes: BTreeSet<String>,
    folder: PathBuf,
    run: String,
    since: Instant,
}

impl Behind {
    /// The nodes behind `node`, as the graph says. Python nodes have no report.
    pub(crate) fn of(node: &DoraNode, folder: &Path) -> Self {
        let (mut edges, mut without_report) = (Vec::new(), Vec::new());
        let descriptor = node.dataflow_descriptor();
        for taker in descriptor.iter().flat_map(|it| &it.nodes) {
            let program = taker.path.as_deref().map(Path::new);
            if program.is_none_or(|it| it.extension().is_some_and(|it| it == "py")) {
                without_report.push(taker.id.to_string());
            }
            for input in taker.inputs.values() {
                let mapping = input.mapping.to_string();
                if let Some((giver, _)) = mapping.split_once('/') {
                    edges.push((giver.to_owned(), taker.id.to_string()));
                }
            }
        }
        let mut nodes = reachable(node.id().as_ref(), &edges);
        nodes.retain(|it| !without_report.contains(it));
        Self {
            nodes,
            folder: folder.to_owned(),
            run: node.dataflow_id().to_string(),
            since: Instant::now(),
        }
    }

    /// Those that are still being opened. A node that cannot be opened, or whose process is gone,
    /// is not waited for.
    pub(crate) fn opening(&self) -> Vec<&str> {
        let is_opening = |node: &&String| match report_of(&self.folder, node, &self.run) {
            None => self.since.elapsed() < REPORTED_WITHIN,
            Some(report) => {
                let process = format!("/proc/{}", report.process_id);
                !report.ready && !report.closed && Path::new(&process).exists()
            }
        };
        let opening = self.nodes.iter().filter(is_opening);
        opening.map(String::as_str).collect()
    }
}

impl Behind {
    /// The cameras of which the stages that take `stage`'s rows have sent something on; `None` where
    /// no stage reports.
    pub(crate) fn served(&self, stage: &str) -> Option<BTreeSet<String>> {
        let mut reports = read_reports_of(&self.folder, &self.run).ok()?;
        reports.retain(|report| report.takes.iter().any(|it| it == stage));
        if reports.is_empty() {
            return None;
        }
        let cameras = reports.into_iter().flat_map(|it| it.cameras);
        let served = cameras.filter(|(_, it)| it.sent > 0);
        Some(served.map(|(camera, _)| camera).collect())
    }
}

/// All nodes that are reached from `from`, itself not among them; an edge is (giver, taker).
fn reachable(from: &str, edges: &[(String, String)]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(giver) = next.pop() {
        for (_, taker) in edges.iter().filter(|(it, _)| it == giver) {
            if taker != from && reached.insert(taker.clone()) {
                next.push(taker);
            }
        }
    }
    reached
}

#[cfg(test)]
pub(crate) mod tests {
    use camweave_telemetry::{StageReport, StatsFile};

    use super::*;

    impl Behind {
        /// The one node `stage` of the run ''.
        pub(crate) fn one(folder: &Path, stage: &str) -> Self {
            Self {
                nodes: BTreeSet::from([stage.to_owned()]),
                folder: folder.to_owned(),
                run: String::new(),
                since: Instant::now(),
            }
        }
    }

    #[test]
    fn a_camera_is_served_when_something_of_it_was_sent_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Behind::one(folder.path(), "decode");
        assert_eq!(behind.served("source"), None, "nobody says so");
        let write = |stage: &str, takes: &str, cameras: &[(&str, u64, u64)]| {
            let file = StatsFile::open(folder.path(), stage).expect("a folder");
            let mut report = StageReport {
                stage: stage.to_owned(),
                takes: vec![takes.to_owned()],
                ..StageReport::default()
            };
            for (camera, sent, dropped) in cameras {
                let camera = report.cameras.entry((*camera).to_owned()).or_default();
                camera.received = 5;
                camera.sent = *sent;
                camera
                    .dropped
                    .insert("before_keyframe".to_owned(), *dropped);
            }
            file.write(&report).expect("writable");
        };
        let cameras = [("a", 0, 0), ("b", 1, 0), ("c", 0, 2)];
        write("decode", "source", &cameras);
        write("detect", "decode", &[("a", 1, 0)]);
        let served = behind.served("source").expect("the decoder says so");
        assert_eq!(served.into_iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn all_that_takes_from_a_source_is_behind_it_and_the_source_is_not() {
        let edges = [
            ("camera", "decode"),
            ("decode", "detect"),
            ("detect", "nms"),
            ("nms", "camera"),
            ("nms", "sink"),
            ("other", "detect"),
            ("other", "aside"),
        ];
        let edges = edges.map(|(giver, taker)| (giver.to_owned(), taker.to_owned()));
        let behind: Vec<_> = reachable("camera", &edges).into_iter().collect();
        assert_eq!(behind, ["decode", "detect", "nms", "sink"]);
        assert!(reachable("sink", &edges).is_empty());
    }

    #[test]
    fn a_node_is_waited_for_until_it_is_ready_has_failed_or_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StatsFile::open(folder.path(), "detect").expect("a folder");
        let mut behind = Behind::one(folder.path(), "detect");
        let write = |change: &dyn Fn(&mut StageReport)| {
            let mut report = StageReport {
                stage: "detect".to_owned(),
                process_id: std::process::id(),
                ..StageReport::default()
            };
            change(&mut report);
            file.write(&report).expect("writable");
        };
        assert_eq!(behind.opening(), ["detect"], "it may be about to report");
        behind.since -= REPORTED_WITHIN;
        assert!(behind.opening().is_empty(), "it reports nothing");
        write(&|_| {});
        assert_eq!(behind.opening(), ["detect"]);
        write(&|report| report.ready = true);
        assert!(behind.opening().is_empty(), "it is ready");
        write(&|report| report.closed = true);
        assert!(behind.opening().is_empty(), "it cannot be opened");
        write(&|report| report.process_id = u32::MAX);
        assert!(behind.opening().is_empty(), "its process is gone");
        write(&|report| report.run = "another".to_owned());
        assert!(behind.opening().is_empty(), "of another run");
    }
}
