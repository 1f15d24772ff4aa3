//! What the page shows beside video, once a second: cameras, the graph, the last hour.

mod cameras;
mod graph;
mod history;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use camweave_stage::telemetry::{StageReport, clock, read_reports_of};
use camweave_stage::{Context, StageError};
use serde::Serialize;
use tokio::sync::watch;
use tracing::warn;

use crate::events::{Count, Events};
use crate::hub::{Measured, Shared};
use crate::viewers::Viewers;
use cameras::CameraState;
use graph::{Bottleneck, Node, Rates};
use history::{Built, History, Point, Steps};

/// How often the state is made.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
struct GraphState {
    nodes: Vec<Node>,
    bottleneck: Option<Bottleneck>,
}

#[derive(Debug, Serialize)]
struct State {
    #[serde(rename = "type")]
    is: &'static str,
    now_unix_ms: i64,
    run: String,
    cameras: Vec<CameraState>,
    graph: GraphState,
    /// What rules have counted.
    counts: Vec<Count>,
    viewers: usize,
    warnings: Vec<String>,
}

/// What the server gives out.
#[derive(Clone)]
pub(crate) struct Published {
    pub events: Arc<Events>,
    /// The latest state, as JSON.
    pub state: watch::Receiver<Arc<str>>,
    history: watch::Receiver<Built>,
}

impl Published {
    /// The answer to `GET /api/history`, of all cameras or of one.
    pub fn history(&self, camera: Option<&str>) -> Bytes {
        let built = self.history.borrow().clone();
        camera.map_or_else(|| built.all(), |id| built.of(id))
    }
}

/// Makes the state on a thread of its own: reading the nodes' counters may take a while, and the
/// hub does not wait.
///
/// # Errors
/// No thread can be started.
pub(crate) fn publish(
    context: &Context,
    measured: Shared,
    viewers: Arc<Viewers>,
    events: Arc<Events>,
) -> Result<Published, StageError> {
    let (sender, state) = watch::channel(Arc::from("null"));
    let past = History::default();
    let (built, history) = watch::channel(past.built());
    let published = Published {
        events: Arc::clone(&events),
        state,
        history,
    };
    let mut maker = Maker {
        context: context.clone(),
        measured,
        viewers,
        events,
        rates: Rates::default(),
        history: past,
        built,
        steps: Steps::default(),
        counted: Instant::now(),
        totals: BTreeMap::new(),
    };
    let work = move || {
        while !maker.context.stopping() {
            let text = maker.make();
            if sender.send(Arc::from(text)).is_err() {
                return;
            }
            std::thread::sleep(EVERY);
        }
    };
    std::thread::Builder::new()
        .name("state".to_owned())
        .spawn(work)
        .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
    Ok(published)
}

struct Maker {
    context: Context,
    measured: Shared,
    viewers: Arc<Viewers>,
    events: Arc<Events>,
    rates: Rates,
    history: History,
    built: watch::Sender<Built>,
    steps: Steps,
    /// When the last step's values were taken.
    counted: Instant,
    /// Access units and drops of each camera at that time.
    totals: BTreeMap<Arc<str>, (u64, u64)>,
}

impl Maker {
    fn make(&mut self) -> String {
        let own = self.context.counters.report();
        let now = Instant::now();
        let read = read_reports_of(&self.context.stats_dir, &own.run);
        let mut reports = read.unwrap_or_else(|error| {
            warn!("the nodes' reports cannot be read: {error}");
            Vec::new()
        });
        // Its own is newer than the one in its file.
        reports.retain(|report| report.stage != own.stage);
        let shared = self.measured.lock();
        let measured = shared.unwrap_or_else(PoisonError::into_inner).clone();
        let upstream = cameras::upstream(&own, &reports);
        let states = cameras::states(&own, &upstream, &measured, clock::unix_nanos());
        let mut warnings = warnings(&reports);
        warnings.extend(too_late(&measured));
        self.remember(&states, &measured, now);
        reports.push(own);
        let graph = self.rates.graph(&reports, now);
        let state = State {
            is: "state",
            now_unix_ms: clock::unix_nanos() / 1_000_000,
            run: reports
                .last()
                .map(|own| own.run.clone())
                .unwrap_or_default(),
            cameras: states,
            graph: GraphState {
                nodes: graph.nodes,
                bottleneck: graph.bottleneck,
            },
            counts: self.events.counts(),
            viewers: self.viewers.count(),
            warnings,
        };
        serde_json::to_string(&state).unwrap_or_default()
    }

