use camweave_message::{EventKind, EventPhase, Trace};
use camweave_recording::EventNote;
use camweave_testing::frame_id;

use super::*;

fn row(camera: &str, event: &str, phase: EventPhase) -> Event {
    let mut id = frame_id(camera, 0);
    id.captured_unix_nanos = 9_000_000_000;
    Event {
        id,
        trace: Trace::default(),
        event: Arc::from(event),
        phase,
        kind: EventKind::Presence,
        rule: Arc::from("yard"),
        direction: None,
        began_unix_nanos: 5_000_000_000,
        ended_unix_nanos: (phase == EventPhase::End).then_some(8_000_000_000),
        track_ids: vec![u64::MAX],
        label: Arc::from("person"),
        score: 0.9,
        place: Some([0.1, 0.2, 0.3, 0.4]),
        value: 1.0,
        entered: 1,
        left: 0,
    }
}

fn ids(book: &Book, query: &Query) -> Vec<String> {
    let (found, _) = book.find(query);
    found.iter().map(|it| it.event.to_string()).collect()
}

#[test]
fn the_last_row_of_an_event_is_kept_and_none_that_comes_after_its_end() {
    let mut book = Book::default();
    assert!(book.take(&row("gate", "a", EventPhase::New)));
    book.set_image("a", Bytes::from_static(b"jpeg"));
    assert!(!book.take(&row("gate", "a", EventPhase::End)));
    assert!(
        !book.take(&row("gate", "a", EventPhase::Update)),
        "it came late"
    );
    let (found, more) = book.find(&Query::default());
    assert_eq!((found.len(), more), (1, None));
    assert!(found[0].is_over());
    assert_eq!(found[0].ended_unix_ms, Some(8000));
    assert_eq!(book.image("a").as_deref(), Some(&b"jpeg"[..]));
    let json = serde_json::to_value(found[0]).expect("JSON");
    assert_eq!(
        (&json["image"], &json["tracks"][0]),
        (&true.into(), &u64::MAX.to_string().into())
    );
    assert_eq!(
        (&json["began_unix_ms"], &json["phase"]),
        (&5000.into(), &"end".into())
    );
}

#[test]
fn each_filter_leaves_out_what_does_not_fit() {
    let mut book = Book::default();
    book.take(&row("gate", "a", EventPhase::New));
    let car = Event {
        label: Arc::from("car"),
        kind: EventKind::Dwell,
        rule: Arc::from("lane"),
        began_unix_nanos: 7_000_000_000,
        ..row("yard", "b", EventPhase::New)
    };
    book.take(&car);
    let text = |text: &str| Some(text.to_owned());
    let query = Query::default();
    assert_eq!(ids(&book, &query), ["b", "a"]);
    for (query, expected) in [
        (
            Query {
                camera: text("gate"),
                ..query.clone()
            },
            "a",
        ),
        (
            Query {
                class: text("car"),
                ..query.clone()
            },
            "b",
        ),
        (
            Query {
                kind: text("dwell"),
                ..query.clone()
            },
            "b",
        ),
        (
            Query {
                rule: text("yard"),
                ..query.clone()
            },
            "a",
        ),
        (
            Query {
                since: Some(6000),
                ..query.clone()
            },
            "b",
        ),
        (
            Query {
                until: Some(7000),
                ..query.clone()
            },
            "a",
        ),
        (
            Query {
                before: Some(FIRST + 1),
                ..query.clone()
            },
            "a",
        ),
    ] {
        assert_eq!(ids(&book, &query), [expected], "{query:?}");
    }
}

#[test]
fn pages_of_an_answer_have_each_event_once() {
    let mut book = Book::default();
    for number in 0..450 {
        book.take(&row("gate", &format!("e{number}"), EventPhase::New));
    }
    let mut query = Query {
        limit: Some(10_000),
        ..Query::default()
    };
    let mut all = Vec::new();
    loop {
        let (found, more) = book.find(&query);
        assert!(found.len() <= 200);
        all.extend(found.iter().map(|it| it.number));
        query.before = more;
        if more.is_none() {
            break;
        }
    }
    assert!(all.iter().map(|it| it - FIRST).eq((0..450).rev()));
}

