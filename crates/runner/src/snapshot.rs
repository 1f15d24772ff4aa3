//! The state of a run at one moment. What happened between two moments is their difference.

use std::collections::BTreeMap;
use std::path::Path;

use camweave_stage::message::Selection;
use camweave_telemetry::{StageReport, clock, read_reports};

use crate::cost::{self, CpuTime};

/// The state of a run.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When, by the wall clock.
    pub unix_nanos: i64,
    /// The nodes' counters.
    pub reports: Vec<StageReport>,
    /// CPU time by node, with the process that used it; `dora` is the daemon.
    pub cpu: BTreeMap<String, (u32, CpuTime)>,
    /// CPU time of all else that this process has started, and its own: simulated cameras, nodes of
    /// somebody else's, other graphs.
    pub beside: BTreeMap<u32, CpuTime>,
    /// CPU time of the whole machine.
    pub machine_nanos: i64,
}

impl Snapshot {
    /// Looks at the counters in `stats` and at the processes that wrote them.
    #[must_use]
    pub fn take(stats: &Path, dora: u32) -> Self {
        let reports = read_reports(stats).unwrap_or_default();
        let processes = reports
            .iter()
            .map(|report| (report.stage.clone(), report.process_id));
        // Stages that share a process share its cost: it stands at the first of them.
        let mut seen = Vec::new();
        let mut cpu = BTreeMap::new();
        for (node, process) in processes.chain([("dora".to_owned(), dora)]) {
            if seen.contains(&process) {
                continue;
            }
            seen.push(process);
            if let Some(time) = CpuTime::of(process) {
                cpu.insert(node, (process, time));
            }
        }
        Self {
            unix_nanos: clock::unix_nanos(),
            beside: BTreeMap::new(),
            reports,
            cpu,
            machine_nanos: cost::machine_nanos().unwrap_or_default(),
        }
    }

    /// As [`Snapshot::take`], with what all other processes of the measurement have used: for its
    /// begin and its end, since all processes of the machine are looked at for that.
    #[must_use]
    pub fn take_with_beside(stats: &Path, dora: u32) -> Self {
        let mut snapshot = Self::take(stats, dora);
        let graph: Vec<u32> = snapshot.cpu.values().map(|(process, _)| *process).collect();
        let family = cost::family(std::process::id()).into_iter();
        let beside = family.filter(|process| !graph.contains(process));
        let beside = beside.filter_map(|process| Some((process, CpuTime::of(process)?)));
        snapshot.beside = beside.collect();
        snapshot.machine_nanos = cost::machine_nanos().unwrap_or_default();
        snapshot
    }

    /// Milliseconds of CPU time by node since `earlier`; a node whose process is another one
    /// counts from that one's begin.
    #[must_use]
    pub fn cpu_ms_since(&self, earlier: &Self) -> BTreeMap<String, f64> {
        self.cpu
            .iter()
            .map(|(node, (process, time))| {
                let before = earlier
                    .cpu
                    .get(node)
                    .filter(|(then, _)| then == process)
                    .map_or(CpuTime::default(), |(_, time)| *time);
                (node.clone(), time.since(before) as f64 / 1e6)
            })
            .collect()
    }

    /// Cores that processes of others kept busy since `earlier`.
    #[must_use]
    pub fn other_cores_since(&self, earlier: &Self) -> f64 {
        let graph: f64 = self.cpu_ms_since(earlier).values().sum();
        let beside = self.beside.iter().map(|(process, time)| {
            let before = earlier.beside.get(process).copied().unwrap_or_default();
            time.since(before) as f64 / 1e6
        });
        let machine = (self.machine_nanos - earlier.machine_nanos) as f64 / 1e6;
        let wall = (self.unix_nanos - earlier.unix_nanos) as f64 / 1e6;
        ((machine - graph - beside.sum::<f64>()) / wall.max(1e-6)).max(0.0)
    }

    /// Dropped frames of all cameras since `earlier`, by `stage.reason`, and by camera.
    #[must_use]
    pub fn dropped_since(&self, earlier: &Self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let mut by_reason = BTreeMap::new();
        let mut by_camera = BTreeMap::new();
        let before = counts(&earlier.reports);
        for ((stage, camera, reason), count) in counts(&self.reports) {
            let key = (stage, camera, reason);
            let new = count.saturating_sub(before.get(&key).copied().unwrap_or(0));
            if new > 0 {
                let (stage, camera, reason) = key;
                *by_reason.entry(format!("{stage}.{reason}")).or_default() += new;
                *by_camera.entry(camera).or_default() += new;
            }
        }
        (by_reason, by_camera)
    }

    /// The first node that is not well: given up, started again since `earlier`, or dead.
    #[must_use]
    pub fn trouble_since(&self, earlier: &Self) -> Option<String> {
        for report in &self.reports {
            let node = &report.stage;
            if let Some(reason) = &report.fatal {
                return Some(format!("node '{node}' ended: {reason}"));
            }
            let before = earlier.reports.iter().find(|it| it.stage == *node);
            if before.is_some_and(|before| report.starts > before.starts) {
                return Some(format!("node '{node}' ended and was started again"));
            }
            if !report.closed && !cost::is_alive(report.process_id) {
                return Some(format!("node '{node}' died"));
            }
        }
        None
    }

