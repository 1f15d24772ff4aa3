//! What a stage counts while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::unix_nanos;
use crate::ledger::{Cell, Entry, Ledger, Tally};
use crate::{CameraCounters, Fact, Histogram, Spans, StageIdentity, StageReport};

/// Cameras that a stage counts apart. Further ids share the entry [`OTHERS`], so that no sender
/// can fill the memory with ids.
pub const MAX_CAMERAS: usize = 4096;
/// Bytes of an id that is counted apart; longer ones, which no `cameras.yml` can have, share the
/// entry [`OTHERS`].
const ID_BYTES: usize = 128;
/// Where cameras beyond [`MAX_CAMERAS`] are counted; no camera can have this id.
pub const OTHERS: &str = "(others)";

/// What is counted of one camera, with the cells that keep its counts of frames.
#[derive(Debug, Default)]
struct Camera {
    counters: CameraCounters,
    received: Option<Cell>,
    sent: Option<Cell>,
    lost: Option<Cell>,
    dropped: BTreeMap<String, Cell>,
}

impl Camera {
    fn of(counters: CameraCounters) -> Self {
        Self {
            counters,
            ..Self::default()
        }
    }

    fn total(&mut self, tally: Tally<'_>) -> &mut u64 {
        let counters = &mut self.counters;
        match tally {
            Tally::Received => &mut counters.received,
            Tally::Sent => &mut counters.sent,
            Tally::Lost => &mut counters.lost,
            Tally::Dropped(reason) => entry(&mut counters.dropped, reason),
        }
    }

    fn cell(&self, tally: Tally<'_>) -> Option<&Cell> {
        match tally {
            Tally::Received => self.received.as_ref(),
            Tally::Sent => self.sent.as_ref(),
            Tally::Lost => self.lost.as_ref(),
            Tally::Dropped(reason) => self.dropped.get(reason),
        }
    }

    fn keep(&mut self, tally: Tally<'_>, cell: Cell) {
        match tally {
            Tally::Received => self.received = Some(cell),
            Tally::Sent => self.sent = Some(cell),
            Tally::Lost => self.lost = Some(cell),
            Tally::Dropped(reason) => {
                self.dropped.insert(reason.to_owned(), cell);
            }
        }
    }
}

#[derive(Debug)]
struct State {
    /// All but the cameras.
    report: StageReport,
    cameras: BTreeMap<String, Camera>,
    ledger: Option<Ledger>,
    times: Histogram,
    changed: bool,
}

impl State {
    /// The camera's entry, or the one that it shares with others, with its id.
    fn camera<'a>(
        cameras: &'a mut BTreeMap<String, Camera>,
        id: &'a str,
    ) -> Option<(&'a str, &'a mut Camera)> {
        if cameras.contains_key(id) {
            return cameras.get_mut(id).map(|camera| (id, camera));
        }
        let is_apart = id.len() <= ID_BYTES && cameras.len() < MAX_CAMERAS;
        let id = if is_apart { id } else { OTHERS };
        Some((id, cameras.entry(id.to_owned()).or_default()))
    }

    fn count(&mut self, id: &str, tally: Tally<'_>, count: u64) {
        self.changed = true;
        let Some((id, camera)) = Self::camera(&mut self.cameras, id) else {
            return;
        };
        let total = camera.total(tally);
        *total += count;
        let total = *total;
        if let Some(cell) = camera.cell(tally) {
            cell.store(total);
        } else if let Some(cell) = self
            .ledger
            .as_mut()
            .and_then(|ledger| ledger.cell(id, tally, total))
        {
            camera.keep(tally, cell);
        }
    }

    /// Puts what came in and has not come out under `tally`.
    fn settle(&mut self, tally: Tally<'_>) {
        let inside = self.cameras.iter();
        let inside: Vec<(String, u64)> = inside
            .map(|(id, camera)| (id.clone(), camera.counters.inside()))
            .filter(|(_, inside)| *inside > 0)
            .collect();
        for (id, inside) in inside {
            self.count(&id, tally, inside);
        }
    }
}