#[test]
fn a_busy_camera_leaves_the_events_of_others_and_memory_is_bounded() {
    let mut book = Book::default();
    book.take(&row("quiet", "first", EventPhase::New));
    for number in 0..3 * MOST {
        let id = format!("e{number}");
        book.take(&row("busy", &id, EventPhase::New));
        book.set_image(&id, Bytes::from(vec![0; 40_000]));
    }
    assert_eq!(book.records.len(), MOST_OF_CAMERA + 1);
    assert_eq!(book.numbers.len(), book.records.len());
    assert!(book.changed.len() <= book.records.len());
    let bytes = book
        .records
        .values()
        .filter_map(|it| it.image.as_ref())
        .map(Bytes::len);
    let bytes: usize = bytes.sum();
    assert_eq!(bytes, book.image_bytes);
    assert!(
        (MOST_IMAGE_BYTES / 2..=MOST_IMAGE_BYTES).contains(&bytes),
        "{bytes}"
    );
    assert!(book.image(&format!("e{}", 3 * MOST - 1)).is_some());
    for camera in 0..8 {
        for number in 0..MOST_OF_CAMERA {
            book.take(&row(
                &format!("c{camera}"),
                &format!("{camera}-{number}"),
                EventPhase::New,
            ));
        }
    }
    assert_eq!(book.records.len(), MOST);
    assert!(book.image_bytes == 0 && !book.of_camera.contains_key("quiet"));
}

#[test]
fn counts_are_those_of_the_last_event_and_what_lasts_is_counted() {
    let mut book = Book::default();
    let counted = |event: &str, phase, entered, left| Event {
        entered,
        left,
        ..row("gate", event, phase)
    };
    book.take(&counted("a", EventPhase::New, 1, 0));
    book.take(&counted("b", EventPhase::New, 2, 0));
    book.take(&counted("a", EventPhase::End, 2, 1));
    book.take(&Event {
        kind: EventKind::Occupancy,
        rule: Arc::from("hall"),
        value: 3.0,
        ..row("gate", "c", EventPhase::Update)
    });
    let counts = book.counts();
    let of = |rule: &str| counts.iter().find(|it| &*it.rule == rule).expect("counted");
    assert_eq!(
        (of("yard").entered, of("yard").left, of("yard").now),
        (2, 1, 1)
    );
    assert_eq!((of("hall").kind, of("hall").now), ("occupancy", 3));
}

#[test]
fn what_has_changed_is_taken_once() {
    let mut book = Book::default();
    for event in ["a", "b", "c"] {
        book.take(&row("gate", event, EventPhase::New));
        book.take(&row("gate", event, EventPhase::Update));
    }
    assert_eq!(
        (book.take_changed(2), book.take_changed(2)),
        (vec![FIRST, FIRST + 1], vec![FIRST + 2])
    );
    assert!(book.take_changed(2).is_empty());
    book.take(&row("gate", "b", EventPhase::End));
    assert_eq!(book.take_changed(2), [FIRST + 1]);
}

#[test]
fn events_of_clips_fill_what_room_there_is_below_those_that_came() {
    let recorded = |camera: &str, event: &str| Recorded {
        camera: Arc::from(camera),
        note: crate::clips::testing::note(event, 0.0),
        clip_end_unix_nanos: 5_000_000_000,
    };
    let mut book = Book::default();
    book.take(&row("gate", "live", EventPhase::New));
    assert!(!book.take_older(recorded("gate", "live")), "it is known");
    let taken = (0..MOST).filter(|it| book.take_older(recorded("gate", &format!("e{it}"))));
    assert_eq!(taken.count(), MOST_OF_CAMERA - 1);
    let newest = ids(&book, &Query::default());
    assert_eq!(newest[..3], ["live", "e0", "e1"]);
    for camera in 0..8 {
        for number in 0..MOST_OF_CAMERA {
            book.take_older(recorded(
                &format!("c{camera}"),
                &format!("{camera}-{number}"),
            ));
        }
    }
    assert_eq!(book.records.len(), MOST);
    // What comes pushes out the oldest, and what a clip had of it gives way.
    book.take(&row("yard", "new", EventPhase::New));
    book.take(&row("gate", "e0", EventPhase::Update));
    assert_eq!(book.records.len(), MOST);
    assert_eq!(ids(&book, &Query::default())[..3], ["new", "live", "e0"]);
    let e0 = book.numbers["e0"];
    assert_eq!(book.get(e0).map(|it| it.phase), Some("update"));
    let strange = Recorded {
        note: EventNote {
            kind: "strange".to_owned(),
            ..crate::clips::testing::note("strange", 0.0)
        },
        ..recorded("new", "strange")
    };
    book.take_recorded(strange);
    assert_eq!(book.numbers.get("strange"), None);
}
