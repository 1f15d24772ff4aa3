//! Each camera's state.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camweave_message::Selection;
use camweave_stage::telemetry::StageReport;
use serde::Serialize;

use super::words::{State, words};
use crate::hub::Measured;

/// How the node's attributes name a camera's client.
const CLIENT: &str = "client";

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub p50: f32,
    pub p95: f32,
}

/// A camera, as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CameraState {
    pub id: Arc<str>,
    state: State,
    since_unix_ms: Option<i64>,
    why: Option<&'static str>,
    detail: Option<String>,
    todo: Option<Cow<'static, str>>,
    codec: Option<&'static str>,
    width: Option<u32>,
    height: Option<u32>,
    fps: f64,
    detected_fps: f64,
    pub latency_ms: Option<Latency>,
    received: u64,
    detected: u64,
    dropped: BTreeMap<String, u64>,
    lost: BTreeMap<String, u64>,
    not_selected: u64,
    client: Option<String>,
}

impl CameraState {
    /// Frames that did not come through, and should have.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().chain(self.lost.values()).sum()
    }
}

/// The stages whose rows come to this node, directly or over others.
pub(crate) fn upstream<'a>(own: &StageReport, reports: &'a [StageReport]) -> Vec<&'a StageReport> {
    let mut found: Vec<&StageReport> = Vec::new();
    let mut takes: Vec<&str> = own.takes.iter().map(String::as_str).collect();
    while let Some(name) = takes.pop() {
        for report in reports {
            let is_known = found.iter().any(|it| it.stage == report.stage);
            if report.gives == name && !is_known {
                takes.extend(report.takes.iter().map(String::as_str));
                found.push(report);
            }
        }
    }
    found
}

fn is_source(report: &StageReport) -> bool {
    report.kind.ends_with("-source")
}

/// All cameras of the stages upstream, by their ids.
pub(crate) fn states(
    own: &StageReport,
    upstream: &[&StageReport],
    measured: &BTreeMap<Arc<str>, Measured>,
    now_unix_nanos: i64,
) -> Vec<CameraState> {
    let of_reports = upstream.iter().flat_map(|report| report.cameras.keys());
    let mut ids: Vec<Arc<str>> = of_reports.map(|id| Arc::from(id.as_str())).collect();
    ids.extend(measured.keys().cloned());
    ids.sort_unstable();
    ids.dedup();
    let each = ids.into_iter();
    each.map(|id| state(id, own, upstream, measured, now_unix_nanos))
        .collect()
}

fn state(
    id: Arc<str>,
    own: &StageReport,
    upstream: &[&StageReport],
    measured: &BTreeMap<Arc<str>, Measured>,
    now_unix_nanos: i64,
) -> CameraState {
    let nothing = Measured {
        silent: Duration::MAX,
        ..Measured::default()
    };
    let measured = measured.get(&id).unwrap_or(&nothing);
    let (mut dropped, mut lost) = (BTreeMap::new(), BTreeMap::new());
    let (mut received, mut detected, mut not_selected) = (0, 0, 0);
    let (mut text, mut since, mut detail, mut client) = (None, None, None, None);
    for report in upstream {
        let Some(counters) = report.cameras.get(&*id) else {
            continue;
        };
        let stage = &report.stage;
        for (reason, count) in &counters.dropped {
            if reason == Selection::REASON {
                not_selected += count;
            } else {
                dropped.insert(format!("{stage}.{reason}"), *count);
            }
        }
        if counters.lost > 0 {
            lost.insert(stage.clone(), counters.lost);
        }
        if is_source(report) {
            received += counters.received;
            text = text.or(counters.state.as_deref());
            since = since.or(counters.state_since_unix_nanos);
            detail = detail.or_else(|| counters.state_detail.clone());
            let fact = report.facts.get(&format!("{CLIENT}.{id}"));
            client = client.or_else(|| fact.cloned());
        } else if own.takes.contains(&report.gives) {
            // A stage of events has counted the same frames as the one of detections before it.
            detected = counters.sent.max(detected);
        }
    }
    // A camera that has just begun to stream has not been silent before.
    let state_for = since.map(|since| now_unix_nanos.saturating_sub(since));
    let state_for = state_for.and_then(|it| u64::try_from(it).ok());
    let silent = state_for.map_or(measured.silent, |it| {
        measured.silent.min(Duration::from_nanos(it))
    });
    let words = words(text, silent);
    let is_live = words.state == State::Live;
    CameraState {
        state: words.state,
        since_unix_ms: since.map(|it| it / 1_000_000),
        why: words.why,
        detail,
        todo: words.todo,
        codec: measured.codec,
        width: measured.size.map(|(width, _)| width),
        height: measured.size.map(|(_, height)| height),
        fps: tenth(measured.fps),
        detected_fps: tenth(measured.detected_fps),
        latency_ms: (measured.latency_ms)
            .filter(|_| is_live)
            .map(|(p50, p95)| Latency {
                p50: p50.round(),
                p95: p95.round(),
            }),
        received,
        detected,
        dropped,
        lost,
        not_selected,
        client,
        id,
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(stage: &str, kind: &str, takes: &[&str]) -> StageReport {
        StageReport {
            stage: stage.to_owned(),
            kind: kind.to_owned(),
            takes: takes.iter().map(|it| (*it).to_owned()).collect(),
            gives: stage.to_owned(),
            ..StageReport::default()
        }
    }

    #[test]
    fn a_camera_is_what_all_stages_upstream_say() {
        let own = report("view", "dashboard", &["source", "track", "analytics"]);
        let mut source = report("source", "rtsp-source", &[]);
        let camera = source.cameras.entry("gate".to_owned()).or_default();
        camera.received = 100;
        camera.dropped = [("corrupt".to_owned(), 2)].into();
        camera.state = Some("streaming".to_owned());
        camera.state_since_unix_nanos = Some(5_000_000);
        source
            .facts
            .insert("client.gate".to_owned(), "ffmpeg".to_owned());
        let mut track = report("track", "tracker", &["source"]);
        let camera = track.cameras.entry("gate".to_owned()).or_default();
        camera.sent = 60;
        camera.lost = 3;
        camera.dropped = [("not_selected".to_owned(), 35)].into();
        let mut analytics = report("analytics", "analytics", &["track"]);
        let camera = analytics.cameras.entry("gate".to_owned()).or_default();
        camera.sent = 58;
        let mut sink = report("sink", "sink", &["track"]);
        let camera = sink.cameras.entry("gate".to_owned()).or_default();
        camera.dropped = [("not_written".to_owned(), 9)].into();
        let all = [source, track, analytics, sink];
        let upstream = upstream(&own, &all);
        assert_eq!(upstream.len(), 3, "the sink is beside this node");
        let gate = Measured {
            silent: Duration::ZERO,
            latency_ms: Some((80.0, 120.0)),
            ..Measured::default()
        };
        let measured = BTreeMap::from([(Arc::from("gate"), gate)]);
        let states = states(&own, &upstream, &measured, 6_000_000_000);
        let [gate] = &states[..] else {
            panic!("one camera: {states:?}");
        };
        assert_eq!(gate.state, State::Live);
        assert_eq!(gate.since_unix_ms, Some(5));
        assert_eq!(
            (gate.received, gate.detected, gate.not_selected),
            (100, 60, 35)
        );
        assert_eq!(gate.dropped, [("source.corrupt".to_owned(), 2)].into());
        assert_eq!(gate.lost, [("track".to_owned(), 3)].into());
        assert_eq!(gate.dropped_in_all(), 5);
        assert_eq!(gate.client.as_deref(), Some("ffmpeg"));
    }
}