/// A stage's counters; clones share them.
#[derive(Debug, Clone)]
pub struct Counters {
    state: Arc<Mutex<State>>,
    spans: Spans,
}

impl Counters {
    /// Begins to count for the node `stage`, outside of a graph. `earlier` is the report of the
    /// process that ran the same node before, whose counts go on.
    #[must_use]
    pub fn new(stage: &str, kind: &str, earlier: Option<StageReport>) -> Self {
        let identity = StageIdentity {
            stage: stage.to_owned(),
            kind: kind.to_owned(),
            ..StageIdentity::default()
        };
        Self::resume(identity, earlier, None)
    }

    /// Begins to count for a stage. `earlier` is the report of the process that ran the same node
    /// before in the same run, and `ledger` what it counted to its last moment; its counts go on,
    /// and what was inside of it is lost.
    pub(crate) fn resume(
        identity: StageIdentity,
        earlier: Option<StageReport>,
        ledger: Option<Ledger>,
    ) -> Self {
        let mut report = earlier.unwrap_or_default();
        let StageIdentity {
            stage,
            kind,
            run,
            takes,
            gives,
        } = identity;
        (report.stage, report.kind, report.run) = (stage, kind, run);
        (report.takes, report.gives) = (takes, gives);
        report.process_id = std::process::id();
        report.starts += 1;
        report.ready = false;
        report.closed = false;
        report.stopped = false;
        report.fatal = None;
        let cameras = std::mem::take(&mut report.cameras);
        let cameras = cameras.into_iter();
        let mut state = State {
            report,
            cameras: cameras
                .map(|(id, counters)| (id, Camera::of(counters)))
                .collect(),
            times: Histogram::default(),
            changed: true,
            ledger: None,
        };
        if let Some(ledger) = ledger {
            for (entry, cell) in ledger.entries() {
                let Some(tally) = entry.tally() else { continue };
                let camera = state.cameras.entry(entry.camera.clone()).or_default();
                let total = camera.total(tally);
                *total = entry.count.max(*total);
                cell.store(*total);
                camera.keep(tally, cell);
            }
            state.ledger = Some(ledger);
        }
        state.settle(Tally::Lost);
        Self {
            state: Arc::new(Mutex::new(state)),
            spans: Spans::default(),
        }
    }