    /// Adds a step to the history where one has ended.
    fn remember(
        &mut self,
        states: &[CameraState],
        measured: &BTreeMap<Arc<str>, Measured>,
        now: Instant,
    ) {
        let is_first = self.totals.is_empty();
        let ended = self.steps.ended(now);
        if ended == 0 && !is_first {
            return;
        }
        let seconds = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        let (mut step, mut totals) = (BTreeMap::new(), BTreeMap::new());
        for state in states {
            let units = measured.get(&state.id).map_or(0, |it| it.units);
            let dropped = state.dropped_in_all();
            let before = self.totals.get(&state.id).copied();
            let (units_before, dropped_before) = before.unwrap_or((units, dropped));
            let added = units.saturating_sub(units_before) as f64;
            let point = Point {
                fps: (added / seconds.max(1.0) * 10.0).round() as f32 / 10.0,
                latency_ms: state.latency_ms.map(|it| it.p50),
                dropped: dropped.saturating_sub(dropped_before),
            };
            step.insert(Arc::clone(&state.id), point);
            totals.insert(Arc::clone(&state.id), (units, dropped));
        }
        self.totals = totals;
        if !is_first {
            self.history.skip(ended - 1);
            self.history.push(step, clock::unix_nanos() / 1_000_000);
            self.built.send_replace(self.history.built());
        }
    }
}

/// What the operator should know of the nodes.
fn warnings(reports: &[StageReport]) -> Vec<String> {
    let mut warnings = Vec::new();
    for report in reports {
        let stage = &report.stage;
        if let Some(fatal) = &report.fatal {
            warnings.push(format!("node '{stage}' cannot run: {fatal}"));
        } else if !report.ready && !report.closed {
            warnings.push(format!("node '{stage}' is being opened"));
        }
        if report.starts > 1 {
            let times = report.starts - 1;
            warnings.push(format!("node '{stage}' was started again {times} times"));
        }
        for (output, count) in &report.not_written {
            warnings.push(format!("node '{stage}' could not write {count} {output}"));
        }
    }
    warnings
}

/// What to do about frames that are shown without boxes.
fn too_late(measured: &BTreeMap<Arc<str>, Measured>) -> Option<String> {
    let count = measured.values().filter(|it| it.is_too_late).count();
    (count > 0).then(|| {
        format!(
            "the detections of {count} cameras take longer than WAIT_AT_MOST_MS of this node: most of their frames are shown without boxes"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_whose_boxes_come_too_late_are_a_warning() {
        let late = Measured {
            is_too_late: true,
            ..Measured::default()
        };
        let mut measured = BTreeMap::from([(Arc::from("gate"), Measured::default())]);
        assert_eq!(too_late(&measured), None);
        measured.insert(Arc::from("yard"), late);
        assert!(too_late(&measured).is_some_and(|it| it.contains("of 1 cameras")));
    }

    #[test]
    fn a_node_that_is_not_well_is_a_warning() {
        let well = StageReport {
            stage: "decode".to_owned(),
            starts: 1,
            ready: true,
            ..StageReport::default()
        };
        assert_eq!(warnings(std::slice::from_ref(&well)), Vec::<String>::new());
        let again = StageReport {
            starts: 3,
            ..well.clone()
        };
        assert_eq!(
            warnings(&[again]),
            ["node 'decode' was started again 2 times"]
        );
        let failed = StageReport {
            fatal: Some("no model".to_owned()),
            closed: true,
            ..well
        };
        assert_eq!(warnings(&[failed]), ["node 'decode' cannot run: no model"]);
    }
}