    /// The first cameras that have reached no sink, with their states and why most of their frames
    /// were dropped, to go behind a line.
    #[must_use]
    pub fn silent(&self) -> String {
        const SHOWN: usize = 3;
        let detected = self.detected();
        let states = self.reports.iter().flat_map(|report| &report.cameras);
        let states = states.filter_map(|(id, camera)| Some((id, camera.state.as_deref()?)));
        let counts = counts(&self.reports);
        let most = |id: &str| {
            let of_camera = counts.iter().filter(|((_, camera, _), _)| camera == id);
            let most = of_camera.max_by_key(|(_, count)| **count);
            most.map_or(String::new(), |((stage, _, reason), count)| {
                format!(", {count} frames dropped as {stage}.{reason}")
            })
        };
        let silent: Vec<String> = states
            .filter(|(id, _)| detected.get(*id).is_none_or(|count| *count == 0))
            .take(SHOWN)
            .map(|(id, state)| format!("; {id}: {state}{}", most(id)))
            .collect();
        silent.concat()
    }

    /// Frames that have reached the sinks, by camera.
    #[must_use]
    pub fn detected(&self) -> BTreeMap<String, u64> {
        let mut detected = BTreeMap::new();
        for report in self.reports.iter().filter(|report| report.kind == "sink") {
            for (camera, counters) in &report.cameras {
                *detected.entry(camera.clone()).or_default() += counters.sent;
            }
        }
        detected
    }
}

type Counts = BTreeMap<(String, String, String), u64>;

fn counts(reports: &[StageReport]) -> Counts {
    let mut counts = Counts::new();
    for report in reports {
        for (camera, counters) in &report.cameras {
            // What the user does not want detected is no drop.
            let dropped = counters.dropped.iter();
            for (reason, count) in dropped.filter(|(reason, _)| *reason != Selection::REASON) {
                let key = (report.stage.clone(), camera.clone(), reason.clone());
                counts.insert(key, *count);
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use camweave_telemetry::Counters;

    use super::*;

    fn at(report: StageReport) -> Snapshot {
        Snapshot {
            reports: vec![report],
            ..Snapshot::default()
        }
    }

    #[test]
    fn drops_are_those_between_the_moments() {
        let counters = Counters::new("detect.infer", "cpu-infer", None);
        counters.dropped("a", "superseded", 3);
        let begin = at(counters.report());
        counters.dropped("a", "superseded", 2);
        counters.dropped("b", "expired", 1);
        counters.dropped("b", "not_selected", 9);
        let (by_reason, by_camera) = at(counters.report()).dropped_since(&begin);
        let expected = [("detect.infer.expired", 1), ("detect.infer.superseded", 2)];
        assert_eq!(by_reason, expected.map(|(k, v)| (k.to_owned(), v)).into());
        assert_eq!(
            by_camera,
            [("a", 2), ("b", 1)].map(|(k, v)| (k.to_owned(), v)).into()
        );
    }

    #[test]
    fn a_camera_that_delivers_nothing_is_named_with_the_reason() {
        let source = Counters::new("source", "rtsp-source", None);
        source.camera_state("a", "streaming");
        source.camera_state("b", "offline: refused");
        let decode = Counters::new("decode", "sw-decode", None);
        decode.dropped("a", "too_large", 9);
        decode.dropped("a", "before_keyframe", 2);
        let snapshot = Snapshot {
            reports: vec![source.report(), decode.report()],
            ..Snapshot::default()
        };
        assert_eq!(
            snapshot.silent(),
            "; a: streaming, 9 frames dropped as decode.too_large; b: offline: refused"
        );
        let sink = Counters::new("sink", "sink", None);
        sink.sent("a", 0);
        sink.sent("b", 0);
        let reports = vec![source.report(), sink.report()];
        let heard = Snapshot {
            reports,
            ..Snapshot::default()
        };
        assert_eq!(heard.silent(), "");
    }

    #[test]
    fn trouble_is_named() {
        let counters = Counters::new("track", "tracker", None);
        let begin = at(counters.report());
        assert_eq!(begin.trouble_since(&begin), None);
        let again = Counters::new("track", "tracker", Some(counters.report()));
        let told = at(again.report()).trouble_since(&begin);
        assert_eq!(
            told.as_deref(),
            Some("node 'track' ended and was started again")
        );
        counters.closing(Some("MODEL='x': no such file"));
        let told = at(counters.report()).trouble_since(&begin);
        assert_eq!(
            told.as_deref(),
            Some("node 'track' ended: MODEL='x': no such file")
        );
        let mut dead = begin.reports[0].clone();
        dead.process_id = u32::MAX;
        assert_eq!(
            at(dead).trouble_since(&begin).as_deref(),
            Some("node 'track' died")
        );
    }
}
