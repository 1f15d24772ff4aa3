//! Payloads against the JSON Schema that is published with them.

use std::process::{Command, Stdio};
use std::sync::Arc;

use camweave_message::{CapturedClock, Direction, EventPhase};
use camweave_testing::event;
use serde_json::{Value, json};

use super::*;
use crate::settings::{PublishSettings, Shape};
use crate::topics::Topics;

/// Reads `[payload, whether it is one]` pairs, and says which are not as they should be.
const VALIDATE: &str = "import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
kind = jsonschema.Draft202012Validator
kind.check_schema(schema)
for payload, is_one in json.load(sys.stdin):
    errors = [error.message for error in kind(schema).iter_errors(payload)]
    if is_one == bool(errors):
        sys.exit(f'{errors}: {json.dumps(payload)}')
";

/// Has the Python package jsonschema say of each payload whether it is as published. A validator in Rust
/// would change features of crates that the programs share, which are then built twice.
fn check(payloads: &[(Value, bool)]) {
    let python = Command::new("python3")
        .args(["-c", "import jsonschema"])
        .output();
    if !python.is_ok_and(|it| it.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no jsonschema in CI");
        return eprintln!("skipped: python3 has no package jsonschema (scripts/setup.sh --tests)");
    }
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/event.schema.json");
    let mut child = Command::new("python3")
        .args(["-c", VALIDATE, schema])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let input = child.stdin.take().expect("piped");
    serde_json::to_writer(input, payloads).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

fn crossing() -> Event {
    Event {
        phase: EventPhase::End,
        kind: EventKind::Crossing,
        direction: Some(Direction::In),
        began_unix_nanos: 1_700_000_000_123_456_789,
        ended_unix_nanos: Some(1_700_000_000_123_456_789),
        ..event("gate", 40)
    }
}

#[test]
fn every_kind_and_phase_is_as_the_schema_says() {
    let mut payloads = Vec::new();
    for &kind in EventKind::ALL {
        for &phase in EventPhase::ALL {
            for (label, place) in [("car", Some([0.1, 0.2, 0.3, 1.0])), ("", None)] {
                let row = Event {
                    kind,
                    phase,
                    ended_unix_nanos: (phase == EventPhase::End).then_some(5),
                    direction: (kind == EventKind::Crossing).then_some(Direction::Out),
                    label: Arc::from(label),
                    place,
                    ..event("gate", 1)
                };
                let payload = serde_json::to_value(Payload::of(&row)).expect("JSON");
                payloads.push((payload, true));
            }
        }
    }
    check(&payloads);
}

#[test]
fn the_schema_refuses_what_is_none() {
    let good = serde_json::to_value(Payload::of(&crossing())).expect("JSON");
    let mut payloads = vec![(good.clone(), true)];
    for (field, bad) in [
        ("schema", json!("camweave.event/2")),
        ("phase", json!("begin")),
        ("kind", json!("smell")),
        ("began", json!(1_700_000_000)),
        ("score", json!(1.5)),
        ("place", json!([0.1, 0.2, 0.3])),
        ("tracks", json!(["7"])),
        ("direction", json!("left")),
    ] {
        let mut payload = good.clone();
        payload[field] = bad;
        payloads.push((payload, false));
    }
    for field in good.as_object().expect("an object").keys() {
        let mut payload = good.clone();
        payload.as_object_mut().expect("an object").remove(field);
        payloads.push((payload, false));
    }
    check(&payloads);
}

#[test]
fn a_row_is_what_it_was_and_its_copies_have_its_id() {
    let row = crossing();
    let payload = Payload::of(&row);
    assert_eq!(payload, Payload::of(&row.clone()));
    let seen = serde_json::to_value(&payload).expect("JSON");
    for (field, expected) in [
        ("event", json!("gate-40")),
        ("camera", json!("gate")),
        ("began", json!("2023-11-14T22:13:20.123456Z")),
        ("clock", json!(CapturedClock::Arrival.as_str())),
        ("direction", json!("in")),
        ("unit", json!("crossings")),
    ] {
        assert_eq!(seen[field], expected, "{field}");
    }
    let later = Event {
        id: camweave_message::FrameId {
            captured_unix_nanos: row.id.captured_unix_nanos + 1,
            ..row.id.clone()
        },
        ..row
    };
    assert_ne!(Payload::of(&later).id, payload.id);
}

#[test]
fn frigate_s_before_is_the_row_before() {
    let mut frigate = Frigate::default();
    let row = |phase, nanos| {
        let mut row = Event {
            phase,
            kind: EventKind::Presence,
            ended_unix_nanos: (phase == EventPhase::End).then_some(2_000_000_000),
            began_unix_nanos: 1_500_000_000,
            ..event("gate", 7)
        };
        row.id.captured_unix_nanos = nanos;
        Payload::of(&row)
    };
    let new = frigate.of(&row(EventPhase::New, 1_500_000_000));
    assert_eq!(
        (&new["type"], &new["before"]),
        (&json!("new"), &new["after"])
    );
    assert_eq!(new["after"]["start_time"], json!(1.5));
    assert_eq!(new["after"]["end_time"], Value::Null);
    assert_eq!(new["after"]["current_zones"], new["after"]["entered_zones"]);
    let end = frigate.of(&row(EventPhase::End, 2_500_000_000));
    assert_eq!(end["before"], new["after"]);
    assert_eq!(end["after"]["end_time"], json!(2.0));
    assert_eq!(end["after"]["current_zones"], json!([]));
    // It is over: what is sent once more has nothing in front of it.
    let again = frigate.of(&row(EventPhase::End, 2_500_000_000));
    assert_eq!(again["before"], again["after"]);
}

#[test]
fn a_copy_is_what_was_sent_before() {
    let mut bodies = Bodies::new(Shape::Frigate);
    let row = |phase, number: u64| {
        let mut row = Event {
            phase,
            kind: EventKind::Presence,
            ended_unix_nanos: (phase == EventPhase::End).then_some(9),
            ..event("gate", 7)
        };
        row.id.captured_unix_nanos = i64::try_from(number).expect("small");
        let payload = Payload::of(&row);
        let bytes = serde_json::to_vec(&payload).expect("JSON");
        let record = camweave_spool::Record {
            number,
            unix_ms: 0,
            bytes,
        };
        (record, payload)
    };
    let rows = [
        row(EventPhase::New, 1),
        row(EventPhase::Update, 2),
        row(EventPhase::End, 3),
    ];
    let mut send = |next| -> Vec<_> {
        let left = rows.iter().filter(|(record, _)| record.number >= next);
        left.map(|(record, payload)| bodies.of(record, payload, next))
            .collect()
    };
    let sent = send(1);
    let before: Value = serde_json::from_slice(&sent[2]).expect("JSON");
    assert_ne!(before["before"], before["after"]);
    assert_eq!(send(1), sent);
    assert_eq!(send(2), sent[1..]);
    assert_eq!(send(3), sent[2..]);
}

#[test]
fn a_camera_is_announced_as_home_assistant_documents_it() {
    let mut settings = PublishSettings {
        topic_prefix: "site/camweave".to_owned(),
        ..PublishSettings::default()
    };
    assert!(discovery(&Topics::of(&settings, "a/b"), "gate").is_none());
    settings.discovery_prefix = "homeassistant".to_owned();
    assert_eq!(settings.shape, Shape::Camweave);
    let (topic, payload) =
        discovery(&Topics::of(&settings, "a/b"), "gate").expect("an announcement");
    assert_eq!(topic, "homeassistant/device/site_camweave_gate/config");
    // What Home Assistant requires: a device with an identifier, an origin with a name, and of each
    // component its platform and a unique id.
    assert_eq!(
        payload["device"]["identifiers"],
        json!(["site_camweave_gate"])
    );
    assert_eq!(payload["origin"]["name"], "camweave");
    assert_eq!(payload["state_topic"], "site/camweave/gate/events");
    assert_eq!(payload["availability_topic"], "site/camweave/a_b/available");
    let components = payload["components"].as_object().expect("components");
    let ids = components.values().map(|it| it["unique_id"].as_str());
    let ids: std::collections::BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), components.len());
    assert!(components.values().all(|it| it["platform"].is_string()));
    assert_eq!(
        components["events"]["event_types"].as_array().map(Vec::len),
        Some(6)
    );
}
