use std::fs;

use camweave_message::{Event, EventKind, EventPhase, Trace};
use camweave_recording::EventNote;
use camweave_testing::frame_id;
use serde_json::Value;

use super::*;
use crate::clips::testing::{Recordings, note};
use crate::clips::unwatched;
use crate::events::Query;

/// The events that pages get, the newest first.
fn shown(events: &Events) -> Vec<Value> {
    let found: Value = serde_json::from_str(&events.find(&Query::default())).expect("JSON");
    found["events"].as_array().expect("a list").clone()
}

fn ids(events: &Events) -> Vec<String> {
    let shown = shown(events);
    let ids = shown.iter().map(|it| it["event"].as_str().expect("an id"));
    ids.map(str::to_owned).collect()
}

fn look(watcher: &mut Watcher) {
    watcher.look(SystemTime::now(), || false);
}

fn began(event: &str, unix_ms: i64) -> EventNote {
    EventNote {
        began_unix_nanos: unix_ms * 1_000_000,
        ..note(event, 0.5)
    }
}

fn live(event: &str, phase: EventPhase) -> Event {
    Event {
        id: frame_id("gate", 0),
        trace: Trace::default(),
        event: Arc::from(event),
        phase,
        kind: EventKind::Presence,
        rule: Arc::from("yard"),
        direction: None,
        began_unix_nanos: 0,
        ended_unix_nanos: None,
        track_ids: Vec::new(),
        label: Arc::from("car"),
        score: 0.5,
        place: None,
        value: 1.0,
        entered: 9,
        left: 0,
    }
}

#[test]
fn a_start_fills_the_list_with_events_of_clips_below_those_that_have_come() {
    let recordings = Recordings::new();
    let day = 86_400_000;
    recordings.add("gate", 1000, b"", &[began("a", 1000), began("c", 3000)]);
    let clip = recordings.add("yard", 2000, b"", &[began("b", 2000), began("live", 2500)]);
    recordings.add("gate", day, b"", &[began("d", day)]);
    let events = Arc::new(Events::default());
    events.take(&live("live", EventPhase::New));
    let mut told = events.subscribe();
    let (clips, mut watcher) = unwatched(recordings.path(), &events);
    look(&mut watcher);
    assert_eq!(ids(&events), ["live", "d", "c", "b", "a"]);
    let shown = shown(&events);
    assert_eq!(
        (&shown[0]["label"], &shown[0]["phase"]),
        (&"car".into(), &"new".into())
    );
    assert_eq!(shown[0]["clip"]["name"], *clip);
    assert_eq!(shown[3]["clip"]["at"], 0.5);
    assert_eq!(
        (&shown[3]["phase"], &shown[3]["ended_unix_ms"]),
        (&"end".into(), &2000.into())
    );
    assert_eq!(clips.names().len(), 3);
    assert!(
        events.counts().iter().all(|it| it.entered == 9),
        "rules count by what comes"
    );
    assert_eq!(
        told.try_recv().as_deref(),
        Ok(r#"{"type":"events_missed"}"#)
    );
    assert_eq!(told.try_recv().as_deref(), Ok(r#"{"type":"clips"}"#));
    // Rows of an event that goes on count more than what a clip has of it.
    assert!(!events.take(&live("d", EventPhase::Update)));
    let d = &self::shown(&events)[1];
    assert_eq!(
        (&d["event"], &d["phase"], &d["label"]),
        (&"d".into(), &"update".into(), &"car".into())
    );
    assert!(d["clip"].is_object());
}

#[test]
fn a_clip_that_is_finished_is_told_with_its_events_and_one_that_is_removed_too() {
    let recordings = Recordings::new();
    let events = Arc::new(Events::default());
    let (clips, mut watcher) = unwatched(recordings.path(), &events);
    look(&mut watcher);
    events.take(&live("a", EventPhase::New));
    events.tell();
    let mut told = events.subscribe();
    let mut news = || -> Value {
        let text = told.try_recv().expect("it is told");
        serde_json::from_str(&text).expect("JSON")
    };
    let stem = recordings.add("gate", 1000, b"", &[note("a", 1.5)]);
    look(&mut watcher);
    events.tell();
    while news()["type"] != "clips" {}
    let row = news();
    assert_eq!(
        row["events"][0]["clip"],
        serde_json::json!({"name": stem, "at": 1.5})
    );
    assert_eq!(
        row["events"][0]["phase"], "new",
        "the event itself has not changed"
    );
    look(&mut watcher);
    events.tell();
    recordings.remove(&stem);
    look(&mut watcher);
    events.tell();
    assert_eq!(news()["type"], "clips");
    assert!(news()["events"][0]["clip"].is_null());
    assert!(clips.names().is_empty());
    assert_eq!(ids(&events), ["a"], "the event stays");
}

#[test]
fn events_of_a_clip_that_was_being_recorded_at_the_start_are_added_and_none_that_was_left_out() {
    let recordings = Recordings::new();
    let events = Arc::new(Events::default());
    let clips = Arc::new(Clips::new(recordings.path()));
    let mut watcher = Watcher::new(clips, Arc::clone(&events), 5_000_000_000);
    recordings.add("gate", 1000, b"", &[began("a", 1000)]);
    look(&mut watcher);
    let open = [began("b", 4000), began("long ago forgotten", 6000)];
    recordings.add("gate", 4000, b"", &open);
    look(&mut watcher);
    assert_eq!(ids(&events), ["b", "a"]);
}

#[test]
fn a_sidecar_that_cannot_be_used_costs_its_clip_alone() {
    let recordings = Recordings::new();
    let good = recordings.add("gate", 1000, b"", &[note("a", 0.0)]);
    let text = fs::read_to_string(recordings.at(&good, "json")).expect("text");
    for (ms, sidecar) in [
        (2000, &text[..50]),
        (3000, ""),
        (4000, &text.replace("\"gate\"", "\"yard\"")),
        (5000, &text.replace("clip/1", "clip/9")),
    ] {
        recordings.write("gate", ms, b"", sidecar.as_bytes());
    }
    let last = recordings.add("gate", 6000, b"", &[]);
    let events = Arc::new(Events::default());
    let (clips, mut watcher) = unwatched(recordings.path(), &events);
    look(&mut watcher);
    assert_eq!(clips.names(), [&*last, &*good]);
    assert_eq!(watcher.lines, 4);
    look(&mut watcher);
    recordings.add("gate", 7000, b"", &[]);
    look(&mut watcher);
    assert_eq!(clips.names().len(), 3);
    assert_eq!(watcher.lines, 4, "it is said once");
}
