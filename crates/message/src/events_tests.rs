//! Events there and back, and such as no stage of ours sends.

use std::sync::Arc;

use crate::tests::{id, trace};
use crate::*;

pub(crate) fn crossing() -> Event {
    Event {
        id: id("cam1", 40),
        trace: trace(2),
        event: Arc::from("cam1-gate-1f"),
        phase: EventPhase::End,
        kind: EventKind::Crossing,
        rule: Arc::from("gate"),
        direction: Some(Direction::In),
        began_unix_nanos: 1_700_000_000_000_000_000,
        ended_unix_nanos: Some(1_700_000_000_000_000_000),
        track_ids: vec![7],
        label: Arc::from("car"),
        score: 0.75,
        place: Some([0.1, 0.2, 0.3, 0.4]),
        value: 1.0,
        entered: 3,
        left: 2,
    }
}

fn changed(change: impl FnOnce(&mut Event)) -> Event {
    let mut row = crossing();
    change(&mut row);
    row
}

#[test]
fn every_kind_and_phase_comes_back_as_it_was() {
    let mut rows = vec![changed(|row| {
        row.place = None;
        row.track_ids.clear();
        row.label = Arc::from("");
        row.direction = None;
    })];
    for &kind in EventKind::ALL {
        for &phase in EventPhase::ALL {
            let ended = (phase == EventPhase::End).then_some(crossing().began_unix_nanos);
            rows.push(Event {
                kind,
                phase,
                ended_unix_nanos: ended,
                ..crossing()
            });
        }
    }
    assert_eq!(
        Event::from_arrow(&Event::to_arrow(&rows)).expect("events"),
        rows
    );
    assert_eq!(Event::from_arrow(&Event::to_arrow(&[])).expect("none"), []);
    // A stage that only counts what passes reads them as well.
    let passed = Passage::from_arrow(&Event::to_arrow(&rows)).expect("identities");
    assert_eq!(passed.len(), rows.len());
}

#[test]
fn an_event_that_cannot_be_is_refused_alone() {
    let late = crossing().id.captured_unix_nanos + 1;
    for (field, bad) in [
        ("event", changed(|row| row.event = Arc::from(""))),
        (
            "event",
            changed(|row| row.event = Arc::from("e".repeat(65))),
        ),
        ("rule", changed(|row| row.rule = Arc::from("a\nb"))),
        ("label", changed(|row| row.label = Arc::from("\u{1b}[31m"))),
        (
            "began_unix_nanos",
            changed(|row| row.began_unix_nanos = late),
        ),
        (
            "ended_unix_nanos",
            changed(|row| row.ended_unix_nanos = Some(row.began_unix_nanos - 1)),
        ),
        (
            "ended_unix_nanos",
            changed(|row| row.ended_unix_nanos = None),
        ),
        (
            "ended_unix_nanos",
            changed(|row| row.phase = EventPhase::Update),
        ),
        ("track_ids", changed(|row| row.track_ids = vec![1; 257])),
        ("conf", changed(|row| row.score = f32::NAN)),
        (
            "place",
            changed(|row| row.place = Some([0.5, 0.2, 0.3, 0.4])),
        ),
        (
            "place",
            changed(|row| row.place = Some([0.1, 0.2, 0.3, 1.4])),
        ),
        ("value", changed(|row| row.value = f64::INFINITY)),
    ] {
        let array = Event::to_arrow(&[crossing(), bad, crossing()]);
        let received = Event::read(&array).expect("the message as a whole is one");
        assert_eq!(received.rows, [crossing(), crossing()], "{field}");
        let [refused] = received.refused.as_slice() else {
            panic!("{field}: {:?}", received.refused);
        };
        let line = refused.error.to_string();
        assert!(line.contains(&format!("'{field}' in row 1")), "{line}");
        assert!(!refused.is_frame);
    }
}
