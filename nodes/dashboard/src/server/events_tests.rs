use camweave_message::{Event, EventKind, EventPhase, Trace};
use camweave_testing::frame_id;

use super::*;

fn row(event: &str, phase: EventPhase) -> Event {
    Event {
        id: frame_id("gate", 0),
        trace: Trace::default(),
        event: Arc::from(event),
        phase,
        kind: EventKind::Crossing,
        rule: Arc::from("door"),
        direction: None,
        began_unix_nanos: 0,
        ended_unix_nanos: (phase == EventPhase::End).then_some(0),
        track_ids: Vec::new(),
        label: Arc::from("person"),
        score: 0.5,
        place: None,
        value: 1.0,
        entered: 7,
        left: 0,
    }
}

fn body(answer: &str) -> serde_json::Value {
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn events_are_asked_for_by_what_they_are_and_their_images_by_id() {
    let bench = Bench::new(false, 1);
    bench.events.take(&row("a/b", EventPhase::End));
    bench.events.set_image("a/b", vec![0xff, 0xd8].into());
    for (query, found) in [
        ("", 1),
        ("?camera=gate&class=person&kind=crossing&since=0", 1),
        ("?kind=dwell", 0),
        ("?until=0", 0),
    ] {
        let (status, answer) = bench.ask(&[&format!("GET /api/events{query} HTTP/1.1")], "");
        let events = &body(&answer)["events"];
        assert_eq!(
            (status, events.as_array().map(Vec::len)),
            (200, Some(found)),
            "{query}"
        );
    }
    for query in ["?since=now", "?colour=red", "?limit=-1"] {
        let (status, _) = bench.ask(&[&format!("GET /api/events{query} HTTP/1.1")], "");
        assert_eq!(status, 400, "{query}");
    }
    let (status, answer) = bench.ask(&["GET /api/events/a%2Fb/image HTTP/1.1"], "");
    assert!(
        status == 200 && answer.contains("content-type: image/jpeg"),
        "{answer}"
    );
    assert_eq!(bench.ask(&["GET /api/events/c/image HTTP/1.1"], "").0, 404);
    let (_, none) = bench.ask(&["GET /api/rules HTTP/1.1"], "");
    assert!(body(&none)["rules"].is_null(), "the graph names no file");
    let closed = Bench::new(true, 1);
    for path in ["/api/events", "/api/events/a/image", "/api/rules"] {
        assert_eq!(
            closed.ask(&[&format!("GET {path} HTTP/1.1")], "").0,
            401,
            "{path}"
        );
    }
}

#[test]
fn a_page_is_told_of_events_and_of_those_that_it_has_missed() {
    let bench = Bench::new(false, 1);
    let mut socket = bench.socket(&[]).expect("open");
    let mut text = |part: &str| {
        loop {
            let text = next(&mut socket).expect("a text");
            if text.contains(part) {
                return text;
            }
        }
    };
    text("hello");
    bench.events.take(&row("a", EventPhase::New));
    bench.events.take(&row("a", EventPhase::End));
    bench.events.tell();
    let told: serde_json::Value = serde_json::from_str(&text(r#""type":"events""#)).expect("JSON");
    let events = told["events"].as_array().expect("a list");
    assert_eq!(
        (events.len(), &events[0]["phase"]),
        (1, &"end".into()),
        "each once, as it is now"
    );
    // What rules have counted is in the state.
    let state = text(r#""rule":"door""#);
    let state: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(state["counts"][0]["entered"], 7);
}