    /// The same counters with the stage's spans: what they come to stands in the report, and
    /// drops show in the trace.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Self {
        Self { spans, ..self }
    }

    /// The stage's spans.
    #[must_use]
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere does not make a count wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, camera: &str, tally: Tally<'_>, count: u64) {
        self.state().count(camera, tally, count);
    }

    fn camera(&self, camera: &str, change: impl FnOnce(&mut CameraCounters)) {
        let mut state = self.state();
        state.changed = true;
        if let Some((_, camera)) = State::camera(&mut state.cameras, camera) {
            change(&mut camera.counters);
        }
    }

    /// Makes the camera known, so that it shows before its first frame.
    pub fn register(&self, camera: &str) {
        self.camera(camera, |_| {});
    }

    /// Counts a row that came in.
    pub fn received(&self, camera: &str) {
        self.count(camera, Tally::Received, 1);
    }

    /// Counts a row that was sent on, and the time it spent in the stage.
    pub fn sent(&self, camera: &str, nanos: i64) {
        let mut state = self.state();
        state.count(camera, Tally::Sent, 1);
        state.times.record(nanos);
    }

    /// Counts `count` rows dropped for `reason`.
    pub fn dropped(&self, camera: &str, reason: &str, count: u64) {
        if count > 0 {
            self.count(camera, Tally::Dropped(reason), count);
            self.spans.dropped(camera, reason, count);
        }
    }

    /// Counts `count` frames that a camera sent and that never came, dropped for `reason`: what
    /// the network lost. They count as received, too.
    pub fn missed(&self, camera: &str, reason: &str, count: u64) {
        if count > 0 {
            let mut state = self.state();
            state.count(camera, Tally::Received, count);
            state.count(camera, Tally::Dropped(reason), count);
            drop(state);
            self.spans.dropped(camera, reason, count);
        }
    }

    /// Counts all rows that came in and have not come out as dropped for `reason`: the stage has
    /// ended, and nothing more comes out of it.
    pub fn settle(&self, reason: &str) {
        self.state().settle(Tally::Dropped(reason));
    }

    /// Notes that the graph was stopped while its sources still sent.
    pub fn stopped(&self) {
        let mut state = self.state();
        state.changed = true;
        state.report.stopped = true;
    }

    /// Counts an error of `kind` of one camera.
    pub fn error(&self, camera: &str, kind: &str) {
        self.camera(camera, |counters| *entry(&mut counters.errors, kind) += 1);
    }

    /// Counts an error of `kind` that belongs to no camera.
    pub fn stage_error(&self, kind: &str) {
        let mut state = self.state();
        state.changed = true;
        *entry(&mut state.report.errors, kind) += 1;
    }

    /// Counts `count` results of an output that could not be written.
    pub fn not_written(&self, output: &str, count: u64) {
        if count > 0 {
            let mut state = self.state();
            state.changed = true;
            *entry(&mut state.report.not_written, output) += count;
        }
    }

    /// Says what state a camera is in; returns whether that is news.
    pub fn camera_state(&self, camera: &str, text: &str) -> bool {
        self.camera_state_with(camera, text, None)
    }

    /// The same with what happened, in a line without credentials.
    pub fn camera_state_with(&self, camera: &str, text: &str, detail: Option<&str>) -> bool {
        let mut news = false;
        self.camera(camera, |counters| {
            news = counters.state.as_deref() != Some(text);
            if news {
                counters.state_since_unix_nanos = Some(unix_nanos());
            }
            counters.state = Some(text.to_owned());
            counters.state_detail = detail.map(str::to_owned);
        });
        news
    }

    /// Notes a fact about the stage.
    pub fn fact(&self, fact: &Fact, value: &str) {
        self.note(fact.name.to_owned(), value);
    }

    /// Notes a fact about one camera.
    pub fn camera_fact(&self, camera: &str, fact: &Fact, value: &str) {
        self.note(fact.of_camera(camera), value);
    }

    /// Takes back a fact about one camera.
    pub fn forget_camera_fact(&self, camera: &str, fact: &Fact) {
        let mut state = self.state();
        let gone = state.report.facts.remove(&fact.of_camera(camera));
        state.changed |= gone.is_some();
    }

    fn note(&self, name: String, value: &str) {
        let mut state = self.state();
        state.changed = true;
        state.report.facts.insert(name, value.to_owned());
    }

    /// Notes that the stage is open.
    pub fn ready(&self) {
        let mut state = self.state();
        state.changed = true;
        state.report.ready = true;
    }

    /// Notes that the stage ends, and why if it failed.
    pub fn closing(&self, fatal: Option<&str>) {
        let mut state = self.state();
        state.changed = true;
        state.report.closed = true;
        state.report.fatal = fatal.map(str::to_owned);
    }

    /// The counters as they are now.
    #[must_use]
    pub fn report(&self) -> StageReport {
        let state = self.state();
        let mut report = state.report.clone();
        let cameras = state.cameras.iter();
        report.cameras = cameras
            .map(|(id, camera)| (id.clone(), camera.counters.clone()))
            .collect();
        report.updated_unix_nanos = unix_nanos();
        report.stage_ms = state.times.percentiles();
        drop(state);
        report.spans = self.spans.summaries();
        report.gpu_spans = self.spans.device_summaries();
        report.spans_lost = self.spans.lost();
        report
    }

    /// As [`Counters::report`], or `None` where nothing changed since the last call.
    #[must_use]
    pub fn changed_report(&self) -> Option<StageReport> {
        if !std::mem::take(&mut self.state().changed) {
            return None;
        }
        Some(self.report())
    }
}

impl StageReport {
    /// Brings the counts up to what the stage's ledger says.
    pub(crate) fn complete(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let Some(tally) = entry.tally() else { continue };
            let counters = self.cameras.entry(entry.camera.clone()).or_default();
            let mut camera = Camera::of(std::mem::take(counters));
            let total = camera.total(tally);
            *total = entry.count.max(*total);
            *counters = camera.counters;
        }
    }
}

fn entry<'a>(counts: &'a mut BTreeMap<String, u64>, key: &str) -> &'a mut u64 {
    counts.entry(key.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_after_a_restart() {
        let first = Counters::new("decode", "sw-decode", None);
        first.received("cam1");
        first.received("cam1");
        first.sent("cam1", 2_000_000);
        first.dropped("cam1", "expired", 3);
        first.dropped("cam1", "never", 0);
        let second = Counters::new("decode", "sw-decode", Some(first.report()));
        second.received("cam1");
        second.dropped("cam1", "expired", 1);
        let report = second.report();
        assert_eq!(report.starts, 2);
        let camera = &report.cameras["cam1"];
        assert_eq!((camera.received, camera.sent), (3, 1));
        assert_eq!(camera.dropped, BTreeMap::from([("expired".to_owned(), 4)]));
    }

    #[test]
    fn a_state_is_news_once() {
        let counters = Counters::new("source", "rtsp-source", None);
        assert!(counters.camera_state("cam1", "streaming"));
        assert!(!counters.camera_state("cam1", "streaming"));
        assert!(counters.camera_state("cam1", "offline: refused"));
        assert!(counters.changed_report().is_some());
        assert!(counters.changed_report().is_none());
    }

    #[test]
    fn a_state_has_its_beginning_and_the_latest_detail() {
        let counters = Counters::new("source", "rtsp-source", None);
        let seen = || counters.report().cameras["cam1"].clone();
        counters.camera_state_with("cam1", "offline: refused", Some("port 554"));
        let first = seen();
        assert!(first.state_since_unix_nanos.is_some());
        assert_eq!(first.state_detail.as_deref(), Some("port 554"));
        counters.camera_state_with("cam1", "offline: refused", Some("port 555"));
        assert_eq!(seen().state_since_unix_nanos, first.state_since_unix_nanos);
        assert_eq!(seen().state_detail.as_deref(), Some("port 555"));
        counters.camera_state("cam1", "streaming");
        assert_eq!(seen().state_detail, None);
    }

    #[test]
    fn what_was_inside_a_process_that_died_is_lost_once() {
        let first = Counters::new("infer", "cpu-infer", None);
        for _ in 0..10 {
            first.received("cam1");
        }
        first.sent("cam1", 0);
        first.dropped("cam1", "superseded", 3);
        let second = Counters::new("infer", "cpu-infer", Some(first.report()));
        assert_eq!(second.report().cameras["cam1"].lost, 6);
        second.received("cam1");
        let third = Counters::new("infer", "cpu-infer", Some(second.report()));
        third.received("cam1");
        third.settle("stopped");
        third.settle("stopped");
        let camera = &third.report().cameras["cam1"];
        assert_eq!((camera.lost, camera.dropped["stopped"]), (7, 1));
        assert_eq!(camera.inside(), 0);
    }

    #[test]
    fn ids_without_end_share_an_entry() {
        let counters = Counters::new("decode", "sw-decode", None);
        for number in 0..MAX_CAMERAS + 10 {
            counters.received(&format!("cam{number}"));
        }
        counters.received(&"x".repeat(1000));
        counters.received("cam1");
        let report = counters.report();
        assert_eq!(report.cameras.len(), MAX_CAMERAS + 1);
        assert_eq!(report.cameras[OTHERS].received, 11);
        assert_eq!(report.cameras["cam1"].received, 2);
    }

    #[test]
    fn what_the_network_lost_was_sent_by_the_camera() {
        let counters = Counters::new("source", "rtsp-source", None);
        counters.missed("cam1", "lost_in_network", 3);
        counters.missed("cam1", "lost_in_network", 0);
        let camera = &counters.report().cameras["cam1"];
        assert_eq!((camera.received, camera.dropped_in_all()), (3, 3));
    }
}
